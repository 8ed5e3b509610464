"""What was used is kept once, read in order, summed by the day of a zone."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ringline.core.clock import VirtualClock
from ringline.store import legs, usage
from ringline.store.db import Store
from ringline.store.legs import Leg
from ringline.store.usage import UsageDay, UsageKind, UsageRecord
from ringline.webhooks.policy import Hooks

pytestmark = pytest.mark.unit
NOON = datetime(2030, 3, 1, 12, tzinfo=UTC)
YEAR = (NOON - timedelta(days=180), NOON + timedelta(days=180))


def heard(at: datetime, seconds: float = 1.0, **more: object) -> UsageRecord:
    values = {"kind": UsageKind.RECOGNITION, "account_id": "a", "model": "tiny", "engine": "local"}
    return UsageRecord(**values | {"at": at, "seconds": seconds} | more)  # type: ignore[arg-type]


async def every(store: Store, kind: UsageKind = UsageKind.RECOGNITION, limit: int = 100) -> list[UsageRecord]:
    found: list[UsageRecord] = []
    place = None
    while True:
        some, place = await store.read(usage.records_after, "a", kind, *YEAR, after=place, limit=limit)
        found += some
        if place is None:
            return found


async def test_records_come_back_as_they_were_oldest_first(store: Store) -> None:
    late, early = heard(NOON, 2.5, source="call"), heard(NOON - timedelta(hours=1), characters=4)
    other = heard(NOON, account_id="b")
    chat = heard(NOON, kind=UsageKind.CHAT, prompt_tokens=7, completion_tokens=2)
    await store.tx(usage.add, [late, early, other, chat])
    assert await every(store) == [early, late]
    assert await every(store, UsageKind.CHAT) == [chat]


async def test_nothing_to_add_is_no_error(store: Store) -> None:
    await store.tx(usage.add, [])
    assert await every(store) == []


async def test_of_one_source_the_first_is_kept(store: Store) -> None:
    first, again = heard(NOON, source="leg"), heard(NOON, 9.0, source="leg")
    await store.tx(usage.add, [first])
    await store.tx(usage.add, [again, heard(NOON, 2.0), heard(NOON, 2.0)])
    assert sorted(record.seconds for record in await every(store)) == [1.0, 2.0, 2.0]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_leave_nothing_out_where_many_are_of_one_moment(store: Store, limit: int) -> None:
    records = [heard(NOON, float(number)) for number in range(5)] + [heard(NOON + timedelta(seconds=1), 5.0)]
    await store.tx(usage.add, records)
    assert await every(store, limit=limit) == records


async def test_both_ends_of_a_range_belong_to_it(store: Store) -> None:
    step = timedelta(microseconds=1)
    await store.tx(usage.add, [heard(NOON + step * number, float(number)) for number in range(-1, 4)])
    found, _ = await store.read(
        usage.records_after, "a", UsageKind.RECOGNITION, NOON, NOON + 2 * step, after=None, limit=9
    )
    assert [record.seconds for record in found] == [0, 1, 2]


async def test_sums_by_day_engine_and_model(store: Store) -> None:
    records = [
        heard(NOON),
        heard(NOON, 2.0),
        heard(NOON, 4.0, model="large"),
        heard(NOON + timedelta(days=1)),
    ]
    await store.tx(usage.add, records)
    days = await store.read(usage.by_day, "a", UsageKind.RECOGNITION, *YEAR)
    first, second = date(2030, 3, 1), date(2030, 3, 2)
    assert days == [
        UsageDay(first, "local", "large", 1, 4.0, 0, 0, 0),
        UsageDay(first, "local", "tiny", 2, 3.0, 0, 0, 0),
        UsageDay(second, "local", "tiny", 1, 1.0, 0, 0, 0),
    ]


async def test_a_day_begins_at_midnight_of_the_zone(store: Store) -> None:
    midnight = datetime(2030, 3, 1, 0, tzinfo=UTC)
    await store.tx(usage.add, [heard(midnight - timedelta(minutes=30)), heard(midnight)])

    async def days(hours: float) -> list[date]:
        offset = timedelta(hours=hours)
        found = await store.read(usage.by_day, "a", UsageKind.RECOGNITION, *YEAR, offset=offset)
        return [one.day for one in found]

    assert await days(0) == [date(2030, 2, 28), date(2030, 3, 1)]
    assert await days(0.5) == [date(2030, 3, 1)]
    assert await days(-1) == [date(2030, 2, 28)]


def leg(name: str, **more: object) -> Leg:
    values = {
        **{"call_control_id": f"v3:{name}", "account_id": "a", "leg_id": name, "session_id": "s"},
        **{"connection_id": "1", "direction": "incoming", "from_": "+1", "to": "+2", "state": "ended"},
        **{"alive": False, "node": "n", "started_at": NOON, "webhooks": Hooks()},
    }
    return Leg(**values | more)  # type: ignore[arg-type]


async def test_ended_calls_that_nobody_noted_are_noted_once(store: Store, clock: VirtualClock) -> None:
    end = NOON + timedelta(seconds=90)
    for one in (
        leg("lost", answered_at=NOON, ended_at=end),
        leg("noted", answered_at=NOON, ended_at=end),
        leg("unanswered", ended_at=end),
        leg("forgotten", answered_at=NOON, ended_at=NOON + timedelta(seconds=1)),
        leg("alive", answered_at=NOON, alive=True, state="answered"),
    ):
        await store.tx(legs.add_leg, one)
    noted = UsageRecord(kind=UsageKind.CALL, account_id="a", at=end, seconds=90.0, source="noted")
    await store.tx(usage.add, [noted])

    await store.tx(usage.add_ended_calls, end)
    await store.tx(usage.add_ended_calls, end)
    lost = UsageRecord(kind=UsageKind.CALL, account_id="a", at=end, seconds=90.0, source="lost")
    assert await every(store, UsageKind.CALL) == [noted, lost]


async def test_a_purge_forgets_what_is_older_in_small_steps(store: Store) -> None:
    old = [heard(NOON - timedelta(hours=1), float(number)) for number in range(3)]
    await store.tx(usage.add, [*old, heard(NOON)])
    assert await store.tx(usage.purge, NOON, 2) == 2
    assert await store.tx(usage.purge, NOON, 2) == 1
    assert await store.tx(usage.purge, NOON, 2) == 0
    assert await every(store) == [heard(NOON)]
