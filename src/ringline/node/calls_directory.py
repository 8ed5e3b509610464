"""What the call service asks about accounts and past calls, answered from the directory and the store."""

import asyncio
from datetime import timedelta

import msgspec
import sqlalchemy as sa

from ringline.calls import errors
from ringline.calls.commands import CallInfo
from ringline.calls.state import Application
from ringline.core.clock import Clock
from ringline.node.directory import Directory
from ringline.store import idempotency
from ringline.store.db import Store
from ringline.store.legs import Leg, find_leg

DIAL_SCOPE = "dial"
WAIT_S = 0.05
WAIT_ROUNDS = 60
REPEAT = timedelta(seconds=60)
"""How long a repeated command id is recognised (spec voice-api §1.2)."""


class CallsDirectory:
    """`calls.service.Directory` over this node's directory and store."""

    def __init__(self, directory: Directory, store: Store, clock: Clock) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock

    def application(self, account_id: str, connection_id: str) -> Application | None:
        """An active application of the account that has a webhook URL."""
        found = self._directory.picture.applications.get(connection_id)
        return found if found and found.account_id == account_id and found.webhook_url else None

    async def past_call(self, account_id: str, call_control_id: str) -> CallInfo | None:
        """A call that this node no longer carries."""
        leg = await self._store.read(find_leg, account_id, call_control_id)
        return _info(leg, self._clock) if leg else None

    async def repeated_dial(self, account_id: str, command_id: str) -> CallInfo | None:
        """What the first dial with this command id answered; takes the id when there was none.

        A first dial that is still at work is waited for: a client repeats because it heard nothing. Raises
        `ApiError` when that takes too long.
        """
        for _ in range(WAIT_ROUNDS):
            earlier = await self._store.tx(
                idempotency.begin, account_id, DIAL_SCOPE, command_id, now=self._clock.utc(), ttl=REPEAT
            )
            if earlier is None:
                return None
            if earlier.response is not None:
                return msgspec.json.decode(earlier.response, type=CallInfo)
            await asyncio.sleep(WAIT_S)
        raise errors.being_processed()

    async def remember_dial(self, account_id: str, command_id: str, info: CallInfo) -> None:
        """Keep the answer for a repeat."""
        await self._store.tx(_finish, account_id, command_id, msgspec.json.encode(info))

    async def forget_dial(self, account_id: str, command_id: str) -> None:
        """The dial was refused: the same id may be tried again."""
        await self._store.tx(idempotency.forget, account_id, DIAL_SCOPE, command_id)


def _finish(conn: sa.Connection, account_id: str, command_id: str, response: bytes) -> None:
    idempotency.finish(conn, account_id, DIAL_SCOPE, command_id, status=200, response=response)


def _info(leg: Leg, clock: Clock) -> CallInfo:
    return CallInfo(
        call_control_id=leg.call_control_id,
        call_leg_id=leg.leg_id,
        call_session_id=leg.session_id,
        connection_id=leg.connection_id,
        is_alive=False,
        client_state=leg.client_state,
        start_time=leg.started_at.isoformat().replace("+00:00", "Z"),
        end_time=leg.ended_at.isoformat().replace("+00:00", "Z") if leg.ended_at else None,
        duration_s=leg.duration_s(clock.utc()),
        recording_id=leg.recording_id,
    )
