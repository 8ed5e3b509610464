"""What a process and the machine have used, from /proc (Linux)."""

import os
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Used:
    """CPU time so far, nanoseconds. `control` is the process's first thread, `others` all the rest."""

    control: int
    others: int
    at: int

    @property
    def total(self) -> int:
        """All threads."""
        return self.control + self.others

    def since(self, before: "Used") -> "Used":
        """The difference; `at` is then the time between."""
        return Used(self.control - before.control, self.others - before.others, self.at - before.at)

    @property
    def cores(self) -> float:
        """Of a difference: how many cores were busy."""
        return self.total / self.at


def used(pid: int) -> Used:
    """CPU time of a living process, with the precision of the scheduler (a tick would be 10 ms)."""
    control = others = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        ns = int((task / "schedstat").read_text().split()[0])
        if task.name == str(pid):
            control += ns
        else:
            others += ns
    return Used(control, others, time.monotonic_ns())


def process_ms(pid: int) -> int:
    """CPU time of a living process in milliseconds, threads that have ended counted, to the tick (10 ms)."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1000 // os.sysconf("SC_CLK_TCK")


def memory_kb(pid: int) -> int:
    """Resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def machine_busy_ns() -> int:
    """CPU time that all processes of the machine have used, summed over its cores."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, words[:8])
    ticks = user + nice + system + irq + softirq + steal
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def pin(pid: int, cpus: AbstractSet[int]) -> None:
    """Keep all threads of a process, and those still to come, on these cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cpus)


def children_of(pid: int, word: str) -> list[int]:
    """The processes that `pid` has started and whose command line holds `word`."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found
