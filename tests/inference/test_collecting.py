from dataclasses import replace

import pytest

from ringline.inference.cards import BY_DIALECT, Capabilities, Dialect, ModelCard
from ringline.inference.chat import (
    AudioData,
    Beam,
    ChatRequest,
    Delta,
    Effort,
    Finish,
    ImagePart,
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
from ringline.inference.errors import Unsupported
from ringline.inference.refusing import refuse_unable
from ringline.inference.registry import Task

pytestmark = pytest.mark.unit

HI = (Message(Role.USER, "Hi"),)


def test_pieces_of_several_choices_are_put_together() -> None:
    collector = Collector()
    for piece in (
        Delta(1, "b", reasoning="hm"),
        Delta(0, "He", logprobs=(TokenLogprob("He", -1.0),)),
        Delta(0, "llo", logprobs=(TokenLogprob("llo", -2.0),)),
        Delta(1, finish=Finish.LENGTH),
        Delta(0, finish=Finish.STOP),
        Usage(3, 4),
    ):
        collector.add(piece)
    made = collector.completion("id", 5, "m")
    first, second = made.choices
    assert (first.message.content, first.finish, len(first.logprobs)) == ("Hello", Finish.STOP, 2)
    assert (second.message.content, second.reasoning, second.finish) == ("b", "hm", Finish.LENGTH)
    assert (made.usage.total_tokens, made.created, made.model) == (7, 5, "m")


def test_tool_calls_are_put_together_and_leave_no_empty_words() -> None:
    collector = Collector()
    for fragment in (
        ToolFragment(1, "c2", "g", "{}"),
        ToolFragment(0, "c1", "f", '{"a"'),
        ToolFragment(0, arguments=":1}"),
    ):
        collector.add(Delta(tool_calls=(fragment,)))
    collector.add(Delta(finish=Finish.TOOL_CALLS))
    message = collector.completion("id", 0, "m").choices[0].message
    assert message.content is None
    assert message.tool_calls == (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", "{}"))


def test_an_answer_of_nothing_is_one_empty_choice() -> None:
    choice = Collector().completion("id", 0, "m").choices
    assert [one.message.content for one in choice] == [""]


NOTHING = Capabilities(logprobs=False, choices=1)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ChatRequest("m", HI, Sampling(logprobs=True)), "logprobs"),
        (ChatRequest("m", HI, Sampling(n=2)), "n"),
        (ChatRequest("m", HI, Sampling(min_p=0.0)), "min_p"),
        (ChatRequest("m", HI, Sampling(beam=Beam(2))), "use_beam_search"),
        (ChatRequest("m", HI, tools=(Tool("f"),)), "tools"),
        (ChatRequest("m", HI, effort=Effort.HIGH), "reasoning_effort"),
        (ChatRequest("m", HI, thinking=True), "enable_thinking"),
        (ChatRequest("m", HI, thinking=False), "enable_thinking"),
        (ChatRequest("m", HI, guide=Regex("a")), "response_format"),
        (ChatRequest("m", (Message(Role.USER, (ImagePart("http://x/y"),)),)), "messages"),
        (ChatRequest("m", (Message(Role.USER, (TextPart("a"), AudioData("", "wav"))),)), "messages"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_by_name(request_: ChatRequest, field: str) -> None:
    with pytest.raises(Unsupported) as refused:
        refuse_unable(request_, ModelCard("m", Task.CHAT, capabilities=NOTHING))
    assert refused.value.field == field


VLLM = ModelCard("m", Task.CHAT, Dialect.VLLM, BY_DIALECT[Dialect.VLLM])


def test_what_it_can_do_passes() -> None:
    refuse_unable(
        ChatRequest(
            "m",
            HI,
            Sampling(logprobs=True, n=2, min_p=0.1, stop=("a",)),
            guide=Regex("a"),
            tools=(Tool("f"),),
            tool_choice=ToolMode.REQUIRED,
            thinking=True,
            effort=Effort.LOW,
        ),
        VLLM,
    )
    refuse_unable(ChatRequest("m", HI, effort=Effort.NONE), ModelCard("m", Task.CHAT, capabilities=NOTHING))


def test_who_cannot_think_need_not_be_kept_from_it() -> None:
    simple = replace(VLLM, capabilities=NOTHING)
    refuse_unable(ChatRequest("m", HI, thinking=False), simple)
    with pytest.raises(Unsupported):
        refuse_unable(ChatRequest("m", HI, thinking=True), simple)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ChatRequest("m", HI, Sampling(top_p=0.5)), "top_p"),
        (ChatRequest("m", HI, Sampling(min_p=0.1)), "min_p"),
        (ChatRequest("m", HI, Sampling(stop=("a",))), "stop"),
        (ChatRequest("m", HI, Sampling(frequency_penalty=0.1)), "frequency_penalty"),
        (ChatRequest("m", HI, Sampling(presence_penalty=0.1)), "presence_penalty"),
        (ChatRequest("m", HI, guide=Regex("a"), guide_field="guided_regex"), "guided_regex"),
        (ChatRequest("m", HI, tools=(Tool("f"),), tool_choice=NamedTool("f")), "tool_choice"),
    ],
)
def test_what_beam_search_does_not_read_is_refused_beside_it(request_: ChatRequest, field: str) -> None:
    refuse_unable(request_, VLLM)
    with pytest.raises(Unsupported) as refused:
        refuse_unable(replace(request_, sampling=replace(request_.sampling, beam=Beam(2))), VLLM)
    assert refused.value.field == field


def test_what_beam_search_reads_passes() -> None:
    sampling = Sampling(0.5, top_p=1.0, max_tokens=5, seed=1, presence_penalty=0.0, n=2, beam=Beam(3, 2.0))
    refuse_unable(ChatRequest("m", HI, sampling, tools=(Tool("f"),)), VLLM)
