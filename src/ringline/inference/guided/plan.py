"""What an engine is asked instead of the request, so that its answer holds what the request demands.

Three ways, by what the engine can do (`ModelCard.capabilities`): it obeys the guide or knows tools itself,
and is only checked; it obeys grammars, and gets one made here; it does neither, and the request is refused.
A grammar of ours goes before an engine's own reading of JSON Schema: llama.cpp drops what it cannot follow.

Whoever asks an engine asks `plan(request, card, ids).request` instead, and passes each piece of the answer
through one `reader().feed(piece)`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from ringline.core.ids import Ids
from ringline.inference.cards import GuideKind, ModelCard, kind_of
from ringline.inference.chat import (
    AnyJson,
    ChatRequest,
    Choice,
    Delta,
    Guide,
    JsonSchema,
    NamedTool,
    Regex,
    Tool,
    ToolChoice,
    ToolMode,
    Usage,
)
from ringline.inference.chat import Grammar as GrammarGuide
from ringline.inference.errors import Unsupported
from ringline.inference.guided import gbnf, regex, schema, toolprompt, values
from ringline.inference.guided.answers import Answer, AsIs, CheckedText, Checks, NativeCalls, WrittenCalls
from ringline.inference.guided.check import (
    MOST_PATTERNS,
    MOST_SCHEMA,
    Check,
    check_of,
    patterns_in,
    read,
    schema_check,
)
from ringline.inference.guided.errors import BadGuide, NotExpressible
from ringline.inference.guided.grammar import Grammar, one_of_texts
from ringline.inference.guided.work import PATTERN, Work, listed

Promise = JsonSchema | AnyJson | Regex | Choice
"""The guides that clients ask for."""

QUICK = 1_000
"""Characters of guide and tools that are put to the model in less time than a loop may be held up."""

MOST_TOOLS = 128
MOST_CHOICES = 1000


class Plan:
    """`request` is for the engine; what it answers goes through a `reader`, a new one for each answer."""

    def __init__(self, request: ChatRequest, choice: Callable[[], Answer]) -> None:
        self.request = request
        self._choice = choice

    def reader(self) -> "Reader":
        """Reads one answer."""
        return Reader(self._choice)


class Reader:
    """Turns what the engine says into what the client may see."""

    def __init__(self, choice: Callable[[], Answer]) -> None:
        self._choice = choice
        self._choices: dict[int, Answer] = {}

    def feed(self, piece: Delta | Usage) -> Iterator[Delta | Usage]:
        """One piece of the engine's answer; raises `GuideBroken` before a wrong one ends as if right."""
        if isinstance(piece, Usage):
            yield piece
            return
        if piece.index not in self._choices:
            self._choices[piece.index] = self._choice()
        yield from self._choices[piece.index].feed(piece)


def is_quick(request: ChatRequest) -> bool:
    """Whether `plan` may be called in the loop; it holds a thread for up to half a second else."""
    guided = sum(len(part) for part in _texts(request.guide))
    return guided + sum(len(tool.parameters) for tool in request.tools) <= QUICK


def _texts(guide: Guide | None) -> tuple[str, ...]:
    match guide:
        case JsonSchema(schema=text) | Regex(pattern=text):
            return (text,)
        case Choice(options=options):
            return options
        case _:
            return ()


def plan(request: ChatRequest, card: ModelCard, ids: Ids) -> Plan:
    """How to put the request to the model.

    Raises `BadGuide` (400) for a guide or tool that is wrong by itself, or `stop` beside one; `Unsupported`
    for what neither the engine nor a grammar can promise.
    """
    checks = _checks(request)
    if request.sampling.stop:
        _refuse_stop(request)
    words, guide = _guided(request, card)
    if card.capabilities.tools:
        asked = replace(request, guide=guide)
        tools = toolprompt.offered(request)
    else:
        tools = toolprompt.worth_offering(request)
        asked = replace(request, messages=tuple(toolprompt.as_words(request.messages)), guide=guide, tools=())
    allowed = {tool.name: checks[tool.name] for tool in tools}
    if not allowed:
        return Plan(asked, words)
    if card.capabilities.tools:
        return Plan(asked, lambda: NativeCalls(allowed, words(), ids))
    if GuideKind.GRAMMAR not in card.capabilities.guides:
        raise Unsupported("tools", card.id, "tools")
    if request.sampling.stop:
        raise Unsupported("stop", card.id, "stop strings beside tools, whose calls it writes as text")
    shown = replace(request, tools=tools)
    try:
        calls = _calls(tools, request.tool_choice, request.parallel_tool_calls, request.guide)
    except NotExpressible as refusal:
        raise Unsupported("tools", card.id, refusal.what) from refusal
    may_speak = request.tool_choice is ToolMode.AUTO
    return Plan(
        replace(asked, messages=toolprompt.instructed(shown), guide=calls),
        lambda: WrittenCalls(allowed, words(), ids, may_speak=may_speak),
    )


def _checks(request: ChatRequest) -> Checks:
    """What each tool's arguments must be."""
    if len(request.tools) > MOST_TOOLS:
        raise BadGuide("tools", f"more than {MOST_TOOLS}")
    if sum(len(tool.parameters) for tool in request.tools) > MOST_SCHEMA:
        raise BadGuide("tools", f"their schemas have more than {MOST_SCHEMA} characters together")
    checks: dict[str, Check] = {}
    patterns = 0
    for tool in request.tools:
        if tool.name in checks:
            raise BadGuide("tools", f"two are called {tool.name!r}")
        checks[tool.name] = schema_check(tool.parameters, "tools")
        patterns += patterns_in(tool.parameters)
        if patterns > MOST_PATTERNS:
            raise BadGuide("tools", f"their schemas have more than {MOST_PATTERNS} patterns together")
    if isinstance(request.tool_choice, NamedTool) and request.tool_choice.name not in checks:
        raise BadGuide("tool_choice", f"no tool is called {request.tool_choice.name!r}")
    if request.tool_choice is ToolMode.REQUIRED and not checks:
        raise BadGuide("tool_choice", "there are no tools")
    return checks


def _refuse_stop(request: ChatRequest) -> None:
    """An answer that must be whole is not ended before it is: the engine would meet `stop` within it."""
    if request.guide is not None:
        raise BadGuide("stop", f"not together with {request.guide_field}, whose answer it would cut short")
    if request.tool_choice not in (ToolMode.NONE, ToolMode.AUTO):
        raise BadGuide("stop", "not together with a tool_choice that forces a call, which it would cut short")


def _guided(request: ChatRequest, card: ModelCard) -> tuple[Callable[[], Answer], Guide | None]:
    """How the answer's words are read, and the guide that the engine is given."""
    guide = request.guide
    if guide is None or isinstance(guide, GrammarGuide):
        return AsIs, guide
    kind, guides = kind_of(guide), card.capabilities.guides
    field = request.guide_field
    check = check_of(guide, field)
    if GuideKind.GRAMMAR in guides:
        try:
            made = _made(guide)
        except NotExpressible as refusal:
            raise Unsupported(field, card.id, refusal.what) from refusal
        return lambda: CheckedText(check, held=False), made
    if kind not in guides:
        raise Unsupported(field, card.id, f"answers guided by {kind}")
    # An engine's promise is not ours: what must not be wrong is held until it is known to be right.
    held = not isinstance(guide, JsonSchema) or guide.strict
    return lambda: CheckedText(check, held=held), guide


# Clients ask the same again and again, and a large schema takes longer to write out than an answer to begin.
@lru_cache(maxsize=128)
def _made(guide: Promise) -> GrammarGuide:
    return _written(lambda: grammar_of(guide, Work()))


@lru_cache(maxsize=128)
def _calls(tools: tuple[Tool, ...], choice: ToolChoice, are_many: bool, guide: Guide | None) -> GrammarGuide:
    def make() -> Grammar:
        work = Work()
        words = None if guide is None or isinstance(guide, GrammarGuide) else grammar_of(guide, work)
        return toolprompt.calls_grammar(tools, choice, are_many, words, work)

    return _written(make)


def _written(make: Callable[[], Grammar]) -> GrammarGuide:
    try:
        return GrammarGuide(gbnf.serialize(make()))
    except RecursionError:
        raise NotExpressible("schemas and references nested so deeply") from None


def grammar_of(guide: Promise, work: Work) -> Grammar:
    """The grammar of what is promised; raises `NotExpressible`."""
    match guide:
        case JsonSchema(schema=text):
            return schema.grammar_of(read(text), work)
        case AnyJson():
            return Grammar(values.OBJECT, values.RULES)
        case Regex(pattern=pattern):
            work.add(PATTERN * len(pattern))
            return Grammar(regex.parse(pattern))
        case Choice(options=options):
            if len(options) > MOST_CHOICES:
                raise NotExpressible(f"more than {MOST_CHOICES} choices")
            work.add(listed(options))
            return Grammar(one_of_texts(options))
