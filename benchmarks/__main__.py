"""`python -m benchmarks [NAME…] [--quick] [--write]`."""

import argparse
import asyncio
import importlib
import sys
import tempfile
from pathlib import Path

from benchmarks import children, programs, report

NAMES = (
    "calls",
    "setup",
    "commands",
    "webhooks",
    "frames",
    "chat",
    "embeddings",
    "conversations",
    "recognition",
)


def main(arguments: list[str]) -> int:
    """Run what was asked for; 0 when all of it could run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all when none is given"
    )
    parser.add_argument("--quick", action="store_true", help="small and short: does it run, not what is it")
    parser.add_argument("--write", action="store_true", help="add a dated entry to docs/benchmarks.md")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    try:
        with tempfile.TemporaryDirectory(prefix="ringline-bench-") as folder:
            for name in asked.names or NAMES:
                asyncio.run(_run(name, Path(folder), quick=asked.quick, write=asked.write))
    except programs.Unavailable as problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 1
    return 0


async def _run(name: str, folder: Path, *, quick: bool, write: bool) -> None:
    built, scratch = folder / "programs", folder / name
    scratch.mkdir()
    if not built.exists():
        built.mkdir()
        programs.build(built)
    begun = report.Conditions.now()
    try:
        result = await importlib.import_module(f"benchmarks.{name}").run(built, scratch, quick)
    finally:
        await children.end_all()
    command = f"make bench NAME={name}" if not quick else f"python -m benchmarks {name} --quick"
    text = report.entry(result, begun, report.Conditions.now(), command)
    print(f"## {name}\n\n{text}", flush=True)
    if write:
        report.write(name, text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
