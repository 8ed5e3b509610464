"""Who holds a port, as Linux tells in `/proc` (proc(5): net/tcp, net/udp, PID/fd)."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PROC = Path("/proc")

Transport = Literal["udp", "tcp"]

LISTEN = "0A"
"""`TCP_LISTEN`: other TCP sockets on the port are connections, which hold nothing."""


@dataclass(frozen=True, slots=True)
class Process:
    """Who it is. `command` is the command line, empty when it may not be read."""

    pid: int
    name: str
    command: tuple[str, ...]

    @property
    def is_ringline(self) -> bool:
        """Whether this is a ringline server."""
        return "serve" in self.command and any("ringline" in Path(word).name for word in self.command)

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.name})"


def bound_ports(transport: Transport, proc: Path = PROC) -> dict[int, set[int]]:
    """Every local port that is bound (UDP) or listened on (TCP), with the inodes of its sockets."""
    found: dict[int, set[int]] = {}
    for file in (proc / "net" / transport, proc / "net" / f"{transport}6"):
        with suppress(OSError):
            for port, inode in parse_table(file.read_text(), listening=transport == "tcp"):
                found.setdefault(port, set()).add(inode)
    return found


def parse_table(text: str, *, listening: bool) -> Iterator[tuple[int, int]]:
    """Local port and inode of each line of `/proc/net/udp` or `tcp`; other lines are passed over."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or (listening and fields[3] != LISTEN):
            continue
        with suppress(ValueError):
            yield int(fields[1].rpartition(":")[2], 16), int(fields[9])


def holder(transport: Transport, port: int, proc: Path = PROC) -> Process | None:
    """The process that holds a port; None when nobody does, or it belongs to another user."""
    inodes = bound_ports(transport, proc).get(port, set())
    targets = {f"socket:[{inode}]" for inode in inodes}
    for folder in proc.iterdir():
        if targets and folder.name.isdigit() and _has_one_of(folder, targets):
            return _process(folder)
    return None


def _has_one_of(folder: Path, targets: set[str]) -> bool:
    with suppress(OSError):
        for descriptor in (folder / "fd").iterdir():
            with suppress(OSError):  # closed since it was listed
                if os.readlink(descriptor) in targets:
                    return True
    return False


def _process(folder: Path) -> Process:
    name, command = "?", ""
    with suppress(OSError):
        name = (folder / "comm").read_text().strip()
        command = (folder / "cmdline").read_text()
    return Process(int(folder.name), name, tuple(word for word in command.split("\0") if word))
