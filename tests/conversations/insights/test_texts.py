"""Variables, transcripts and what results can be grouped by."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.conversations.insights import transcript, variables
from ringline.conversations.insights.answers import BadAnswer, checked, groupable
from ringline.store.conversations import Kept, Message, ToolCall

pytestmark = pytest.mark.unit

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
SCORE = '{"type":"object","properties":{"score":{"type":"integer","maximum":5}},"required":["score"]}'


def test_variables_are_the_standard_ones_and_the_metadata() -> None:
    values = variables.of_conversation(
        {"telnyx_conversation_channel": "phone_call", "team": "sales"},
        NOW.astimezone(timezone(timedelta(hours=2))),
    )
    text = (
        "{{telnyx_current_time}}|{{telnyx_conversation_channel}}|{{ team }}|{{telnyx_agent_target}}|{{other}}"
    )
    assert variables.substitute(text, values) == (
        "Tuesday, 01 January 2030 12:00:00 UTC|phone_call|sales||{{other}}"
    )


def test_what_a_value_says_is_no_variable() -> None:
    assert variables.substitute("{{a}}{{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}}{{a}}"


@given(st.text(alphabet="{} ab"), st.dictionaries(st.sampled_from("ab"), st.text(max_size=3)))
def test_any_text_is_taken(text: str, values: dict[str, str]) -> None:
    variables.substitute(text, values)


def test_a_transcript_says_who_says_and_does_what() -> None:
    messages = [
        Message(role="system", content="Be kind."),
        Message(role="user", content=" Where is my order? ", name="Ann"),
        Message(role="assistant", content=None, tool_calls=(ToolCall("1", "find", '{"order":7}'),)),
        Message(role="tool", content="shipped", tool_call_id="1"),
        Message(role="assistant", content="On its way."),
        Message(role="user", content=" "),
    ]
    kept = [Kept(number, message, NOW, NOW) for number, message in enumerate(messages)]
    assert transcript.lines(kept) == (
        "System: Be kind.",
        "User (Ann): Where is my order?",
        'Assistant: (calls find with {"order":7})',
        "Tool: shipped",
        "Assistant: On its way.",
    )


@pytest.mark.parametrize(
    "said", ["", "{", '{"score":6}', '{"score":"5"}', "[]", '{"score":NaN}', '{"score":1,"x":"\\ud800"}']
)
def test_an_answer_that_does_not_fit_is_bad(said: str) -> None:
    with pytest.raises(BadAnswer):
        checked(said, SCORE)


def test_an_answer_that_fits_is_written_compactly() -> None:
    assert checked(' {"score" : 5} ', SCORE) == '{"score":5}'
    assert checked("any text", None) == "any text"
    with pytest.raises(BadAnswer):
        checked("", None)


def test_scalars_can_be_grouped_by_and_nothing_else() -> None:
    result = '{"score":5,"ok":true,"no":null,"tags":["a"],"who":{"name":"Ann","age":7.5},"why":"%s"}' % (
        "x" * 257
    )
    assert groupable(result) == {
        "score": "5",
        "ok": "true",
        "no": "null",
        "who.name": '"Ann"',
        "who.age": "7.5",
    }
    assert groupable('{"a":{"b":{"c":{"d":1,"e":{"f":2}}}}}') == {"a.b.c.d": "1"}
    assert groupable("[1]") == groupable("7") == {}
    assert len(groupable('{"' + '":1,"'.join(f"k{number}" for number in range(99)) + '":1}')) == 64
