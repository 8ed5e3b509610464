"""sipp as the caller or the callee of many short calls."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Self

from benchmarks.children import spawn
from benchmarks.programs import need_sipp


def _free_port() -> int:
    """A port that was free a moment ago, for sipp, which does not tell the one it takes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sipp:
    """One run of sipp; its files go to `folder`."""

    def __init__(self, folder: Path, port: int, process: asyncio.subprocess.Process) -> None:
        self._folder = folder
        self._process = process
        self.port = port

    @classmethod
    async def _start(cls, folder: Path, *arguments: object) -> Self:
        port = _free_port()
        process = await spawn(
            need_sipp(),
            *("-i", "127.0.0.1", "-p", port, "-nostdin", "-mp", "6000"),
            *arguments,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return cls(folder, port, process)

    @classmethod
    async def callee(cls, folder: Path) -> Self:
        """Answers every call at once."""
        return await cls._start(folder, "-sn", "uas")

    @classmethod
    async def caller(cls, folder: Path, server: str, number: str, *, calls: int, per_second: int) -> Self:
        """Places calls at an even rate; hangs up each 50 ms after its answer; ends after the last."""
        return await cls._start(
            folder,
            *("-sn", "uac", "-s", number, "-m", calls, "-r", per_second, "-d", 50, "-l", 20 * per_second),
            *("-trace_rtt", "-rtt_freq", 1, server),
        )

    async def ended(self, within_s: float) -> bool:
        """Wait for its end; whether every call went as its scenario says."""
        try:
            async with asyncio.timeout(within_s):
                return await self._process.wait() == 0
        except TimeoutError:
            return False

    def answer_times_ms(self) -> list[float]:
        """Of a caller: from each INVITE to its 200."""
        lines = [
            line.split(";")
            for file in self._folder.glob(f"uac_{self._process.pid}_rtt.csv")
            for line in file.read_text().splitlines()[1:]
        ]
        return [float(line[1]) for line in lines if len(line) >= 2]

    async def stop(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
