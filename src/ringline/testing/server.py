"""A real ringline server as a child process on free ports, for tests."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from ringline.core.errors import RinglineError

START_WITHIN_S = 60.0
READY = re.compile(r"ringline ready http=(?P<http>\S+) sip=(?P<sip>\S+)")


class ServerError(RinglineError):
    """The server did not start; the message holds its last words."""


class Server:
    """`async with Server(folder) as server:` starts it, leaving stops it.

    `settings` are dotted names (`webhooks.order`), written as the environment has them.
    """

    def __init__(
        self, data: Path, *, api_key: str = "KEYtest", settings: Mapping[str, object] | None = None
    ) -> None:
        self.data = data
        self.api_key = api_key
        self.url = ""
        """Base URL of the API, `/v2` included."""
        self.sip = ""
        """`host:port` of SIP."""
        self._settings = dict(settings or {})
        self._process: asyncio.subprocess.Process | None = None
        self._log = data / "server.log"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written to standard error, all its lives together."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def public_key(self) -> str:
        """What its webhooks are verified with, base64; raises `ServerError`."""
        headers = {"authorization": f"Bearer {self.api_key}"}
        try:
            async with aiohttp.ClientSession(raise_for_status=True, headers=headers) as http:
                answer = await http.get(f"{self.url}/public_key")
                found: dict[str, Any] = await answer.json()
        except aiohttp.ClientError as error:
            raise ServerError(f"the server does not tell its public key: {error}") from error
        return str(found["data"]["public"])

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        await self.stop()

    async def start(self) -> None:
        """Start and wait for its ready line; the same data folder may be started again."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ringline",
                "serve",
                "--data",
                str(self.data / "data"),
                env={**os.environ, **self._environment()},
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_WITHIN_S):
                async for line in self._process.stdout:
                    found = READY.search(line.decode())
                    if found:
                        self.url, self.sip = found["http"], found["sip"]
                        return
        except TimeoutError as error:
            await self.kill()
            raise ServerError(f"the server was not ready within {START_WITHIN_S:g} s") from error
        await self._process.wait()
        raise ServerError(f"the server ended at its start:\n{self.log[-2000:]}")

    async def stop(self, wait_s: float = 30.0) -> int:
        """SIGTERM twice: calls that stand are ended at once. Returns the exit status."""
        process = self._process
        if process is None or process.returncode is not None:
            return process.returncode if process and process.returncode is not None else 0
        process.terminate()
        process.terminate()
        try:
            async with asyncio.timeout(wait_s):
                return await process.wait()
        except TimeoutError:
            await self.kill()
            raise ServerError(f"the server did not stop within {wait_s:g} s") from None

    async def drain(self) -> int:
        """One SIGTERM: calls that stand may end by themselves. Returns the exit status."""
        assert self._process is not None
        self._process.terminate()
        return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL, as a crash."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _environment(self) -> dict[str, str]:
        values: dict[str, object] = {
            "api_key": self.api_key,
            "http.port": 0,
            "sip.port": 0,
            "media.ports": "30000-39999",
            "drain_secs": 5,
            "log.format": "json",
            **self._settings,
        }
        return {"RINGLINE_" + name.replace(".", "_").upper(): str(value) for name, value in values.items()}
