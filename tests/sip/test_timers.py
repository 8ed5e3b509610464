import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import SECOND
from ringline.sip.timers import Timers, Timing

pytestmark = pytest.mark.unit


def test_due_timers_come_in_order_of_deadline_then_of_arming() -> None:
    timers: Timers[str] = Timers()
    timers.arm("b", "x", 20)
    timers.arm("a", "x", 10)
    timers.arm("c", "x", 20)
    assert timers.next_deadline() == 10
    assert list(timers.pop_due(20)) == [("a", "x"), ("b", "x"), ("c", "x")]
    assert (timers.next_deadline(), len(timers)) == (None, 0)


def test_arming_again_replaces() -> None:
    timers: Timers[str] = Timers()
    timers.arm("a", "x", 10)
    timers.arm("a", "x", 30)
    assert len(timers) == 1
    assert list(timers.pop_due(20)) == []
    assert list(timers.pop_due(30)) == [("a", "x")]


def test_what_a_fired_timer_takes_back_does_not_fire() -> None:
    timers: Timers[str] = Timers()
    timers.arm("a", "x", 10)
    timers.arm("a", "y", 10)
    fired = []
    for owner, name in timers.pop_due(10):
        fired.append(name)
        timers.disarm_all(owner)
    assert fired == ["x"]


def test_taking_back_what_is_not_armed_does_nothing() -> None:
    timers: Timers[str] = Timers()
    timers.disarm("a", "x")
    timers.disarm_all("a")
    timers.arm("a", "x", 1)
    timers.disarm("a", "y")
    assert timers.armed("a", "x")
    assert not timers.armed("a", "y")


def test_cancelled_timers_do_not_pile_up() -> None:
    timers: Timers[int] = Timers()
    for number in range(10_000):
        timers.arm(number % 3, "x", 10**9 + number)
    assert len(timers) == 3
    assert len(timers._heap) < 100


operations = st.lists(
    st.tuples(st.sampled_from(["arm", "disarm", "disarm_all", "pop"]), st.integers(0, 3), st.integers(0, 50)),
    max_size=60,
)


@given(operations)
def test_any_sequence_agrees_with_a_plain_dictionary(steps: list[tuple[str, int, int]]) -> None:
    timers: Timers[int] = Timers()
    model: dict[tuple[int, str], int] = {}
    for what, owner, number in steps:
        name = "xy"[number % 2]
        if what == "arm":
            timers.arm(owner, name, number)
            model[owner, name] = number
        elif what == "disarm":
            timers.disarm(owner, name)
            model.pop((owner, name), None)
        elif what == "disarm_all":
            timers.disarm_all(owner)
            model = {key: at for key, at in model.items() if key[0] != owner}
        else:
            due = {key for key, at in model.items() if at <= number}
            assert set(timers.pop_due(number)) == due
            model = {key: at for key, at in model.items() if key not in due}
        assert len(timers) == len(model)
        assert timers.next_deadline() == min(model.values(), default=None)


def test_values_of_the_rfc() -> None:
    timing = Timing()
    assert (timing.t1_ns, timing.t2_ns, timing.t4_ns) == (SECOND // 2, 4 * SECOND, 5 * SECOND)
    assert timing.timeout_ns == 32 * SECOND
