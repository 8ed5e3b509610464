"""What the media engine's own work costs, compiled and interpreted: no sockets, virtual time."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.report import Result, Table, verdict

KINDS = ("plain", "bridged", "taps and stream", "G722")


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """Each kind of leg in a process of its own, twice in turns."""
    del programs, scratch
    legs, rounds = (8, 20) if quick else (200, 300)
    rows, missing = [], False
    for kind in KINDS:
        compiled = [_measure(kind, legs, rounds, "compiled") for _ in range(1 if quick else 2)]
        interpreted = _measure(kind, legs, max(10, rounds // 20), "interpreted")
        missing = missing or not compiled[0]["compiled"]
        best = min(one["ns"] for one in compiled)
        rows.append(
            [
                kind,
                " ; ".join(f"{one['ns']:.0f}" for one in compiled),
                f"{interpreted['ns']:.0f}",
                f"{interpreted['ns'] / best:.0f}",
                f"{best / 20e6 * 100:.4f}",
                f"{best * legs / 4000:.0f}",
            ]
        )
    heads = (
        "leg", "compiled, ns per leg and 20 ms", "interpreted", "ratio", "% of a core per leg",
        f"µs per 5 ms slot of {legs} legs",
    )  # fmt: skip
    worst = max(float(row[5]) for row in rows)
    goals = [verdict(f"a slot of {legs} legs takes {worst:.0f} µs at most (its 5 ms are 5000)", worst < 5000)]
    note = ["NOT COMPILED HERE: both columns are the interpreted engine."] if missing else []
    return Result(
        "frames",
        [Table(heads, rows)],
        goals,
        "receive and tick are called from Python, which makes an object of each packet that the media thread "
        "never makes, so the compiled engine is a little cheaper than this says.",
        [f"{legs} legs, one packet in and one out every 20 ms, {rounds} rounds.", *note],
    )


def _measure(kind: str, legs: int, rounds: int, manner: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.tick", kind, str(legs), str(rounds), manner]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
