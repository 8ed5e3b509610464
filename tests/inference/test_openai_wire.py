import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.inference.cards import Dialect
from ringline.inference.chat import (
    Alternative,
    AnyJson,
    AudioData,
    AudioPart,
    Beam,
    ChatRequest,
    Choice,
    Delta,
    Effort,
    Finish,
    Grammar,
    Guide,
    ImagePart,
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
from ringline.inference.errors import EngineFailed, EngineRefused
from ringline.inference.openai_wire import (
    NO_LOGPROB,
    Offered,
    Reader,
    WireError,
    failure,
    read_models,
    render,
)
from ringline.workers import Busy

pytestmark = pytest.mark.unit

HI = (Message(Role.USER, "Hi"),)


def rendered(request: ChatRequest, dialect: Dialect = Dialect.OPENAI) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(render(request, "engine-name", dialect))
    return body


def test_a_plain_question() -> None:
    assert render(ChatRequest("alias", HI), "engine-name", Dialect.OPENAI) == (
        b'{"model":"engine-name","messages":[{"role":"user","content":"Hi"}],'
        b'"stream":true,"stream_options":{"include_usage":true}}'
    )


def test_every_number_of_sampling_is_told() -> None:
    sampling = Sampling(
        temperature=0.0,
        top_p=0.9,
        min_p=0.05,
        max_tokens=5,
        stop=("a", "b"),
        seed=0,
        frequency_penalty=0.0,
        presence_penalty=-1.0,
        logprobs=True,
        top_logprobs=3,
        n=2,
    )
    told = rendered(ChatRequest("m", HI, sampling))
    assert {
        name: told[name] for name in told if name not in ("model", "messages", "stream", "stream_options")
    } == {
        "temperature": 0.0,
        "top_p": 0.9,
        "min_p": 0.05,
        "max_tokens": 5,
        "stop": ["a", "b"],
        "seed": 0,
        "frequency_penalty": 0.0,
        "presence_penalty": -1.0,
        "logprobs": True,
        "top_logprobs": 3,
        "n": 2,
    }


def test_beams_are_asked_for_as_choices() -> None:
    told = rendered(ChatRequest("m", HI, Sampling(n=2, beam=Beam(4, 0.5))))
    assert told.keys() - rendered(ChatRequest("m", HI)).keys() == {"use_beam_search", "n", "length_penalty"}
    assert (told["use_beam_search"], told["n"], told["length_penalty"]) == (True, 4, 0.5)


def test_messages_of_every_kind() -> None:
    messages = (
        Message(Role.SYSTEM, "Be short."),
        Message(
            Role.USER,
            (
                TextPart("What?"),
                ImagePart("https://x/y.png", "low"),
                AudioPart("data:audio/wav;base64,AA"),
                AudioData("AA", "wav"),
            ),
            name="ann",
        ),
        Message(Role.ASSISTANT, None, tool_calls=(ToolCall("call_1", "f", '{"a":1}'),)),
        Message(Role.TOOL, "2", name="f", tool_call_id="call_1"),
    )
    assert rendered(ChatRequest("m", messages))["messages"] == [
        {"role": "system", "content": "Be short."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                {"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64,AA"}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ],
            "name": "ann",
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
            ],
        },
        {"role": "tool", "content": "2", "name": "f", "tool_call_id": "call_1"},
    ]


@pytest.mark.parametrize(
    ("guide", "told"),
    [
        (AnyJson(), {"response_format": {"type": "json_object"}}),
        (
            JsonSchema('{"type":"object"}', strict=True, name="call"),
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "call", "schema": {"type": "object"}, "strict": True},
                }
            },
        ),
        (Regex("[0-9]+"), {"structured_outputs": {"regex": "[0-9]+"}}),
        (Choice(("yes", "no")), {"structured_outputs": {"choice": ["yes", "no"]}}),
        (Grammar('root ::= "a"'), {"grammar": 'root ::= "a"'}),
    ],
)
def test_guides(guide: Guide, told: dict[str, Any]) -> None:
    body = rendered(ChatRequest("m", HI, guide=guide))
    assert {name: body[name] for name in told} == told


def test_guides_as_vllm_had_them_before_0_12() -> None:
    guides = (Regex("[0-9]+"), Choice(("yes", "no")))
    bodies = [rendered(ChatRequest("m", HI, guide=guide), Dialect.VLLM_GUIDED) for guide in guides]
    assert bodies[0]["guided_regex"] == "[0-9]+"
    assert bodies[1]["guided_choice"] == ["yes", "no"]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (ToolMode.AUTO, "auto"),
        (ToolMode.REQUIRED, "required"),
        (NamedTool("f"), {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_tools(choice: ToolMode | NamedTool, told: object) -> None:
    tool = Tool("f", "Does.", '{"type":"object"}')
    body = rendered(ChatRequest("m", HI, tools=(tool,), tool_choice=choice, parallel_tool_calls=False))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "Does.", "parameters": {"type": "object"}},
        }
    ]
    assert body["tool_choice"] == told
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize("wanted", [True, False])
def test_thinking_is_told(wanted: bool) -> None:
    request = ChatRequest("m", HI, thinking=wanted, effort=Effort.LOW)
    told = rendered(request, Dialect.VLLM)
    assert told["chat_template_kwargs"] == {"enable_thinking": wanted}
    assert told["reasoning_effort"] == "low"
    assert "chat_template_kwargs" not in rendered(ChatRequest("m", HI), Dialect.VLLM)


# ---------------------------------------------------------------------- hearing


def heard(*chunks: dict[str, Any], asked: Sampling = Sampling()) -> tuple[list[Delta], Usage, bool]:
    reader = Reader(asked)
    deltas = [delta for chunk in chunks for delta in reader.read(json.dumps(chunk).encode())]
    return deltas, reader.usage(), reader.is_complete


def test_a_stream_as_llama_cpp_writes_it() -> None:
    deltas, usage, complete = heard(
        {"choices": [{"finish_reason": None, "index": 0, "delta": {"role": "assistant", "content": None}}]},
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": "Hé"},
                    "finish_reason": None,
                    "logprobs": {
                        "content": [
                            {
                                "id": 1,
                                "token": "Hé",
                                "bytes": [72, 195, 169],
                                "logprob": -0.5,
                                "top_logprobs": [{"id": 2, "token": "I", "bytes": None, "logprob": None}],
                            }
                        ]
                    },
                }
            ]
        },
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}},
        asked=Sampling(logprobs=True, top_logprobs=1),
    )
    assert deltas == [
        Delta(
            text="Hé",
            logprobs=(TokenLogprob("Hé", -0.5, (72, 195, 169), (Alternative("I", NO_LOGPROB, None),)),),
        ),
        Delta(finish=Finish.LENGTH),
    ]
    assert usage == Usage(3, 1)
    assert complete


@pytest.mark.parametrize(("wanted", "told"), [(0, ""), (2, "ab"), (5, "abc")])
def test_no_more_alternatives_are_told_than_were_asked_for(wanted: int, told: str) -> None:
    top = [{"token": token, "logprob": -1.0} for token in "abc"]
    content = [{"token": "a", "logprob": -1.0, "top_logprobs": top}]
    chunk = {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": content}}]}
    (delta,), _, _ = heard(chunk, asked=Sampling(logprobs=True, top_logprobs=wanted))
    (token,) = delta.logprobs
    assert "".join(one.token for one in token.top) == told


def test_of_the_beams_only_the_choices_asked_for_are_told() -> None:
    chunks = [{"choices": [{"index": index, "message": {"content": "abc"[index]}}]} for index in range(3)]
    deltas, _, _ = heard(*chunks, asked=Sampling(n=2, beam=Beam(3)))
    assert deltas == [Delta(0, "a"), Delta(1, "b")]


def test_an_engine_that_counts_each_choice_apart() -> None:
    count = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
    assert heard(count, count)[1] == Usage(3, 10)


def test_an_engine_that_counts_as_it_goes() -> None:
    choice = {"index": 0, "delta": {"content": "a"}}
    chunks = [
        {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": count}} for count in (1, 2)
    ]
    assert heard(*chunks)[1] == Usage(3, 2)
    assert heard(*chunks, {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})[1] == Usage(
        3, 2
    )


def test_tool_calls_come_in_pieces() -> None:
    deltas, _, _ = heard(
        {
            "choices": [
                {
                    "delta": {
                        "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]
                    }
                }
            ]
        },
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}}]},
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
    )
    assert deltas == [
        Delta(tool_calls=(ToolFragment(0, "c", "f", ""),)),
        Delta(tool_calls=(ToolFragment(0, None, None, '{"a"'),)),
        Delta(finish=Finish.TOOL_CALLS),
    ]


def test_an_answer_that_was_not_streamed_is_one_delta_a_choice() -> None:
    message = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
    }
    deltas, usage, _ = heard(
        {
            "choices": [{"index": 0, "message": message, "finish_reason": "something new"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        }
    )
    assert deltas == [
        Delta(
            text="Hi",
            reasoning="hm",
            tool_calls=(ToolFragment(0, "c", "f", '{"a":1}'),),
            finish=Finish.STOP,
        )
    ]
    assert usage == Usage(1, 2)


@pytest.mark.parametrize("told", [{"message": "boom"}, "boom"])
def test_an_error_within_the_stream_is_a_failure(told: object) -> None:
    with pytest.raises(EngineFailed, match="boom"):
        heard({"error": told})


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"choices":3}', b'{"choices":[{"index":"x"}]}', b"\xff", b'"text"']
)
def test_what_is_no_chunk_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        list(Reader().read(data))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
near_chunks = st.fixed_dictionaries(
    {},
    optional={
        "choices": json_values
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": json_values,
                    "delta": json_values
                    | st.fixed_dictionaries({}, optional={"content": json_values, "tool_calls": json_values}),
                    "logprobs": json_values,
                    "finish_reason": json_values,
                },
            ),
            max_size=2,
        ),
        "usage": json_values,
        "error": json_values,
    },
)


@given(near_chunks | json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    try:
        for delta in Reader().read(json.dumps(value).encode()):
            assert isinstance(delta, Delta)
    except (ProtocolError, EngineFailed):
        pass


@given(st.binary(max_size=60), st.integers(100, 599))
def test_any_refusal_has_a_meaning(body: bytes, status: int) -> None:
    assert isinstance(failure(status, body), EngineRefused | EngineFailed | Busy)


def test_the_clients_mistakes_stay_the_clients() -> None:
    told = failure(
        400, b'{"error":{"message":"too long","param":"messages","code":"context_length_exceeded"}}'
    )
    assert isinstance(told, EngineRefused)
    assert (told.status, str(told), told.param, told.code) == (
        400,
        "too long",
        "messages",
        "context_length_exceeded",
    )
    llama = failure(400, b'{"error":{"code":400,"message":"no","type":"exceed_context_size_error"}}')
    assert isinstance(llama, EngineRefused)
    assert llama.code == "exceed_context_size_error"


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_the_engines_troubles_are_not_the_clients(status: int) -> None:
    told = failure(status, b'{"error":"no"}')
    assert isinstance(told, EngineFailed)
    assert told.status == status


def test_a_busy_engine_says_when_to_come_back() -> None:
    told = failure(429, b"{}", retry_after=9)
    assert isinstance(told, Busy)
    assert told.retry_after == 9


def test_lists_of_models() -> None:
    body = (
        b'{"object":"list","data":[{"id":"a","created":5,"owned_by":"me","max_model_len":4096},{"id":"b"}]}'
    )
    assert read_models(body) == (Offered("a", 5, "me", 4096), Offered("b"))
    with pytest.raises(WireError):
        read_models(b'{"data":3}')
