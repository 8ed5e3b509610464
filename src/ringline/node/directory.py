"""Who owns which number, subdomain and SIP user: a picture of the store, fresh after every change.

Routing an INVITE must not wait for a database, so the few rows it needs are held in memory; a commit that
changes them announces `ROUTING`, and the picture is taken anew.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa

from ringline.calls.state import Application
from ringline.core import log
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable
from ringline.store.tables import applications, credential_connections, phone_numbers

ROUTING = "routing"
"""Announced by commits that change applications, connections or numbers."""

DTMF_TYPES: dict[str, Literal["RFC 2833", "Inband", "SIP INFO"]] = {
    "RFC 2833": "RFC 2833",
    "Inband": "Inband",
    "SIP INFO": "SIP INFO",
}


SDP_NAMES = {"G711U": "PCMU", "G711A": "PCMA"}
"""Codecs whose names in a connection are not those of SDP."""

UriCalls = Literal["disabled", "unrestricted", "internal"]
"""Whose calls to a phone's SIP URI reach it: nobody's, anybody's, its account's (spec voice-api §6.2)."""


@dataclass(frozen=True, slots=True)
class Subdomain:
    """An application's own SIP domain, and whether strangers may call it."""

    application: str
    from_anyone: bool


@dataclass(frozen=True, slots=True)
class Phone:
    """A SIP user with its own credentials."""

    user: str
    connection_id: str
    account_id: str
    ha1_md5: str
    ha1_sha256: str
    uri_calls: UriCalls
    codecs: tuple[str, ...] = ()
    """What it is offered when called, by SDP names; empty for all that this server has."""
    channel_limit: int | None = None
    """Calls to it at once."""
    channel_limit_out: int | None = None
    """Calls from it at once."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that routing looks at."""

    applications: Mapping[str, Application] = field(default_factory=dict)
    """By id; active ones only."""
    subdomains: Mapping[str, Subdomain] = field(default_factory=dict)
    phones: Mapping[str, Phone] = field(default_factory=dict)
    """By user name."""
    phones_by_connection: Mapping[str, Phone] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    """+E.164 to connection id."""


class Directory:
    """The picture, and the task that keeps it fresh."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = log.get("directory")
        self.picture = Picture()

    async def start(self) -> None:
        """Take the first picture and listen for changes."""
        self.picture = await self._store.read(take_picture)
        self._store.listen(ROUTING, self._stale.set)
        self._task = asyncio.create_task(self._refresh(), name="directory")

    async def stop(self) -> None:
        """Take no more pictures."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def fresh(self) -> None:
        """Return when every change committed so far is in the picture."""
        self.picture = await self._store.read(take_picture)

    async def _refresh(self) -> None:
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                await self.fresh()
            except StoreUnavailable as error:
                self._log.warning("routing is as it was: the store does not answer", error=str(error))
                await asyncio.sleep(1)
                self._stale.set()


def take_picture(conn: sa.Connection) -> Picture:
    """Read what routing needs."""
    by_id: dict[str, Application] = {}
    subdomains: dict[str, Subdomain] = {}
    for row in conn.execute(sa.select(applications).where(applications.c.active)):
        by_id[row.id] = _application(row)
        if row.sip_subdomain:
            subdomains[row.sip_subdomain.lower()] = Subdomain(
                row.id, row.inbound.get("sip_subdomain_receive_settings") != "only_my_connections"
            )
    phones = {
        row.user_name: Phone(
            row.user_name,
            row.id,
            row.account_id,
            row.ha1_md5,
            row.ha1_sha256,
            row.sip_uri_calling_preference,
            tuple(SDP_NAMES.get(name.upper(), name.upper()) for name in row.inbound.get("codecs", ())),
            row.inbound.get("channel_limit"),
            row.outbound.get("channel_limit"),
        )
        for row in conn.execute(sa.select(credential_connections).where(credential_connections.c.active))
    }
    numbers = {
        row.phone_number: row.connection_id
        for row in conn.execute(sa.select(phone_numbers).where(phone_numbers.c.connection_id.is_not(None)))
    }
    return Picture(by_id, subdomains, phones, {p.connection_id: p for p in phones.values()}, numbers)


def _application(row: sa.Row[tuple[object, ...]]) -> Application:
    return Application(
        connection_id=row.id,
        account_id=row.account_id,
        name=row.application_name,
        webhook_url=row.webhook_event_url or "",
        failover_url=row.webhook_event_failover_url or "",
        webhook_timeout_s=row.webhook_timeout_secs,
        webhook_version=row.webhook_api_version,
        dtmf=DTMF_TYPES.get(row.dtmf_type, "RFC 2833"),
        first_command_timeout_s=row.first_command_timeout_secs if row.first_command_timeout else None,
        channel_limit_in=row.inbound.get("channel_limit"),
        channel_limit_out=row.outbound.get("channel_limit"),
        tags=tuple(row.tags),
    )
