"""Results: printed, and kept as dated entries of docs/benchmarks.md."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under heads."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """As Markdown with columns aligned, readable as it stands."""
        lines = [list(self.heads), *map(list, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.heads))]
        lines.insert(1, ["-" * width for width in widths])
        return "\n".join(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What one benchmark found. `limit` is what these numbers do not say, in one sentence."""

    name: str
    tables: Sequence[Table]
    goals: Sequence[str]
    limit: str
    conditions: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where and when."""

    at: datetime
    commit: str
    machine: str
    load: str

    @classmethod
    def now(cls) -> "Conditions":
        """This machine at this moment."""
        return cls(datetime.now(UTC), _commit(), _machine(), f"{os.getloadavg()[0]:.1f}")


def entry(result: Result, begun: Conditions, ended: Conditions, command: str) -> str:
    """One dated entry."""
    head = f"### {begun.at:%Y-%m-%d %H:%M} UTC, commit {begun.commit}"
    facts = [
        f"`{command}` on {begun.machine}; load {begun.load} at the start, {ended.load} at the end.",
        *result.conditions,
    ]
    goals = "\n".join(f"- {goal}" for goal in result.goals)
    tables = "\n\n".join(table.text() for table in result.tables)
    limit = f"Limit of these numbers: {result.limit}"
    return "\n\n".join(part for part in (head, " ".join(facts), tables, goals, limit) if part) + "\n"


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Put an entry first under the heading `## name`; raises ValueError where there is no such heading."""
    heading = f"## {name}\n"
    before, found, after = page.read_text().partition(heading)
    if not found:
        raise ValueError(f"{page} has no heading {heading!r}")
    at = after.find("\n### ")
    following = after.find("\n## ")
    at = min((place for place in (at, following) if place >= 0), default=len(after))
    page.write_text(f"{before}{heading}{after[:at].rstrip()}\n\n{text}{after[at:]}")


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    virtual = ", virtual" if "hypervisor" in Path("/proc/cpuinfo").read_text() else ""
    return (
        f"{os.cpu_count()} cores of {model}{virtual}, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}"
    )


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def verdict(what: str, holds: bool) -> str:
    """A goal and whether it was met."""
    return f"{'met' if holds else 'MISSED'}: {what}"
