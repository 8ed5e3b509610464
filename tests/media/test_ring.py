import threading
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.ring import Records

pytestmark = pytest.mark.unit


def test_records_come_out_as_they_went_in() -> None:
    ring = Records(4)
    assert ring.get() is None
    assert ring.put(1, 2, 3, -4, 5, 6, 7, 1 << 62)
    assert ring.put(9, 9)
    assert len(ring) == 2
    assert ring.get() == (1, 2, 3, -4, 5, 6, 7, 1 << 62)
    assert ring.get() == (9, 9, 0, 0, 0, 0, 0, 0)
    assert ring.get() is None


def test_a_full_ring_refuses_and_counts() -> None:
    ring = Records(2)
    assert ring.put(1, 0)
    assert ring.put(2, 0)
    assert not ring.put(3, 0)
    assert ring.dropped == 1
    assert ring.get() == (1, 0, 0, 0, 0, 0, 0, 0)
    assert ring.put(4, 0)
    assert [ring.get(), ring.get()] == [(2, 0, 0, 0, 0, 0, 0, 0), (4, 0, 0, 0, 0, 0, 0, 0)]


def test_the_reserve_is_kept_for_what_must_not_be_lost() -> None:
    ring = Records(4, reserve=2)
    assert ring.offer(1, 0)
    assert ring.offer(2, 0)
    assert not ring.offer(3, 0)
    assert ring.put(4, 0)
    assert ring.put(5, 0)
    assert not ring.put(6, 0)
    assert [record[0] for record in iter(ring.get, None)] == [1, 2, 4, 5]


@pytest.mark.parametrize("capacity", [0, 1, 3, 100])
def test_a_capacity_is_a_power_of_two(capacity: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Records(capacity)


@given(st.lists(st.none() | st.integers(-(1 << 62), 1 << 62), max_size=60))
@settings(max_examples=100)
def test_it_behaves_as_a_bounded_queue(steps: list[int | None]) -> None:
    ring, model = Records(8), deque[int]()
    for step in steps:
        if step is None:
            record = ring.get()
            assert (record[2] if record else None) == (model.popleft() if model else None)
        else:
            accepted = ring.put(1, 0, step)
            assert accepted == (len(model) < 8)
            if accepted:
                model.append(step)
        assert len(ring) == len(model)


def test_one_writer_and_one_reader_need_no_lock() -> None:
    ring, read = Records(64), list[int]()

    def write() -> None:
        n = 0
        while n < 800:
            n += ring.put(1, 0, n, n, n, n, n, n)

    writer = threading.Thread(target=write)
    writer.start()
    while len(read) < 800:
        record = ring.get()
        if record is not None:
            assert len(set(record[2:])) == 1
            read.append(record[2])
    writer.join()
    assert read == list(range(800))
