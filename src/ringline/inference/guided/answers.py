"""Answers as they come, checked before they are handed on. Each class reads one choice; `Reader` all of them.

What was cut short (`length`, `content_filter`) is not checked: its `finish` says that it is not whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ringline.core.ids import Ids
from ringline.inference.chat import Delta, Finish, ToolFragment
from ringline.inference.errors import GuideBroken
from ringline.inference.guided.check import Check
from ringline.inference.guided.toolprompt import CALL, TEXT, read_call

CUT = (Finish.LENGTH, Finish.CONTENT_FILTER)

Checks = Mapping[str, Check]
"""What a call's arguments must be, by the names of the tools that may be called."""


class Answer(Protocol):
    """One choice."""

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """What to hand on for a piece of the engine's; raises `GuideBroken`."""
        ...


class CheckedText:
    """Text that has to pass a check: handed on as it comes, but its end only once it is known to be right.

    Held: nothing is handed on before it is known.
    """

    def __init__(self, check: Check, *, held: bool) -> None:
        self._check = check
        self._held = held
        self._pieces: list[Delta] = []
        self._text: list[str] = []

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """See `Answer`."""
        self._text.append(delta.text)
        if delta.finish is Finish.STOP and (fault := self._check("".join(self._text))):
            raise GuideBroken(f"The model's answer is not what was asked: {fault}.")
        self._pieces.append(delta)
        if delta.finish is not None or not self._held:
            yield from self._pieces
            self._pieces = []


@dataclass(slots=True)
class _Call:
    id: str | None = None
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class NativeCalls:
    """Calls that the engine tells as such: each is handed on whole, once its arguments are known to be right.

    An answer without calls goes on to `words`.
    """

    def __init__(self, checks: Checks, words: Answer, ids: Ids) -> None:
        self._checks = checks
        self._words = words
        self._ids = ids
        self._calls: dict[int, _Call] = {}

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """See `Answer`."""
        for fragment in delta.tool_calls:
            call = self._calls.setdefault(fragment.index, _Call())
            call.id = call.id or fragment.id
            call.name = call.name or fragment.name or ""
            call.arguments.append(fragment.arguments)
        said = replace(delta, tool_calls=())
        if not self._calls:
            yield from self._words.feed(said)
        elif delta.finish is None:
            if said != Delta(index=delta.index):
                yield said
        else:
            calls = tuple(self._checked(is_cut=delta.finish in CUT))
            finish = delta.finish if delta.finish in CUT else Finish.TOOL_CALLS
            yield replace(said, tool_calls=calls, finish=finish)

    def _checked(self, *, is_cut: bool) -> Iterator[ToolFragment]:
        for place, (_, call) in enumerate(sorted(self._calls.items())):
            arguments = "".join(call.arguments) or "{}"
            if fault := fault_of(self._checks, call.name, arguments):
                if is_cut:
                    return
                raise GuideBroken(fault)
            yield ToolFragment(place, call.id or new_call_id(self._ids), call.name, arguments)


class WrittenCalls:
    """Calls that the model writes as text, see `toolprompt`; each is handed on as soon as its line is whole.

    `may_speak`: the answer says first whether it calls or speaks. Words go on to `words`.
    """

    def __init__(self, checks: Checks, words: Answer, ids: Ids, *, may_speak: bool) -> None:
        self._checks = checks
        self._words = words
        self._ids = ids
        self._calls: bool | None = None if may_speak else True
        self._text = ""
        self._told: list[tuple[str, str]] = []

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """See `Answer`."""
        if self._calls is False:
            yield from self._words.feed(delta)
            return
        self._text += delta.text
        if self._calls is None:
            if self._text.startswith(CALL):
                self._calls, self._text = True, self._text[len(CALL) :]
            elif self._text.startswith(TEXT) or delta.finish is not None:
                self._calls = False
                text = self._text.removeprefix(TEXT)
                # What the tokens before the words were worth is nobody's concern.
                yield from self._words.feed(
                    replace(delta, text=text, logprobs=delta.logprobs if text else ())
                )
                return
            else:
                return
        yield from self._called(delta)

    def _called(self, delta: Delta) -> Iterator[Delta]:
        lines = self._text.split("\n")
        is_cut = delta.finish in CUT
        last = lines.pop()
        if delta.finish is None:
            self._text = last
        elif not is_cut or self._fault(last) is None:
            lines.append(last)
        calls = tuple(call for line in lines if line.strip() for call in self._call(line))
        finish = delta.finish
        if finish is not None and not is_cut:
            if not self._told:
                raise GuideBroken("The model called no function although it had to.")
            finish = Finish.TOOL_CALLS
        if calls or finish is not None or delta.reasoning:
            yield Delta(delta.index, tool_calls=calls, reasoning=delta.reasoning, finish=finish)

    def _fault(self, line: str) -> str | None:
        try:
            name, arguments = read_call(line)
        except ValueError:
            return "The model's call of a function cannot be read."
        return fault_of(self._checks, name, arguments)

    def _call(self, line: str) -> Iterator[ToolFragment]:
        if fault := self._fault(line):
            raise GuideBroken(fault)
        call = read_call(line)
        # Weak models stutter: what was said twice in one answer is called once.
        if call not in self._told:
            self._told.append(call)
            name, arguments = call
            yield ToolFragment(len(self._told) - 1, new_call_id(self._ids), name, arguments)


def fault_of(checks: Checks, name: str, arguments: str) -> str | None:
    """What is wrong with a call; None if nothing."""
    check = checks.get(name)
    if check is None:
        return f"The model called {name[:100]!r}, which it was not offered."
    fault = check(arguments)
    return fault and f"The model called {name} with arguments that its schema forbids: {fault}."


def new_call_id(ids: Ids) -> str:
    """`call_` and 24 characters."""
    return f"call_{ids.token(18)}"


class AsIs:
    """Nothing to check."""

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """See `Answer`."""
        yield delta
