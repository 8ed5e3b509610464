"""One real server for all system tests; each test brings its own application, number, app and phones."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import pytest_asyncio
import telnyx

from ringline.testing import App, Phone, PhoneCall, Server

T = TypeVar("T")
_numbers = itertools.count(15550100000)


@dataclass
class Shop:
    """A customer: the stock SDK, the app that its webhooks go to, a number that rings it."""

    server: Server
    app: App
    client: telnyx.Telnyx
    connection_id: str
    number: str

    @property
    def sip(self) -> str:
        """Where a phone calls the number."""
        return f"sip:{self.number}@{self.server.sip}"

    async def do(self, operation: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run an operation of the SDK, which blocks."""
        return await asyncio.to_thread(operation, *args, **kwargs)

    async def takes(self, call: PhoneCall) -> str:
        """Answer a phone's call; returns its call_control_id."""
        event = await self.app.inbox.next("call.initiated", direction="incoming")
        call_control_id: str = event.payload["call_control_id"]
        await self.do(self.client.calls.actions.answer, call_control_id)
        await call.answered()
        await self.app.inbox.next("call.answered", call_control_id=call_control_id)
        return call_control_id

    async def dials(self, to: str, **options: Any) -> str:
        """Dial; returns the call_control_id."""
        response = await self.do(
            self.client.calls.dial, connection_id=self.connection_id, from_=self.number, to=to, **options
        )
        return str(response.data.call_control_id)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The server of all system tests."""
    async with Server(tmp_path_factory.mktemp("ringline")) as running:
        yield running


MakeShop = Callable[..., Awaitable[Shop]]


@pytest_asyncio.fixture(loop_scope="session")
async def make_shop(server: Server) -> AsyncIterator[MakeShop]:
    """Makes customers, with application options of the test's own."""
    apps: list[App] = []

    async def make(**options: Any) -> Shop:
        app = await App().__aenter__()
        apps.append(app)
        client = telnyx.Telnyx(api_key=server.api_key, base_url=server.url, max_retries=0)
        key = await asyncio.to_thread(client.get, "/public_key", cast_to=object)
        verifier = telnyx.Telnyx(api_key="x", public_key=key["data"]["public"])  # type: ignore[index]
        app.inbox.verify = lambda body, headers: verifier.webhooks.unwrap(body, headers=headers)
        application = await asyncio.to_thread(
            client.call_control_applications.create,
            application_name="test",
            webhook_event_url=app.hook,
            **options,
        )
        assert application.data is not None
        number = f"+{next(_numbers)}"
        await asyncio.to_thread(
            client.number_orders.create,
            phone_numbers=[{"phone_number": number}],
            connection_id=str(application.data.id),
        )
        return Shop(server, app, client, str(application.data.id), number)

    yield make
    for app in apps:
        await app.__aexit__(None, None, None)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(make_shop: MakeShop) -> Shop:
    """A customer."""
    return await make_shop()


@pytest_asyncio.fixture(loop_scope="session")
async def phone() -> AsyncIterator[Phone]:
    """A phone."""
    async with Phone() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def second_phone() -> AsyncIterator[Phone]:
    """Another phone."""
    async with Phone(user="bob") as one:
        yield one
