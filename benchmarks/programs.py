"""The C programs beside this file: compiled when a benchmark starts, spoken to in lines."""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from benchmarks.children import spawn

HERE = Path(__file__).parent
NAMES = ("peer", "floor", "app")
ANSWER_WITHIN_S = 20


class Unavailable(Exception):
    """The machine lacks something that a benchmark needs; the message says what to do."""


def build(folder: Path) -> None:
    """Compile all of them into `folder`."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Unavailable("benchmarks need a C compiler: apt-get install gcc")
    for name in NAMES:
        command = [
            compiler,
            "-O2",
            "-Wall",
            "-D_GNU_SOURCE",
            "-o",
            str(folder / name),
            str(HERE / f"{name}.c"),
        ]
        subprocess.run(command, check=True)


def need_sipp() -> str:
    """Where sipp is."""
    found = shutil.which("sipp")
    if found is None:
        raise Unavailable("this benchmark needs sipp: apt-get install sip-tester")
    return found


class Program:
    """One of them, running. Lines that are no answers go to `on_line`."""

    def __init__(self, process: asyncio.subprocess.Process, first: str) -> None:
        self._process = process
        self.on_line: Callable[[str], None] = lambda _line: None
        self.ports = [int(word) for word in first.split()[1:]]
        """The numbers of its first line: what it listens on."""
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, path: Path, *arguments: object) -> Self:
        """Start it and read its first line."""
        process = await spawn(
            path,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode().strip()
        if not first:
            raise Unavailable(f"{path.name} ended at once with {await process.wait()}")
        return cls(process, first)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def tell(self, line: str) -> None:
        """Send a command that has no answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def ask(self, line: str) -> dict[str, Any]:
        """Send a command and wait for its JSON."""
        self.tell(line)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await self._answers.get()

    async def stop(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip("\n")
            if text.startswith("{"):
                self._answers.put_nowait(json.loads(text))
            else:
                self.on_line(text)
