from collections.abc import AsyncIterator

import pytest

from ringline.streams import transport_picows, transport_websockets
from ringline.streams.transport import Dial
from tests.streams.apps import App, Events, ScriptedPlane, serving


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with serving() as app:
        yield app


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
