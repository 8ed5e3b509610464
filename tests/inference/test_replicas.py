"""Which replica is asked, and after which failures another one is."""

import pytest

from ringline.core.clock import VirtualClock
from ringline.core.errors import ProtocolError
from ringline.inference.breaker import Trip
from ringline.inference.errors import EngineFailed, EngineTimeout, broken
from ringline.inference.replicas import TRIES, Balance, Endpoint, FixedReplica, Slot, Tries
from ringline.workers import Busy

pytestmark = pytest.mark.unit


def balance(count: int, clock: VirtualClock | None = None) -> Balance:
    replicas = [FixedReplica(f"http://engine{number}/v1") for number in range(count)]
    return Balance(replicas, clock or VirtualClock(), Trip(failures=1, first_s=30.0))


def tries(of: Balance) -> Tries:
    return Tries(of, "gpu", lambda: 0.0)


def test_a_key_is_sent_and_none_is_not() -> None:
    assert Endpoint("http://a", "secret").headers()["authorization"] == "Bearer secret"
    assert "authorization" not in Endpoint("http://a").headers()


async def test_the_url_is_without_its_last_slash() -> None:
    async with FixedReplica("http://a/v1/", "k").lease() as endpoint:
        assert endpoint == Endpoint("http://a/v1", "k")


def test_the_least_busy_is_picked_and_of_equals_the_one_that_rested_longest() -> None:
    over = balance(3)
    first, second, third = over.slots
    assert [over.pick() for _ in range(4)] == [first, second, third, first]
    third.in_flight = first.in_flight = 1
    assert over.pick() is second
    assert over.pick([second]) is third


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (Busy("full", 1), True),
        (EngineFailed("not heard"), True),
        (EngineFailed("bad gateway", 502), True),
        (EngineFailed("away", 503), True),
        (EngineFailed("it fell over this request", 500), False),
        (EngineFailed("no such key", 401), False),
        (EngineFailed("no such model", 404), False),
        (EngineTimeout("too slow"), False),
        (broken("http://a", ProtocolError("no JSON")), False),
        (broken("http://a", ConnectionError("refused")), True),
    ],
)
async def test_what_is_worth_another_engine(error: EngineFailed | Busy, worth: bool) -> None:
    one = tries(balance(2))
    one.next()
    assert await one.go_on(error) is worth


async def test_so_many_tries_and_no_more() -> None:
    over = balance(9)
    one = tries(over)
    asked: list[Slot] = []
    while True:
        asked.append(one.next())
        if not await one.go_on(Busy("full", 1)):
            break
    assert asked == over.slots[:TRIES]


async def test_the_last_failure_is_told_when_nobody_is_left() -> None:
    clock = VirtualClock()
    over = balance(1, clock)
    one, error = tries(over), EngineFailed("away", 503)
    slot = one.next()
    slot.breaker = slot.breaker.failed(clock.now_ns())
    assert await one.go_on(error)
    with pytest.raises(EngineFailed) as told:
        one.next()
    assert told.value is error
    with pytest.raises(EngineFailed, match="No engine of gpu can be reached") as told:
        tries(over).next()
    assert (told.value.status, told.value.retry_after) == (503, 30)
    clock.advance(30)
    assert tries(over).next() is slot
