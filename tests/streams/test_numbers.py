import json

import pytest

from ringline.streams.frames import Dtmf, Mark, Start, Stop
from ringline.streams.numbers import Numbers
from ringline.streams.wire import parts, serialize
from tests.streams.apps import Packet, ScriptedTap
from tests.streams.test_wire import GOLDEN

pytestmark = pytest.mark.unit


def number(message: bytes) -> int:
    return int(json.loads(message)["sequence_number"])


def test_every_frame_is_counted_and_the_dropped_ones_too() -> None:
    numbers = Numbers()
    tap = ScriptedTap({"tap": "s"})
    head, tail = parts(Mark("s", 0, "m"))
    assert number(numbers.next(head, tail)) == 1
    tap.give(*[Packet("inbound", chunk, 0, b"") for chunk in (1, 2, 3)])
    tap.trim(1)
    assert [number(message) for message in numbers.media(tap)] == [4]
    assert number(numbers.next(head, tail)) == 5
    tap.give(Packet("inbound", 4, 0, b""))
    assert [number(message) for message in numbers.media(tap)] == [6]
    assert number(numbers.next(head, tail)) == 7


@pytest.mark.parametrize(
    "frame",
    [frame for frame, _ in GOLDEN if isinstance(frame, Start | Dtmf | Mark | Stop)],
    ids=lambda frame: type(frame).__name__,
)
def test_the_parts_of_a_frame_are_the_frame_without_its_number(frame: Start | Dtmf | Mark | Stop) -> None:
    head, tail = parts(frame)
    assert head + str(frame.sequence).encode() + tail == serialize(frame)


def test_a_mark_named_like_a_number_changes_nothing() -> None:
    frame = Mark("s", 5, '"sequence_number":"0"')
    head, tail = parts(frame)
    assert head + b"5" + tail == serialize(frame)
