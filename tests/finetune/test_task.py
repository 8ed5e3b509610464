"""What is said between ringline and a trainer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.finetune.errors import TrainingError
from ringline.finetune.task import (
    Finished,
    Kept,
    Piece,
    Planned,
    Refused,
    Stepped,
    Task,
    read_piece,
    read_task,
    write,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("line", "piece"),
    [
        (
            b'{"event":"planned","examples":2,"epochs":3,"steps":6}',
            Planned(examples=2, epochs=3, steps=6),
        ),
        (
            b'{"event":"step","step":1,"steps":6,"loss":2,"tokens":40,"gpu":"hot"}',
            Stepped(step=1, steps=6, loss=2.0, tokens=40),
        ),
        (b'{"event": "checkpoint", "step": 5}\n', Kept(step=5)),
        (b'{"event":"finished","tokens":240}', Finished(tokens=240)),
        (b'{"event":"failed","reason":"no card"}', Refused(reason="no card")),
    ],
)
def test_events_are_lines_of_json(line: bytes, piece: Piece) -> None:
    assert read_piece(line) == piece
    assert read_piece(write(piece)) == piece


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Epoch 1/3",
        b'{"event":"pause"}',
        b'{"event":"step","step":"one"}',
        b'{"step":1}',
        b"\xff",
        b"[" * 9000,
    ],
)
def test_anything_else_is_shown_to_whoever_has_to_repair_it(line: bytes) -> None:
    with pytest.raises(TrainingError, match="the trainer said what is no event") as refused:
        read_piece(line)
    assert len(str(refused.value)) < 500


@given(st.binary(max_size=60))
@settings(max_examples=60)
def test_any_bytes_are_read_or_refused(line: bytes) -> None:
    try:
        read_piece(line)
    except TrainingError:
        return


def test_a_task_is_read_back() -> None:
    task = Task(
        id="ft-a",
        model="base",
        weights="/w.gguf",
        data="/d.jsonl",
        state="/s",
        adapter="/a.gguf",
        epochs=None,
        batch_size=8,
        learning_rate=1e-3,
        seed=1,
        longest=1024,
    )
    assert read_task(write(task)) == task
    assert b"\n" not in write(task)
