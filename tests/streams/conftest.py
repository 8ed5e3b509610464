from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import ServerConnection

from ringline.streams import transport_picows, transport_websockets
from ringline.streams.transport import Dial
from tests.streams.apps import App, Events, ScriptedPlane, serving


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with serving() as app:
        yield app


@pytest.fixture
async def unresponsive() -> AsyncIterator[App]:
    """An app whose machine died: the connection stands, nothing is read or answered any more."""
    app = App()

    async def freeze(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        app.sockets.put_nowait(socket)
        await socket.wait_closed()

    async with serving(freeze) as server:
        app.port = server.port
        yield app
        while not app.sockets.empty():
            app.sockets.get_nowait().transport.abort()


@pytest.fixture
def plane() -> ScriptedPlane:
    return ScriptedPlane()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture(params=[transport_picows.dial, transport_websockets.dial], ids=["picows", "websockets"])
def dial(request: pytest.FixtureRequest) -> Dial:
    chosen: Dial = request.param
    return chosen
