"""A house, and a client in it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from ringline.core.clock import VirtualClock
from ringline.store.db import Store
from tests.api.house import KEY, OTHER_KEY, House, move_in, prepare
from tests.store.engines import empty_postgres, postgres

__all__ = ["empty_postgres", "postgres"]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str]]:
    """A database file with the schema and two accounts, to be copied: migrations are run once."""
    path = tmp_path_factory.mktemp("database") / "ringline.db"
    return path, asyncio.run(prepare(path))


@asynccontextmanager
async def open_house(database: tuple[Path, tuple[str, str]], folder: Path) -> AsyncIterator[House]:
    """A house with its own copy of the database."""
    template, account_ids = database
    url = f"sqlite:///{shutil.copy(template, folder / 'ringline.db')}"
    async with house_on(url, account_ids, folder) as made:
        yield made


@asynccontextmanager
async def house_on(url: str, account_ids: tuple[str, str], folder: Path) -> AsyncIterator[House]:
    """A house on a database in which the accounts are."""
    clock = VirtualClock()
    store = Store.open(url, clock=clock)
    house = House(folder, store, clock, *account_ids)
    yield house
    await house.http.aclose()
    await store.close()


ON_BOTH = frozenset(
    {
        "test_applications",
        "test_connections",
        "test_events",
        "test_media",
        "test_numbers",
        "test_recordings",
    }
)
"""The modules whose resources are rows that no room's tests have on both engines."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Twice what is to hold on both engines."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if "house" in metafunc.fixturenames and module in ON_BOTH:
        metafunc.parametrize("store_engine", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def store_engine(request: pytest.FixtureRequest) -> str:
    """Which engine the house stands on."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def house(
    request: pytest.FixtureRequest, store_engine: str, database: tuple[Path, tuple[str, str]], tmp_path: Path
) -> AsyncIterator[House]:
    """What the application under test stands on."""
    if store_engine == "postgres":
        url: str = request.getfixturevalue("empty_postgres")
        opened = house_on(url, await move_in(url), tmp_path)
    else:
        opened = open_house(database, tmp_path)
    async with opened as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_api(
    database: tuple[Path, tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """One client for every example of a module."""
    async with open_house(database, tmp_path_factory.mktemp("house")) as made, client_of(made, KEY) as client:
        yield client


def client_of(house: House, key: str | None) -> httpx.AsyncClient:
    """A client of the application, with or without a key."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=house.app())
    return httpx.AsyncClient(transport=transport, base_url="http://api.test/v2", headers=headers)


@pytest.fixture
async def api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the first account."""
    async with client_of(house, KEY) as client:
        yield client


@pytest.fixture
async def other(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the second account."""
    async with client_of(house, OTHER_KEY) as client:
        yield client


@pytest.fixture
async def stranger(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with client_of(house, None) as client:
        yield client
