"""What the API needs of the rest of the house; `node` passes it in, tests pass their own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry

from ringline.api.buckets import Buckets
from ringline.calls.commands import CallInfo, Command, CommandResult, Dial
from ringline.conversations.insights.intake import Intake
from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.core.net import Guard
from ringline.finetune.service import FineTuning
from ringline.inference.embedding import Embedder
from ringline.inference.service import Inference
from ringline.jobs.runner import Jobs
from ringline.reports.stt import SttReports
from ringline.reports.usage import UsageLog
from ringline.storage.objects import ObjectStore
from ringline.store.db import Store


class Calls(Protocol):
    """The calls of this server. Every method answers for the given account only."""

    async def require(self, account_id: str, call_control_id: str) -> None:
        """Raise `ApiError` 90015 unless the leg is known, alive or ended."""
        ...

    async def command(self, account_id: str, call_control_id: str, command: Command) -> CommandResult:
        """Give a command to a leg; returns once the leg has accepted it.

        Raises `ApiError`: 90015 no such leg, 90018 ended, 90034 not answered, …
        """
        ...

    async def dial(self, account_id: str, command: Dial) -> CallInfo:
        """Place a call; returns once it is on its way. Raises `ApiError`; 10015 at `/connection_id`."""
        ...

    async def status(self, account_id: str, call_control_id: str) -> CallInfo | None:
        """A leg, alive or ended; None when it is not known (any more)."""
        ...

    async def active(self, account_id: str, connection_id: str) -> list[CallInfo]:
        """The legs of a connection that are alive, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a user was last registered from."""

    address: str
    port: int
    transport: str
    user_agent: str
    at: datetime
    expires_at: datetime


class Registrations(Protocol):
    """The phones that have registered."""

    def of(self, user_name: str) -> Registration | None:
        """A user's latest registration, expired or not; None when there never was one."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """What `/healthz` and `/readyz` say."""

    ready: bool
    """Whether new calls are taken; false while starting and draining."""
    details: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Facts worth a glance: version, media_engine, calls, …"""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Limits and names of the edge."""

    requests_per_minute: int = 60_000
    max_body_bytes: int = 16_000_000
    max_media_bytes: int = 50_000_000
    fetch_timeout_s: float = 10.0
    public_url: str = ""
    """Base of links in answers (`https://voice.example`); empty: what the request was sent to."""
    link_secs: int = 600
    sip_realm: str = "ringline"
    """Passwords are kept as digests for this realm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    """Everything the API stands on."""

    calls: Calls
    store: Store
    objects: ObjectStore
    buckets: Buckets
    guard: Guard
    registrations: Registrations
    jobs: Jobs
    usage: UsageLog
    reports: SttReports
    embedder: Embedder
    inference: Inference
    training: FineTuning
    insights: Intake
    clock: Clock
    ids: Ids
    registry: CollectorRegistry
    health: Callable[[], Health]
    routes_changed: Callable[[], Awaitable[None]]
    """Called after applications, connections or numbers have changed, before the client hears of it."""
    link_secret: bytes
    """Signs download links; the same on every node and after a restart."""
    scratch: Path
    """Folder for files on their way."""
    settings: ApiSettings = ApiSettings()
