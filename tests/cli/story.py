"""A small call in a store, written as the server writes it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ringline.cli.database import Database
from ringline.core.clock import MILLISECOND
from ringline.core.ids import Ids
from ringline.store import accounts, legs
from ringline.store.deliveries import Attempt
from ringline.store.legs import Leg
from ringline.store.tables import deliveries, delivery_attempts
from ringline.timeline import log
from ringline.timeline.entries import (
    AnyBody,
    CommandReceived,
    DtmfReceived,
    Ended,
    Entry,
    MediaSettled,
    PlayoutEnded,
    PlayoutStarted,
    SipMessage,
    StateChanged,
    WebhookQueued,
)
from ringline.webhooks.outbox import QueuedEvent, queue_event
from ringline.webhooks.policy import Hooks, Target

BEGAN = datetime(2030, 1, 1, 12, tzinfo=UTC)
APP = "http://app.example/hook"


def at(ms: float) -> datetime:
    return BEGAN + timedelta(milliseconds=ms)


def create(file: Path) -> Database:
    """An empty store with one account."""
    file.parent.mkdir(parents=True, exist_ok=True)
    database = Database(sa.make_url(f"sqlite:///{file}"))
    database.create()
    database.write(accounts.default_account, ids=Ids.seeded(1), now=BEGAN)
    return database


def leg(number: int, *, session: int | None = None, alive: bool = False, began_ms: float = 0) -> Leg:
    """Leg `number` of a session; ids begin with the number, so prefixes can be told apart."""
    one = Leg(
        call_control_id=f"v3:{number}control",
        account_id=account(),
        leg_id=f"{number}e9-leg",
        session_id=f"s{session or number}-session",
        connection_id="7",
        direction="incoming",
        from_="+15550100001",
        to="+15550100002",
        state="answered",
        alive=True,
        node="node-1",
        started_at=at(began_ms),
        answered_at=at(began_ms + 200),
        webhooks=Hooks(url=APP),
    )
    return (
        one if alive else one.ended(at(began_ms + 4200), cause="normal_clearing", source="callee", sip="200")
    )


def account() -> str:
    """The account's id: seeded, so always the same."""
    return Ids.seeded(1).uuid()


def entries(of: Leg, *bodies: tuple[float, AnyBody]) -> list[Entry]:
    """A timeline; each body with its milliseconds."""
    return [
        Entry(seq, round(ms * MILLISECOND), at(ms), of.leg_id, of.session_id, body)
        for seq, (ms, body) in enumerate(bodies, 1)
    ]


def bodies(event_id: str) -> list[tuple[float, AnyBody]]:
    """An answered call with a playback, a key and its end."""
    return [
        (0, SipMessage("in", "INVITE sip:+15550100002@127.0.0.1", "192.0.2.1:5060")),
        (0, WebhookQueued("call.initiated", event_id)),
        (1, SipMessage("out", "180 Ringing (INVITE)", "192.0.2.1:5060")),
        (190, CommandReceived("answer", "c1", '{"client_state":"aGk="}')),
        (200, MediaSettled("PCMU", "192.0.2.1:4000")),
        (200, StateChanged("answered")),
        (300, PlayoutStarted("p1", "http://app.example/hi.wav")),
        (1300, PlayoutEnded("p1", 1000, "completed")),
        (2000, DtmfReceived("5", 120)),
        (4200, SipMessage("out", "BYE sip:caller@192.0.2.1", "192.0.2.1:5060")),
        (4200, Ended("normal_clearing", "callee", "200")),
    ]


def write_call(
    database: Database, of: Leg, *, event_id: str, answer: tuple[int | None, str] = (200, "")
) -> None:
    """Keep the call, its event and one attempt to deliver it: status and error as the app gave them."""
    database.write(legs.add_leg, of)
    database.write(log.append, entries(of, *bodies(event_id)))
    event = QueuedEvent(
        event_id,
        of.account_id,
        "call.initiated",
        of.started_at,
        b'{"a":1}',
        (Target(url=APP),),
        of.leg_id,
        of.session_id,
    )
    database.write(queue_event, event)
    database.write(_attempt, of, event_id, *answer)


def _attempt(conn: sa.Connection, of: Leg, event_id: str, status: int | None, error: str) -> None:
    row = conn.execute(sa.select(deliveries.c.id).where(deliveries.c.event_id == event_id)).scalar_one()
    began = of.started_at + timedelta(milliseconds=2)
    tried = Attempt(
        row,
        1,
        of.account_id,
        event_id,
        of.leg_id,
        APP,
        "POST",
        began,
        2 * MILLISECOND,
        began + timedelta(milliseconds=5),
        5000,
        status,
        error or None,
        "",
    )
    conn.execute(
        delivery_attempts.insert().values(
            **{name: getattr(tried, name) for name in Attempt.__dataclass_fields__}
        )
    )
    done = {
        "state": "failed" if error else "delivered",
        "attempts": 1,
        "started_at": began,
        "finished_at": tried.finished_at,
    }
    conn.execute(deliveries.update().where(deliveries.c.id == row).values(**done))
