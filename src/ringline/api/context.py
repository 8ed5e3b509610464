"""What a handler is given: the caller's account, what the API stands on, and the call in the path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa
from fastapi import Depends, Request
from pydantic import BaseModel

from ringline.api.ports import ApiDeps
from ringline.calls.commands import Command
from ringline.core import log
from ringline.storage.objects import ObjectStore, StorageUnavailable

P = ParamSpec("P")
T = TypeVar("T")

logger = log.get("api")

ACCOUNT = "ringline.account"
"""Key of the ASGI scope under which the edge leaves the account's id."""


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, and of what."""

    account_id: str
    deps: ApiDeps

    async def read(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Ask the store."""
        return await self.deps.store.read(fn, *args, **kwargs)

    async def write(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Change the store."""
        return await self.deps.store.tx(fn, *args, **kwargs)

    async def route(
        self, fn: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Change what calls are routed by; it is in force when this returns."""
        done = await self.deps.store.tx(fn, *args, **kwargs)
        await self.deps.routes_changed()
        return done


async def context(request: Request) -> Context:
    """The context of an authenticated request."""
    return Context(request.scope[ACCOUNT], request.app.state.deps)


Ctx = Annotated[Context, Depends(context)]


class Accepted(BaseModel):
    """What an accepted command answers."""

    result: str = "ok"
    recording_id: str | None = None
    stream_id: str | None = None


class Result(BaseModel):
    """The command was accepted; webhooks tell how it goes on."""

    data: Accepted


class CommandBody(Protocol):
    """A body that makes a command."""

    def command(self) -> Command:
        """The command; raises `ApiError` where two fields do not fit together."""
        ...


@dataclass(frozen=True, slots=True)
class Leg:
    """The call in the path."""

    call_control_id: str
    account_id: str
    deps: ApiDeps

    async def obey(self, body: CommandBody) -> Result:
        """Give it the body's command."""
        done = await self.deps.calls.command(self.account_id, self.call_control_id, body.command())
        return Result(data=Accepted(recording_id=done.recording_id, stream_id=done.stream_id))


async def leg(call_control_id: str, request: Request) -> Leg:
    """The leg that the path names; raises `ApiError` 90015 for none, before its body is judged (§1.3)."""
    found = Leg(call_control_id, request.scope[ACCOUNT], request.app.state.deps)
    await found.deps.calls.require(found.account_id, call_control_id)
    return found


LegPath = Annotated[Leg, Depends(leg)]


async def discard(objects: ObjectStore, keys: Sequence[str]) -> None:
    """Delete objects that nothing names any more; one that cannot be deleted now only takes up room."""
    for key in keys:
        try:
            await objects.delete(key)
        except StorageUnavailable as reason:
            logger.warning("object left behind", key=key, reason=str(reason))
