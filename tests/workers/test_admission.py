import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ringline.core.clock import SECOND
from ringline.workers.admission import MAX_RETRY_AFTER, Admission, Busy, Limits, Priority

pytestmark = pytest.mark.unit


def test_first_come_first_served_within_a_class() -> None:
    admission = Admission(Limits(in_flight=2, waiting=5))
    for request in range(3):
        admission.join(request, Priority.LIVE)
    assert [admission.take(0), admission.take(0), admission.take(0)] == [0, 1, None]
    admission.release(0, 1)
    assert admission.take(1) == 2


def test_live_calls_go_before_what_waited_longer() -> None:
    admission = Admission(Limits(in_flight=1, waiting=5))
    admission.join(1, Priority.BATCH)
    admission.join(2, Priority.LIVE)
    assert admission.take(0) == 2
    admission.release(2, 0)
    assert admission.take(0) == 1


def test_a_full_class_is_busy_and_the_other_is_not() -> None:
    admission = Admission(Limits(in_flight=1, waiting=1))
    admission.join(1, Priority.BATCH)
    with pytest.raises(Busy, match="1 batch requests wait already"):
        admission.join(2, Priority.BATCH)
    admission.join(3, Priority.LIVE)
    assert admission.waiting == 2


def test_retry_after_is_the_time_to_work_off_the_queue() -> None:
    admission = Admission(Limits(in_flight=2, waiting=10))
    assert admission.retry_after() == 1
    admission.join(0, Priority.LIVE)
    admission.take(0)
    admission.release(0, 4 * SECOND)
    for request in range(1, 7):
        admission.join(request, Priority.LIVE)
    assert admission.retry_after() == 12  # 6 requests, 2 at once, 4 s each


def test_retry_after_has_an_end() -> None:
    admission = Admission(Limits(in_flight=1, waiting=10))
    admission.join(0, Priority.LIVE)
    admission.take(0)
    admission.release(0, 1000 * SECOND)
    admission.join(1, Priority.LIVE)
    assert admission.retry_after() == MAX_RETRY_AFTER


def test_a_withdrawn_request_does_not_start() -> None:
    admission = Admission(Limits(in_flight=1, waiting=2))
    admission.join(1, Priority.LIVE)
    assert admission.withdraw(1)
    assert not admission.withdraw(1)
    assert admission.take(0) is None


@pytest.mark.parametrize(("in_flight", "waiting"), [(0, 1), (1, 0), (-1, 5)])
def test_limits_start_at_one(in_flight: int, waiting: int) -> None:
    with pytest.raises(ValueError, match="limits start at 1"):
        Limits(in_flight, waiting)


class AnyOrder(RuleBasedStateMachine):
    """Any use keeps the limits, loses nobody and lets no batch request pass a live one."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(in_flight=2, waiting=3)
        self.admission = Admission(self.limits)
        self.queued: dict[Priority, list[int]] = {priority: [] for priority in Priority}
        self.running: list[int] = []
        self.count = 0

    @rule(priority=st.sampled_from(Priority))
    def join(self, priority: Priority) -> None:
        self.count += 1
        if len(self.queued[priority]) == self.limits.waiting:
            with pytest.raises(Busy):
                self.admission.join(self.count, priority)
        else:
            self.admission.join(self.count, priority)
            self.queued[priority].append(self.count)

    @rule()
    def take(self) -> None:
        waiting = self.queued[Priority.LIVE] or self.queued[Priority.BATCH]
        expected = waiting.pop(0) if waiting and len(self.running) < self.limits.in_flight else None
        assert self.admission.take(0) == expected
        if expected is not None:
            self.running.append(expected)

    @precondition(lambda self: self.running)
    @rule()
    def release(self) -> None:
        self.admission.release(self.running.pop(), SECOND)

    @rule(priority=st.sampled_from(Priority))
    def withdraw(self, priority: Priority) -> None:
        if self.queued[priority]:
            assert self.admission.withdraw(self.queued[priority].pop())

    @invariant()
    def counts_agree(self) -> None:
        assert self.admission.running == len(self.running) <= self.limits.in_flight
        assert self.admission.waiting == sum(map(len, self.queued.values()))
        assert 1 <= self.admission.retry_after() <= MAX_RETRY_AFTER


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=25, stateful_step_count=30)
