"""A ringline server under test, and the customer who uses it over plain HTTP."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from benchmarks.children import spawn
from benchmarks.programs import Unavailable

KEY = "KEYbenchmark"
READY = re.compile(r"ringline ready http=(?P<http>\S+) sip=(?P<sip>\S+)")
START_WITHIN_S = 60.0
SETTINGS: Mapping[str, object] = {
    "api_key": KEY,
    "http.port": 0,
    "http.requests_per_minute": 1_000_000,
    "sip.port": 0,
    "sip.invites_per_second": 5000,
    "media.ports": "20000-29999",
    "calls.limit": 1000,
    "drain_secs": 0,
    "log.format": "json",
}
"""Everything else is as it comes: webhooks signed and stored, the timeline, the jitter buffer, statistics."""


class Refused(Exception):
    """The server answered with an error, or not at all."""


class Server:
    """One life after the other on the same data folder."""

    def __init__(self, folder: Path, settings: Mapping[str, object] = {}) -> None:
        self._folder = folder
        self._settings = {**SETTINGS, **settings}
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.sip = ""

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self._folder / "ringline.db"

    async def start(self) -> Self:
        """Start it and wait until it is ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        names = {f"RINGLINE_{name.replace('.', '_').upper()}": str(v) for name, v in self._settings.items()}
        log = self._folder / "server.log"
        with log.open("ab") as errors:
            self._process = await spawn(
                *(sys.executable, "-m", "benchmarks.busy_server", "serve", "--data", self._folder),
                env={**os.environ, **names},
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_WITHIN_S):
            async for line in self._process.stdout:
                if found := READY.search(line.decode()):
                    self.url, self.sip = found["http"], found["sip"]
                    return self
        raise Unavailable(f"the server did not start:\n{log.read_text()[-2000:]}")

    def be_busy(self) -> None:
        """Keep its control thread busy for 100 ms."""
        os.kill(self.pid, signal.SIGUSR1)

    async def stop(self) -> None:
        """End it as an operator does who will not wait for calls."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        self._process.terminate()
        try:
            async with asyncio.timeout(30):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Customer:
    """An account's use of the API; the connection is kept, errors raise."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {KEY}"}, connector=aiohttp.TCPConnector(limit=0)
        )
        self.connection_id = ""

    async def post(self, path: str, body: Mapping[str, object] = {}) -> dict[str, Any]:
        """POST to `/v2` + path; `data` of the answer. Raises `Refused`."""
        return await self._request("POST", path, body)

    async def _request(self, method: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        try:
            async with self._http.request(method, self._url + path, json=body) as answer:
                if answer.status >= 300:
                    raise Refused(f"{path}: {answer.status} {await answer.text()}")
                found: dict[str, Any] = (await answer.json())["data"]
                return found
        except aiohttp.ClientError as error:
            raise Refused(f"{path}: {error}") from error

    async def health(self) -> dict[str, Any]:
        """`/healthz`."""
        async with self._http.get(self._url.removesuffix("/v2") + "/healthz") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def open(self, app_url: str, number: str) -> None:
        """An application whose webhooks go to `app_url`, and a number that rings it."""
        made = await self.post(
            "/call_control_applications",
            {"application_name": "benchmark", "webhook_event_url": f"{app_url}/hook"},
        )
        self.connection_id = str(made["id"])
        await self.post(
            "/number_orders",
            {"phone_numbers": [{"phone_number": number}], "connection_id": self.connection_id},
        )

    async def dial(self, to: str, **options: object) -> str:
        """The call_control_id."""
        body = {"connection_id": self.connection_id, "from": "+15550100000", "to": to, **options}
        return str((await self.post("/calls", body))["call_control_id"])

    async def act(self, call: str, action: str, **body: object) -> None:
        """One command."""
        await self.post(f"/calls/{call}/actions/{action}", body)

    async def note(self, call: str, client_state: str) -> None:
        """The command that changes nothing but the call's record."""
        path = f"/calls/{call}/actions/client_state_update"
        await self._request("PUT", path, {"client_state": client_state})

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
