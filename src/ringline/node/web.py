"""The HTTP server inside our own loop: signals stay ours, and it drains when told."""

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp

from ringline.core.errors import ConfigError

START_WITHIN_S = 10


class _Server(uvicorn.Server):
    """uvicorn that is told when to end; it would wake up ten times a second to ask whether it should."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until `end`."""
        await self.on_tick(0)
        await self._told.wait()

    def end(self) -> None:
        """Answer what is under way, take nothing new."""
        self.should_exit = True
        self._told.set()


class WebServer:
    """uvicorn as a task."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._host = host
        self._port = port
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
            # Longer than the pools of clients keep a connection: who closes first must be the client, or a
            # request may cross our close and be lost.
            timeout_keep_alive=75,
            ws="none",
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """`http://host:port`, after `start`."""
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Bind and serve; raises `ConfigError` when the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self._host, self._port))
        except OSError as error:
            self._socket.close()
            raise ConfigError(
                f"the API cannot listen on {self._host}:{self._port}: {error.strerror}. "
                "Choose another with --http HOST:PORT, or stop what listens there."
            ) from error
        # `serve` would take the signals over; `_serve` leaves them to us, and uvicorn is pinned.
        self._task = asyncio.create_task(self._server._serve([self._socket]), name="http")
        async with asyncio.timeout(START_WITHIN_S):
            while not self._server.started:  # noqa: ASYNC110 - uvicorn offers no event to wait for
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Answer what is under way, then close."""
        self._server.end()
        if self._task:
            await self._task
