"""Tools for a model whose template has none: shown in words, called in lines that a grammar forces.

An answer is, under `auto`, `CALL ` and calls or `TEXT ` and words, so that the model's first choice is made
by name; where a call is required it is the calls alone. Each call is one line::

    {"name": "get_weather", "arguments": {"city": "Oslo"}}
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ringline.inference.chat import (
    ChatRequest,
    Message,
    NamedTool,
    Role,
    Tool,
    ToolCall,
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


def calls_grammar(request: ChatRequest, words: Grammar | None) -> Grammar:
    """What an answer may be; `words` is what it says if it calls nothing, None for anything.

    Raises `NotExpressible` that names the tool.
    """
    rules: dict[str, Expression] = {}
    calls: list[Expression] = []
    for place, tool in enumerate(offered(request)):
        try:
            arguments = schema.grammar_of(read(tool.parameters))
        except NotExpressible as refusal:
            raise NotExpressible(f"{refusal.what} in the parameters of {tool.name}") from refusal
        root, own = renamed(arguments, f"tool-{place}-")
        rules |= own
        start = Text(f'{{"name": {literal(tool.name).text}, "arguments": ')
        calls.append(sequence(start, root, Text("}")))
    rules["call"] = one_of(*calls)
    more = (
        repeat(sequence(Text("\n"), Rule("call")), 0, MOST_CALLS - 1)
        if request.parallel_tool_calls
        else EMPTY
    )
    required = sequence(Rule("call"), more)
    if request.tool_choice is not ToolMode.AUTO:
        return Grammar(required, rules)
    said, own = renamed(words, "words-") if words else (ANYTHING, {})
    return Grammar(one_of(sequence(Text(CALL), required), sequence(Text(TEXT), said)), rules | own)


def instructed(request: ChatRequest) -> tuple[Message, ...]:
    """The messages with the tools in the system's words, and calls and results of earlier turns as text."""
    messages = list(as_words(request.messages))
    told = _instructions(request)
    if not told:
        return tuple(messages)
    if messages and messages[0].role is Role.SYSTEM:
        first = messages.pop(0)
        told = f"{first.text()}\n\n{told}"
    return (Message(Role.SYSTEM, told), *messages)


def as_words(messages: Iterable[Message]) -> Iterator[Message]:
    """Messages without tool calls and tools' messages: a result is told by the user, neighbours together."""
    names: dict[str, str] = {}
    results: list[str] = []
    for message in messages:
        if message.role is Role.TOOL:
            name = message.name or names.get(message.tool_call_id or "", "the function")
            results.append(f"Result of {name}: {message.text()}")
            continue
        if results:
            yield Message(Role.USER, "\n".join(results))
            results = []
        if message.tool_calls:
            names |= {call.id: call.name for call in message.tool_calls}
            lines = "\n".join(map(_line, message.tool_calls))
            said = f"{message.text()}\n{CALL}{lines}" if message.text() else f"{CALL}{lines}"
            yield replace(message, content=said, tool_calls=())
        else:
            yield message
    if results:
        yield Message(Role.USER, "\n".join(results))


def read_call(line: str) -> tuple[str, str]:
    """Name and arguments (JSON text) of a call's line; raises `ValueError`."""
    call = read(line)
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str) or "arguments" not in call:
        raise ValueError("no call")
    return call["name"], json.dumps(call["arguments"], ensure_ascii=False)


def _instructions(request: ChatRequest) -> str:
    tools = offered(request)
    if not tools:
        return ""
    shown = "\n".join(
        f"- {tool.name}: {tool.description or 'no description'}\n  arguments: {tool.parameters}"
        for tool in tools
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


def _line(call: ToolCall) -> str:
    return f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}'
