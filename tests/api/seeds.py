"""A call that has happened, as the other rooms leave it in the store."""

from datetime import timedelta

import msgspec

from ringline.calls.commands import CallInfo
from ringline.core.ids import Ids
from ringline.storage.objects import ObjectStore, new_key
from ringline.store import deliveries, legs, recordings
from ringline.timeline import log
from ringline.timeline.entries import CommandReceived, Entry
from ringline.webhooks.outbox import QueuedEvent, delivery_id, queue_event
from ringline.webhooks.policy import Progress, Target
from tests.api.house import House

WAV = (
    b"RIFF\x28\x00\x00\x00WAVE"
    b"fmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
    b"data\x04\x00\x00\x00\x01\x00\x02\x00"
)
"""Two samples."""

HOOK = "https://app.example/hooks"


async def one_call(house: House, connection_id: str) -> dict[str, str]:
    """A call in progress that has been commanded, told of and recorded twice."""
    ids, now, store = Ids.seeded(3), house.clock.utc(), house.store
    leg = legs.Leg(
        call_control_id=ids.call_control_id(),
        account_id=house.account_id,
        leg_id=ids.uuid(),
        session_id=ids.uuid(),
        connection_id=connection_id,
        direction="outgoing",
        from_="+13125550100",
        to="sip:alice@192.0.2.7",
        state="answered",
        alive=True,
        node="test",
        started_at=now,
        answered_at=now,
        webhooks={"url": "https://app.example/hooks"},
    )
    await store.tx(legs.add_leg, leg)
    command = CommandReceived("answer", None, "{}")
    await store.tx(log.append, [Entry(1, 0, now, leg.leg_id, leg.session_id, command)])
    delivery = await one_delivery(house, leg, ids)
    made = {"call": leg.call_control_id, "delivery": delivery}
    objects = ObjectStore.open("", house.folder / "objects")
    for name in ("recording", "new_recording"):
        key = new_key(ids, "recordings", "wav")
        await objects.put(key, WAV)
        made[name] = ids.uuid()
        await store.tx(recordings.add, _recording(made[name], leg, key, house))
    house.calls.known[leg.call_control_id] = CallInfo(
        leg.call_control_id, leg.leg_id, leg.session_id, connection_id, True, start_time=now.isoformat()
    )
    return made


def _recording(id: str, leg: legs.Leg, key: str, house: House) -> recordings.Recording:
    now = house.clock.utc()
    return recordings.Recording(
        id=id,
        account_id=leg.account_id,
        call_control_id=leg.call_control_id,
        call_leg_id=leg.leg_id,
        call_session_id=leg.session_id,
        connection_id=leg.connection_id,
        from_=leg.from_,
        to=leg.to,
        channels="dual",
        format="wav",
        recording_started_at=now,
        recording_ended_at=now,
        duration_millis=0,
        file_name="recording.wav",
        object_key=key,
        size_bytes=len(WAV),
        created_at=now,
        updated_at=now,
    )


async def one_delivery(house: House, leg: legs.Leg, ids: Ids, *, error: str | None = None) -> str:
    """`call.answered`, delivered at the first attempt or given up; returns the delivery's id."""
    now, store = house.clock.utc(), house.store
    event_id = ids.uuid()
    event = QueuedEvent(
        id=event_id,
        account_id=leg.account_id,
        event_type="call.answered",
        occurred_at=now,
        payload=msgspec.json.encode({"call_control_id": leg.call_control_id}),
        targets=(Target(url=HOOK),),
        leg_id=leg.leg_id,
        session_id=leg.session_id,
        leg_seq=2,
    )
    await store.tx(queue_event, event)
    await store.tx(
        deliveries.claim, owner="test", now=now, until=now + timedelta(minutes=1), limit=9, without=()
    )
    attempt = deliveries.Attempt(
        delivery_id=delivery_id(event_id, 0),
        attempt=1,
        account_id=leg.account_id,
        event_id=event_id,
        leg_id=leg.leg_id,
        url=HOOK,
        method="POST",
        started_at=now,
        started_ns=0,
        finished_at=now,
        latency_us=1500,
        status=500 if error else 200,
        error=error,
        body="thanks",
    )
    kept = await store.tx(
        deliveries.record_attempt,
        attempt,
        owner="test",
        state="failed" if error else "delivered",
        progress=Progress(),
        next_at=now,
    )
    assert kept
    return attempt.delivery_id
