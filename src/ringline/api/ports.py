"""What the API needs of the rest of the house; `node` passes it in, tests pass their own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry

from ringline.calls.commands import CallInfo, Command, CommandResult, Dial
from ringline.core.clock import Clock
from ringline.core.ids import Ids


class Calls(Protocol):
    """The calls of this server. Every method answers for the given account only."""

    async def command(self, account_id: str, call_control_id: str, command: Command) -> CommandResult:
        """Give a command to a leg; returns once the leg has accepted it.

        Raises `ApiError`: 90015 no such leg, 90018 ended, 90034 not answered, …
        """
        ...

    async def dial(self, account_id: str, command: Dial) -> CallInfo:
        """Place a call; returns once it is on its way. Raises `ApiError`."""
        ...

    async def status(self, account_id: str, call_control_id: str) -> CallInfo | None:
        """A leg, alive or ended; None when it is not known (any more)."""
        ...

    async def active(self, account_id: str, connection_id: str) -> list[CallInfo]:
        """The legs of a connection that are alive, oldest first."""
        ...


class Keys(Protocol):
    """The API keys."""

    async def account_of(self, key_hash: str) -> str | None:
        """The account of the key with this SHA-256 (hexadecimal); None when unknown or revoked."""
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
    """Limits of the edge."""

    requests_per_minute: int = 60_000
    max_body_bytes: int = 16_000_000
    max_media_bytes: int = 50_000_000
    fetch_timeout_s: float = 10.0
    public_url: str = ""
    """Base of links in answers (`https://voice.example/v2`); empty: what the request was sent to."""
    link_secs: int = 600


@dataclass(frozen=True, slots=True)
class ApiDeps:
    """Everything the API stands on."""

    calls: Calls
    keys: Keys
    clock: Clock
    ids: Ids
    health: Callable[[], Health]
    public_key: Callable[[str | None], Awaitable[str]]
    registry: CollectorRegistry
    settings: ApiSettings = ApiSettings()


Pairs = Sequence[tuple[bytes, bytes]]
"""Headers, as ASGI has them."""
