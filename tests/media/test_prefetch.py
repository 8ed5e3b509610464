"""What a slot's turn will need: it is named whole, and asking for it harms nothing."""

from array import array

import pytest

from ringline.media.core.engine import Engine
from ringline.media.core.inlet import Inlet, Scratch
from ringline.media.core.link import NO_INLET
from ringline.media.core.message import Writer
from ringline.media.core.prefetch import Prefetch, objects, start
from ringline.media.core.tap import Tap

pytestmark = pytest.mark.unit


def test_an_object_is_all_its_fields() -> None:
    scratch = Scratch()
    assert objects(scratch) == [(id(scratch), Scratch.__basicsize__)]


def test_a_buffer_is_its_beginning() -> None:
    samples = array("h", bytes(640))
    address = samples.buffer_info()[0]
    assert start(samples, 320) == (address, 320)
    assert start(samples, 4096) == (address, 640), "no more than there is"


def test_each_slot_has_its_own() -> None:
    memory = Prefetch(3)
    memory.remember(1, [(4096, 64)])
    memory.remember(2, [(8192, 1)])
    memory.remember(1, [(1, 2), (3, 4)])
    assert [memory.spots(index) for index in range(3)] == [[], [(1, 2), (3, 4)], [(8192, 1)]]


def test_a_slot_is_not_wider_than_its_places() -> None:
    memory = Prefetch(1)
    with pytest.raises(ValueError, match="24 places"):
        memory.remember(0, [(0, 1)] * 25)


def test_what_is_gone_may_be_asked_for() -> None:
    memory = Prefetch(1)
    memory.remember(0, [(0, 4096), (1 << 40, 64), (-64, 64)])
    memory.fetch(0)
    assert memory.spots(0) == [(0, 4096), (1 << 40, 64), (-64, 64)]


def test_a_leg_names_its_parts() -> None:
    leg = Engine(capacity=1).add(0)
    named = {address for address, _ in leg.spots()}
    parts = (leg, leg.receiver, leg.receiver.jitter, leg.receiver.stats, leg.sender, leg.inject, leg.tap(0))
    assert {id(part) for part in parts} <= named
    assert len(leg.spots()) <= 24


def test_a_link_names_what_it_was_given() -> None:
    link = Engine(capacity=1).add_link(0)
    writer, inlet = Writer(b"", 0), NO_INLET
    link.give(Tap(), writer, inlet, 8000)
    named = {address for address, _ in link.spots()}
    assert {id(part) for part in (link, link.up, link.down, writer, inlet)} <= named
    assert isinstance(inlet, Inlet)
    assert len(link.spots()) <= 24
