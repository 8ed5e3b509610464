"""Order within a leg and a share for each app, without a clock of their own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ringline.webhooks.lanes import Lanes, Order

pytestmark = pytest.mark.unit
A, B = "http://a.example:80", "http://b.example:80"
WAIT = 250


def lanes(order: Order = "wait", slots: int = 100) -> Lanes:
    return Lanes(order=order, wait_ns=WAIT, slots=slots)


def started(of: Lanes, now: int = 0) -> list[str]:
    return [item for item, _ in of.start(now)]


def test_the_next_begins_when_the_first_attempt_has_ended() -> None:
    one = lanes()
    for item in ("1", "2", "3"):
        one.add(item, A, "leg")
    assert started(one) == ["1"]
    assert started(one) == []
    one.ended("1", A)
    assert started(one) == ["2"]


def test_the_next_begins_without_an_answer_after_the_wait() -> None:
    one = lanes()
    for item in ("1", "2", "3"):
        one.add(item, A, "leg")
    assert started(one, 1_000) == ["1"]
    assert one.deadline() == 1_000 + WAIT
    assert started(one, 1_000 + WAIT - 1) == []
    assert started(one, 1_000 + WAIT) == ["2"]
    assert one.deadline() == 1_000 + 2 * WAIT
    one.ended("1", A)  # late: the lane is the second's now
    assert started(one, 1_000 + WAIT) == []
    one.ended("2", A)
    assert started(one, 1_000 + WAIT) == ["3"]


def test_a_lane_with_nothing_waiting_asks_for_no_attention() -> None:
    one = lanes()
    one.add("1", A, "leg")
    assert started(one) == ["1"]
    assert one.deadline() is None
    assert started(one, 10 * WAIT) == []
    one.add("2", A, "leg")
    assert started(one, 10 * WAIT) == ["2"]


def test_legs_and_apps_do_not_wait_for_each_other() -> None:
    one = lanes()
    one.add("1", A, "leg")
    one.add("2", A, "other leg")
    one.add("3", B, "leg")
    one.add("4", A, None)
    one.add("5", A, None)
    assert sorted(started(one)) == ["1", "2", "3", "4", "5"]


def test_strict_waits_for_the_end() -> None:
    one = lanes("strict")
    one.add("1", A, "leg")
    one.add("2", A, "leg")
    assert started(one) == ["1"]
    one.ended("1", A)
    assert started(one, 100 * WAIT) == []
    one.retry("1", A)
    assert started(one, 100 * WAIT) == ["1"]
    one.ended("1", A)
    one.settled("1")
    assert started(one, 100 * WAIT) == ["2"]


def test_strict_waits_for_what_a_restart_found_half_way() -> None:
    one = lanes("strict")
    one.hold("1", A, "leg")
    one.add("2", A, "leg")
    assert started(one) == []
    one.retry("1", A)
    assert started(one) == ["1"]
    one.ended("1", A)
    one.settled("1")
    assert started(one) == ["2"]


def test_wait_does_not_wait_for_what_a_restart_found_half_way() -> None:
    one = lanes("wait")
    one.hold("1", A, "leg")
    one.add("2", A, "leg")
    assert started(one) == ["2"]


def test_none_sends_at_once() -> None:
    one = lanes("none")
    for item in ("1", "2", "3"):
        one.add(item, A, "leg")
    assert started(one) == ["1", "2", "3"]


def test_an_app_has_no_more_than_its_slots() -> None:
    one = lanes(slots=2)
    for number in range(5):
        one.add(f"a{number}", A, f"leg {number}")
    one.add("b", B, "leg")
    assert started(one) == ["a0", "a1", "b"]
    one.ended("a1", A)
    assert started(one) == ["a2"]


def test_the_wait_begins_when_the_attempt_does() -> None:
    """Waiting for a slot is not having been sent."""
    one = lanes(slots=1)
    one.add("busy", A, "other leg")
    assert started(one) == ["busy"]
    one.add("1", A, "leg")
    one.add("2", A, "leg")
    assert started(one, 10 * WAIT) == []
    one.ended("busy", A)
    assert started(one, 10 * WAIT) == ["1"]
    assert one.deadline() == 11 * WAIT


def test_retries_take_slots_and_no_place_in_the_order() -> None:
    one = lanes(slots=1)
    one.add("1", A, "leg")
    assert started(one) == ["1"]
    one.retry("old", A)
    one.add("2", A, "leg")
    assert started(one) == []
    one.ended("1", A)
    assert started(one) == ["old"]
    one.ended("old", A)
    assert started(one) == ["2"]


class Deliveries(RuleBasedStateMachine):
    """Any interleaving of adding, answering, failing and waiting keeps the order that a policy promises."""

    order: Order = "wait"

    def __init__(self) -> None:
        super().__init__()
        self.lanes = Lanes(order=self.order, wait_ns=WAIT, slots=3)
        self.now = 0
        self.numbers = 0
        self.leg_of: dict[str, str] = {}
        self.flying: dict[str, str] = {}
        self.first: dict[str, tuple[int, int | None]] = {}
        self.settled: set[str] = set()
        self.begun: list[str] = []
        self.failed: dict[str, str] = {}

    @rule(leg=st.sampled_from("xyz"), origin=st.sampled_from([A, B]))
    def queue(self, leg: str, origin: str) -> None:
        item = f"{self.numbers}"
        self.numbers += 1
        self.leg_of[item] = f"{leg} {origin}"
        self.lanes.add(item, origin, leg)
        self.pump()

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), delivered=st.booleans())
    def answer(self, data: st.DataObject, delivered: bool) -> None:
        item = data.draw(st.sampled_from(sorted(self.flying)))
        origin = self.flying.pop(item)
        begun, ended = self.first[item]
        self.first[item] = begun, self.now if ended is None else ended
        self.lanes.ended(item, origin)
        if delivered:
            self.lanes.settled(item)
            self.settled.add(item)
        else:
            self.failed[item] = origin
        self.pump()

    @precondition(lambda self: self.failed)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.failed)))
        self.lanes.retry(item, self.failed.pop(item))
        self.pump()

    @rule(ms=st.integers(1, 300))
    def wait(self, ms: int) -> None:
        self.now += ms
        self.pump()

    def pump(self) -> None:
        for item, origin in self.lanes.start(self.now):
            self.flying[item] = origin
            if item not in self.first:
                self.check_order(item)
                self.first[item] = self.now, None
                self.begun.append(item)

    def check_order(self, item: str) -> None:
        for earlier in range(int(item)):
            other = f"{earlier}"
            if self.leg_of[other] != self.leg_of[item] or self.order == "none":
                continue
            assert other in self.first, f"{item} overtook {other}"
            begun, ended = self.first[other]
            if self.order == "strict":
                assert other in self.settled
            else:
                assert ended is not None or self.now >= begun + WAIT

    @invariant()
    def nobody_has_too_much(self) -> None:
        for origin in (A, B):
            assert sum(place == origin for place in self.flying.values()) <= 3

    def teardown(self) -> None:
        """Everything comes to its end once everybody answers."""
        for _ in range(self.numbers * 4 + 4):
            for item, origin in list(self.failed.items()):
                self.lanes.retry(item, origin)
                del self.failed[item]
            self.now += WAIT
            self.pump()
            for item, origin in list(self.flying.items()):
                del self.flying[item]
                begun, ended = self.first[item]
                self.first[item] = begun, self.now if ended is None else ended
                self.lanes.ended(item, origin)
                self.lanes.settled(item)
                self.settled.add(item)
        assert self.settled == set(self.leg_of)
        assert self.lanes.deadline() is None


class Strict(Deliveries):
    order = "strict"


class Unordered(Deliveries):
    order = "none"


FEW = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestWait = Deliveries.TestCase
TestStrict = Strict.TestCase
TestUnordered = Unordered.TestCase
for case in (TestWait, TestStrict, TestUnordered):
    case.settings = FEW


@given(st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from([A, B])), max_size=20))
def test_nothing_is_kept_of_what_is_over(items: list[tuple[str, str]]) -> None:
    one = lanes()
    for number, (leg, origin) in enumerate(items):
        one.add(str(number), origin, leg)
    for _ in items:
        for item, origin in list(one.start(0)):
            one.ended(item, origin)
            one.settled(item)
    assert (one._lanes, one._lane_of, one._origins, one._runnable) == ({}, {}, {}, {})


del case
