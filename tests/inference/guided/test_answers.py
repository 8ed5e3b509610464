import json
from dataclasses import replace
from typing import Any

import pytest

from ringline.core.ids import Ids
from ringline.inference.cards import BY_DIALECT, Capabilities, Dialect, GuideKind, ModelCard
from ringline.inference.chat import (
    AnyJson,
    ChatRequest,
    Choice,
    Delta,
    Finish,
    Grammar,
    Guide,
    JsonSchema,
    Message,
    NamedTool,
    Regex,
    Role,
    Sampling,
    TextPart,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolFragment,
    ToolMode,
    Usage,
)
from ringline.inference.collecting import Collector
from ringline.inference.errors import GuideBroken, Unsupported
from ringline.inference.guided.errors import BadGuide
from ringline.inference.guided.plan import plan
from ringline.inference.registry import Task

pytestmark = pytest.mark.unit

PLAIN, NATIVE, VLLM = (
    ModelCard("model", Task.CHAT, dialect, BY_DIALECT[dialect])
    for dialect in (Dialect.LLAMA_CPP, Dialect.OPENAI, Dialect.VLLM)
)
WEATHER = Tool(
    "weather",
    "Weather of a city",
    '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
)
TIME = Tool("time", "Time of day", '{"type":"object","properties":{}}')
ASKED = ChatRequest("model", (Message(Role.USER, "Well?"),))
TOOLS = replace(ASKED, tools=(WEATHER, TIME))
OSLO = '{"name": "weather", "arguments": {"city": "Oslo"}}'
SCHEMA = JsonSchema('{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}')


def heard(
    request: ChatRequest, card: ModelCard, *pieces: str | Delta, finish: Finish = Finish.STOP
) -> list[Delta]:
    """What a client sees of an engine's pieces."""
    reader = plan(request, card, Ids.seeded(1)).reader()
    told = [Delta(text=piece) if isinstance(piece, str) else piece for piece in pieces]
    return [
        seen
        for piece in (*told, Delta(finish=finish), Usage(1, 1))
        for seen in reader.feed(piece)
        if isinstance(seen, Delta)
    ]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def calls_of(deltas: list[Delta]) -> list[tuple[str | None, str]]:
    return [(call.name, call.arguments) for delta in deltas for call in delta.tool_calls]


# ---------------------------------------------------------------------- what an engine is asked


def test_a_plain_question_is_asked_as_it_is() -> None:
    assert plan(ASKED, NATIVE, Ids.seeded(1)).request == ASKED
    assert [delta.text for delta in heard(ASKED, NATIVE, "a", "b")] == ["a", "b", ""]


@pytest.mark.parametrize("guide", [SCHEMA, AnyJson(), Regex("a+"), Choice(("a", "b"))])
def test_a_guide_is_passed_on_or_becomes_a_grammar(guide: Guide) -> None:
    request = replace(ASKED, guide=guide)
    assert plan(request, VLLM, Ids.seeded(1)).request.guide == guide
    made = plan(request, PLAIN, Ids.seeded(1)).request.guide
    assert isinstance(made, Grammar)
    assert made.text.startswith("root ::= ")


@pytest.mark.parametrize(
    ("guide", "card", "field"),
    [
        (Regex("a"), NATIVE, "guided_regex"),
        (Choice(("a",)), NATIVE, "guided_choice"),
        (Regex(r"\b"), PLAIN, "guided_regex"),
        (JsonSchema('{"not":{}}'), PLAIN, "response_format"),
    ],
)
def test_what_nobody_can_promise_is_refused(guide: Guide, card: ModelCard, field: str) -> None:
    with pytest.raises(Unsupported) as refusal:
        plan(replace(ASKED, guide=guide, guide_field=field), card, Ids.seeded(1))
    assert refusal.value.field == field


STOPPED = replace(ASKED, sampling=Sampling(stop=("a",)))


@pytest.mark.parametrize("card", [PLAIN, NATIVE, VLLM])
@pytest.mark.parametrize(
    "change",
    [
        {"guide": Choice(("banana",))},
        {"guide": SCHEMA},
        {"guide": AnyJson()},
        {"tools": (WEATHER,), "tool_choice": ToolMode.REQUIRED},
        {"tools": (WEATHER,), "tool_choice": NamedTool("weather")},
    ],
)
def test_stop_does_not_go_with_an_answer_that_must_be_whole(card: ModelCard, change: dict[str, Any]) -> None:
    with pytest.raises(BadGuide) as refusal:
        plan(replace(STOPPED, **change), card, Ids.seeded(1))
    assert (refusal.value.status, refusal.value.param) == (400, "stop")


def test_stop_goes_with_tools_that_the_engine_calls_itself() -> None:
    offered = replace(STOPPED, tools=(WEATHER,))
    assert plan(offered, NATIVE, Ids.seeded(1)).request == offered
    with pytest.raises(Unsupported) as refusal:
        plan(offered, PLAIN, Ids.seeded(1))
    assert refusal.value.field == "stop"
    unused = replace(offered, tool_choice=ToolMode.NONE)
    assert plan(unused, PLAIN, Ids.seeded(1)).request.sampling.stop == ("a",)


@pytest.mark.parametrize(
    "guide",
    [
        Regex("("),
        Regex("(?=a)"),
        Regex("a" * 10_001),
        Regex("((a{100}){100}){100}"),
        JsonSchema("{"),
        JsonSchema('{"type":"bogus"}'),
        JsonSchema('{"$ref":"http://127.0.0.1:1/x"}'),
        JsonSchema('{"type":"string","pattern":"(?=a)"}'),
        JsonSchema('{"x":' * 5000 + "1" + "}" * 5000),
        JsonSchema('{"title":"' + "x" * 500_000 + '"}'),
    ],
)
@pytest.mark.parametrize("card", [VLLM, PLAIN])
def test_a_guide_that_is_wrong_by_itself_is_the_clients_mistake(guide: Guide, card: ModelCard) -> None:
    with pytest.raises(BadGuide) as refusal:
        plan(replace(ASKED, guide=guide), card, Ids.seeded(1))
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (replace(TOOLS, tools=(WEATHER, WEATHER)), "two are called 'weather'"),
        (replace(TOOLS, tool_choice=NamedTool("other")), "no tool is called 'other'"),
        (replace(ASKED, tool_choice=ToolMode.REQUIRED), "there are no tools"),
        (replace(TOOLS, tools=(replace(WEATHER, parameters='{"type":3}'),)), "no JSON Schema"),
        (replace(TOOLS, tools=tuple(replace(TIME, name=f"t{n}") for n in range(129))), "more than 128"),
    ],
)
def test_tools_that_are_wrong_are_the_clients_mistake(request_: ChatRequest, named: str) -> None:
    for card in (PLAIN, NATIVE):
        with pytest.raises(BadGuide, match=named):
            plan(request_, card, Ids.seeded(1))


def test_an_engine_without_tools_and_grammars_is_asked_for_no_tools() -> None:
    bare = replace(NATIVE, capabilities=Capabilities(guides=frozenset({GuideKind.JSON})))
    with pytest.raises(Unsupported, match="tools"):
        plan(TOOLS, bare, Ids.seeded(1))


# ---------------------------------------------------------------------- guided answers


def test_a_guided_answer_is_checked_at_its_end() -> None:
    request = replace(ASKED, guide=SCHEMA)
    assert text_of(heard(request, PLAIN, '{"a"', ":1}")) == '{"a":1}'
    with pytest.raises(GuideBroken, match="not of type"):
        heard(request, PLAIN, '{"a":"x"}')
    with pytest.raises(GuideBroken, match="no JSON"):
        heard(request, PLAIN, '{"a":NaN}')
    with pytest.raises(GuideBroken, match="no JSON"):
        heard(request, PLAIN, "[" * 100_000)


def test_what_was_cut_short_is_handed_on_as_that() -> None:
    seen = heard(replace(ASKED, guide=SCHEMA), VLLM, '{"a', finish=Finish.LENGTH)
    assert (text_of(seen), seen[-1].finish) == ('{"a', Finish.LENGTH)


def test_an_engines_promise_is_held_until_it_is_kept() -> None:
    reader = plan(replace(ASKED, guide=SCHEMA), VLLM, Ids.seeded(1)).reader()
    assert list(reader.feed(Delta(text='{"a":'))) == []
    assert list(reader.feed(Delta(text='"x"}'))) == []
    with pytest.raises(GuideBroken):
        list(reader.feed(Delta(finish=Finish.STOP)))
    easy = plan(replace(ASKED, guide=replace(SCHEMA, strict=False)), VLLM, Ids.seeded(1)).reader()
    assert list(easy.feed(Delta(text='{"a":'))) == [Delta(text='{"a":')]


def test_each_choice_is_read_by_itself() -> None:
    request = replace(ASKED, guide=Choice(("yes", "no")), sampling=Sampling(n=2))
    pieces = (Delta(0, "ye"), Delta(1, "no"), Delta(0, "s"), Delta(1, finish=Finish.STOP))
    seen = heard(request, PLAIN, *pieces)
    assert [text_of([delta for delta in seen if delta.index == index]) for index in (0, 1)] == ["yes", "no"]


# ---------------------------------------------------------------------- calls that the model writes


def test_a_written_call_becomes_a_call_as_soon_as_its_line_is_whole() -> None:
    reader = plan(TOOLS, PLAIN, Ids.seeded(1)).reader()
    assert [list(reader.feed(Delta(text=text))) for text in ("CA", "LL ", OSLO)] == [[], [], []]
    (first,) = reader.feed(Delta(text='\n{"name": "time", "argu'))
    assert isinstance(first, Delta)
    assert calls_of([first]) == [("weather", '{"city": "Oslo"}')]
    (last,) = [*reader.feed(Delta(text='ments": {}}')), *reader.feed(Delta(finish=Finish.STOP))]
    assert isinstance(last, Delta)
    assert (calls_of([last]), last.finish) == ([("time", "{}")], Finish.TOOL_CALLS)
    assert last.tool_calls[0].index == 1


def test_words_lose_their_prefix_and_nothing_else() -> None:
    tokens = (TokenLogprob("TEXT", -1.0), TokenLogprob("Hi", -2.0))
    pieces = (
        Delta(text="TEXT", logprobs=tokens[:1]),
        Delta(text=" "),
        Delta(text="CALL me", logprobs=tokens[1:]),
    )
    seen = heard(TOOLS, PLAIN, *pieces)
    assert text_of(seen) == "CALL me"
    assert [token for delta in seen for token in delta.logprobs] == [tokens[1]]


def test_words_beside_tools_keep_their_guide() -> None:
    request = replace(TOOLS, guide=SCHEMA)
    assert text_of(heard(request, PLAIN, 'TEXT {"a":1}')) == '{"a":1}'
    with pytest.raises(GuideBroken):
        heard(request, PLAIN, "TEXT nothing")


def test_a_stutter_is_one_call() -> None:
    assert calls_of(heard(TOOLS, PLAIN, f"CALL {OSLO}\n{OSLO}\n{OSLO}")) == [("weather", '{"city": "Oslo"}')]


def test_a_call_cut_short_is_left_out() -> None:
    seen = heard(TOOLS, PLAIN, f"CALL {OSLO}\n", '{"name": "ti', finish=Finish.LENGTH)
    assert (calls_of(seen), seen[-1].finish) == ([("weather", '{"city": "Oslo"}')], Finish.LENGTH)
    assert heard(TOOLS, PLAIN, "CA", finish=Finish.LENGTH)[-1].finish is Finish.LENGTH


@pytest.mark.parametrize(
    "line", ["", '{"name": "weather", "arguments": {}}', '{"name": "x", "arguments": {}}', "weather", "[1]"]
)
def test_a_forced_call_that_is_none_is_an_error(line: str) -> None:
    with pytest.raises(GuideBroken):
        heard(replace(TOOLS, tool_choice=ToolMode.REQUIRED), PLAIN, line)


def test_a_named_tool_is_the_only_one_that_may_be_called() -> None:
    request = replace(TOOLS, tool_choice=NamedTool("time"))
    assert calls_of(heard(request, PLAIN, '{"name": "time", "arguments": {}}')) == [("time", "{}")]
    with pytest.raises(GuideBroken, match="not offered"):
        heard(request, PLAIN, OSLO)


# ---------------------------------------------------------------------- calls that the engine tells


def test_an_engines_calls_are_put_together_and_checked() -> None:
    pieces = (
        Delta(tool_calls=(ToolFragment(0, "id-1", "weather", '{"city"'),)),
        Delta(tool_calls=(ToolFragment(0, arguments=':"Oslo"}'), ToolFragment(1, None, "time"))),
    )
    seen = heard(TOOLS, NATIVE, *pieces)
    assert calls_of(seen) == [("weather", '{"city":"Oslo"}'), ("time", "{}")]
    first, second = seen[-1].tool_calls
    assert first.id == "id-1"
    assert second.id is not None
    assert (len(second.id), seen[-1].finish) == (29, Finish.TOOL_CALLS)


@pytest.mark.parametrize("arguments", ["", "{", '{"city":1}', "[]"])
def test_an_engines_wrong_arguments_are_an_error(arguments: str) -> None:
    with pytest.raises(GuideBroken):
        heard(TOOLS, NATIVE, Delta(tool_calls=(ToolFragment(0, "i", "weather", arguments),)))


def test_an_engines_words_pass_as_they_come() -> None:
    assert [delta.text for delta in heard(TOOLS, NATIVE, "a", "b")] == ["a", "b", ""]


# ---------------------------------------------------------------------- earlier turns


TURN = (
    Message(Role.SYSTEM, "Be kind."),
    Message(Role.USER, "Weather in Oslo?"),
    Message(Role.ASSISTANT, None, tool_calls=(ToolCall("c", "weather", '{"city":"Oslo"}'),)),
    Message(Role.TOOL, "-4", tool_call_id="c"),
)


def test_results_join_the_question() -> None:
    asked = plan(replace(TOOLS, messages=TURN), PLAIN, Ids.seeded(1)).request
    assert [message.role for message in asked.messages] == [Role.SYSTEM, Role.USER]
    assert "Be kind." in asked.messages[0].text()
    assert "- time:" in asked.messages[0].text()
    assert "- weather:" not in asked.messages[0].text()  # its result is there: it is not offered again
    assert asked.messages[1].content == (
        'Given that weather {"city":"Oslo"} returned -4, answer this in words: Weather in Oslo?'
    )


def test_tools_are_offered_again_once_the_user_has_spoken() -> None:
    later = (*TURN, Message(Role.ASSISTANT, "Cold."), Message(Role.USER, "And Bergen?"))
    asked = plan(replace(TOOLS, messages=later), PLAIN, Ids.seeded(1)).request
    assert "- weather:" in asked.messages[0].text()
    assert [message.text() for message in asked.messages[2:]] == ["Cold.", "And Bergen?"]


def test_results_without_a_question_in_words_stand_alone() -> None:
    picture = (Message(Role.USER, (TextPart("This?"),)), *TURN[2:])
    asked = plan(replace(ASKED, messages=picture), PLAIN, Ids.seeded(1)).request
    assert asked.messages[-1].content == 'Given that weather {"city":"Oslo"} returned -4, answer in words.'


def test_an_engine_that_knows_tools_sees_the_turns_as_they_were() -> None:
    request = replace(TOOLS, messages=TURN)
    assert plan(request, NATIVE, Ids.seeded(1)).request == request


def test_a_collected_answer_is_a_message_with_calls() -> None:
    collector = Collector()
    for delta in heard(TOOLS, PLAIN, f"CALL {OSLO}"):
        collector.add(delta)
    (choice,) = collector.completion("id", 0, "model").choices
    assert choice.finish is Finish.TOOL_CALLS
    assert json.loads(choice.message.tool_calls[0].arguments) == {"city": "Oslo"}
