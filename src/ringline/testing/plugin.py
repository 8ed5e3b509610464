"""Fixtures for pytest: a server, the customer's app, phones.

Load it with `pytest_plugins = ["ringline.testing.plugin"]` in conftest.py or `-p ringline.testing.plugin`; it
needs pytest-asyncio (`pip install ringline[testing]`).

::

    async def test_greeting(ringline_server, ringline_app, ringline_phone):
        call = ringline_phone.dial(f"sip:+15550100@{ringline_server.sip}")
        event = await ringline_app.inbox.next("call.initiated")
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from ringline.testing.app import App
from ringline.testing.phone import Phone
from ringline.testing.server import Server


@pytest_asyncio.fixture
async def ringline_server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running server on free ports, with a fresh data folder and the API key `KEYtest`."""
    async with Server(tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def ringline_app(ringline_server: Server) -> AsyncIterator[App]:
    """The customer's app: webhook inbox, files, stream socket.

    The inbox holds what `ringline_server` has signed, as the SDK's `webhooks.unwrap` finds it; any other
    request fails the test at its next `inbox.next`.
    """
    async with App(await ringline_server.public_key()) as app:
        yield app


@pytest_asyncio.fixture
async def ringline_phone() -> AsyncIterator[Phone]:
    """A phone on a free port."""
    async with Phone() as phone:
        yield phone
