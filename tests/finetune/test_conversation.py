"""Lines of training files."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.finetune.conversation import Conversation, Role, Turn, parse, restore, serialize
from ringline.finetune.errors import TrainingFileError

pytestmark = pytest.mark.unit

USER = {"role": "user", "content": "Which extension?"}
ANSWER = {"role": "assistant", "content": "42."}


def line(*messages: Any) -> bytes:
    return json.dumps({"messages": messages}).encode()


def refusal(data: bytes) -> str:
    with pytest.raises(TrainingFileError) as refused:
        parse(data, "facts.jsonl", 7)
    assert (refused.value.file, refused.value.line, refused.value.parameter) == (
        "facts.jsonl",
        7,
        "training_file",
    )
    assert str(refused.value) == f"facts.jsonl line 7: {refused.value.problem}"
    return refused.value.problem


def test_only_the_assistant_is_learnt_from() -> None:
    read = parse(line({"role": "system", "content": "Be brief."}, USER, ANSWER), "f", 1)
    assert read.turns == (
        Turn(Role.SYSTEM, "Be brief."),
        Turn(Role.USER, "Which extension?"),
        Turn(Role.ASSISTANT, "42.", learn=True),
    )


def test_weight_0_is_shown_and_not_learnt() -> None:
    read = parse(line(USER, ANSWER | {"weight": 0}, USER, ANSWER | {"weight": 1}), "f", 1)
    assert [turn.learn for turn in read.turns] == [False, False, False, True]


def test_openai_s_developer_and_text_parts_are_read() -> None:
    parts = [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]
    read = parse(line({"role": "developer", "content": parts}, USER, ANSWER), "f", 1)
    assert read.turns[0] == Turn(Role.SYSTEM, "Be brief.")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "not JSON"),
        (b'{"messages": "\xff"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", 'the line must be an object with a list "messages"'),
        (b'{"prompt": "x", "completion": "y"}', 'the line must be an object with a list "messages"'),
        (line(), "messages is empty"),
        (line(USER), "no message has the role assistant"),
        (line(USER, ANSWER | {"weight": 0}), "every assistant message has weight 0"),
        (line("hello"), "message 1 is no object"),
        (line(USER, {"content": "42."}), "message 2 has no role"),
        (line(USER, {"role": "asistant", "content": "42."}), "message 2 has the unknown role 'asistant'"),
        (line(USER, {"role": ["user"], "content": "42."}), "message 2 has the unknown role ['user']"),
        (line(USER, ANSWER | {"weight": 0.5}), "message 2 has the weight 0.5"),
        (line(USER, ANSWER | {"content": "  "}), "message 2 is empty"),
        (line(USER, {"role": "assistant"}), "message 2 is empty"),
        (line(USER, {"role": "assistant", "tool_calls": [{}]}), "message 2 is empty (tool calls are not"),
        (line(USER, ANSWER | {"content": 42}), "message 2 has a content that is neither text nor a list"),
        (line(USER | {"content": [{"type": "image_url"}]}, ANSWER), "message 1 has a part that is not text"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, problem: str) -> None:
    assert refusal(data).startswith(problem)


def test_a_long_wrong_value_is_shown_in_part() -> None:
    assert len(refusal(line({"role": "x" * 10_000, "content": "?"}))) < 200


TURNS = st.builds(
    lambda role, content, learn: Turn(role, content, learn and role is Role.ASSISTANT),
    st.sampled_from(Role),
    st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip),
    st.booleans(),
)


@given(
    st.lists(TURNS, max_size=5).map(lambda turns: (*turns, Turn(Role.ASSISTANT, "yes", learn=True))),
    st.text(st.characters(codec="utf-8")),
    st.integers(1, 10**6),
)
@settings(max_examples=60)
def test_what_trainers_get_is_read_back(turns: tuple[Turn, ...], file: str, number: int) -> None:
    conversation = Conversation(turns, file, number)
    data = serialize(conversation)
    assert data.count(b"\n") == 1
    assert restore(data) == conversation
    assert parse(data, file, number) == conversation


@given(st.binary(max_size=100) | st.builds(lambda value: json.dumps(value).encode(), st.recursive(
    st.none() | st.integers() | st.sampled_from(["messages", "role", "user", "assistant", "content"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["messages", "role", "content", "weight"]), inner, max_size=4),
)))  # fmt: skip
@settings(max_examples=150)
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        read = parse(data, "f", 1)
    except TrainingFileError:
        return
    assert any(turn.learn for turn in read.turns)
