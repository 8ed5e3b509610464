"""Tools for a model whose template has none: shown in words, called in lines that a grammar forces.

An answer is, under `auto`, `CALL ` and calls or `TEXT ` and words, so that the model's first choice is made
by name; where a call is required it is the calls alone. Each call is one line::

    {"name": "get_weather", "arguments": {"city": "Oslo"}}
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ringline.inference.chat import (
    ChatRequest,
    Message,
    NamedTool,
    Role,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
)
from ringline.inference.guided import schema
from ringline.inference.guided.check import read
from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.grammar import (
    EMPTY,
    Chars,
    Expression,
    Grammar,
    Repeat,
    Rule,
    Text,
    one_of,
    renamed,
    repeat,
    sequence,
)
from ringline.inference.guided.values import literal
from ringline.inference.guided.work import Work

CALL = "CALL "
TEXT = "TEXT "
MOST_CALLS = 8
"""Calls in one answer."""

ANYTHING = Repeat(Chars(()).inverted())


def offered(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools that this answer may call."""
    match request.tool_choice:
        case ToolMode.NONE:
            return ()
        case NamedTool(name=name):
            return tuple(tool for tool in request.tools if tool.name == name)
        case _:
            return request.tools


def worth_offering(request: ChatRequest) -> tuple[Tool, ...]:
    """The offered tools, under `auto` without those whose result has come since the user spoke last.

    Models that need this module call the same function for ever.
    """
    tools = offered(request)
    if request.tool_choice is not ToolMode.AUTO:
        return tools
    answered = _answered(request.messages)
    return tuple(tool for tool in tools if tool.name not in answered)


def calls_grammar(
    tools: Iterable[Tool], choice: ToolChoice, are_many: bool, words: Grammar | None, work: Work
) -> Grammar:
    """What an answer may be: calls of these tools, or under `auto` `words` (None for any).

    Raises `NotExpressible` that names the tool.
    """
    rules: dict[str, Expression] = {}
    calls: list[Expression] = []
    for place, tool in enumerate(tools):
        try:
            arguments = schema.grammar_of(read(tool.parameters), work)
        except NotExpressible as refusal:
            raise NotExpressible(f"{refusal.what} in the parameters of {tool.name}") from refusal
        root, own = renamed(arguments, f"tool-{place}-")
        rules |= own
        start = Text(f'{{"name": {literal(tool.name).text}, "arguments": ')
        calls.append(sequence(start, root, Text("}")))
    rules["call"] = one_of(*calls)
    more = repeat(sequence(Text("\n"), Rule("call")), 0, MOST_CALLS - 1) if are_many else EMPTY
    required = sequence(Rule("call"), more)
    if choice is not ToolMode.AUTO:
        return Grammar(required, rules)
    said, own = renamed(words, "words-") if words else (ANYTHING, {})
    return Grammar(one_of(sequence(Text(CALL), required), sequence(Text(TEXT), said)), rules | own)


def instructed(request: ChatRequest) -> tuple[Message, ...]:
    """The messages with the tools in the system's words, and calls and results of earlier turns as text."""
    messages = as_words(request.messages)
    told = _instructions(request)
    if messages and messages[0].role is Role.SYSTEM:
        first = messages.pop(0)
        told = f"{first.text()}\n\n{told}"
    return (Message(Role.SYSTEM, told), *messages)


def as_words(messages: Iterable[Message]) -> list[Message]:
    """Messages without tool calls and tools' messages: what came of a call is told with the question."""
    told: list[Message] = []
    calls: dict[str, ToolCall] = {}
    results: list[str] = []
    for message in (*messages, None):
        if message is not None and message.role is Role.TOOL:
            call = calls.get(message.tool_call_id or "")
            called = f"{call.name} {call.arguments}" if call else message.name or "a function"
            results.append(f"{called} returned {message.text()}")
            continue
        if results:
            given = f"Given that {' and '.join(results)}, answer"
            question = told[-1].content if told and told[-1].role is Role.USER else None
            # A weak model repeats what it finds in its own words: a turn that only called leaves none.
            if isinstance(question, str):
                told[-1] = Message(Role.USER, f"{given} this in words: {question}")
            else:
                told.append(Message(Role.USER, f"{given} in words."))
            results = []
        if message is None:
            break
        calls |= {call.id: call for call in message.tool_calls}
        if message.content or not message.tool_calls:
            told.append(replace(message, tool_calls=()))
    return told


def read_call(line: str) -> tuple[str, str]:
    """Name and arguments (JSON text) of a call's line; raises `ValueError`."""
    call = read(line)
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str) or "arguments" not in call:
        raise ValueError("no call")
    return call["name"], json.dumps(call["arguments"], ensure_ascii=False)


def _answered(messages: Iterable[Message]) -> set[str]:
    names: dict[str | None, str] = {}
    answered: set[str] = set()
    for message in messages:
        names |= {call.id: call.name for call in message.tool_calls}
        if message.role is Role.USER:
            answered = set()
        elif message.role is Role.TOOL:
            answered.add(names.get(message.tool_call_id, message.name or ""))
    return answered


def _instructions(request: ChatRequest) -> str:
    shown = "\n".join(
        f"- {tool.name}: {tool.description or 'no description'}\n  arguments: {tool.parameters}"
        for tool in request.tools
    )
    form = '{"name": "…", "arguments": {…}}'
    many = " Write one line for each call." if request.parallel_tool_calls else ""
    if request.tool_choice is ToolMode.AUTO:
        how = (
            f"If a function can help with the last message, answer {CALL}and {form}.{many}\n"
            f"If none can, or you have its result already, answer {TEXT}and your words."
        )
    else:
        how = f"Answer with {form}.{many}"
    return f"You can call these functions:\n{shown}\n{how}"
