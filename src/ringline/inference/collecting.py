"""Puts the pieces of an answer together. Pure."""

from dataclasses import dataclass, field

from ringline.inference.chat import (
    Completion,
    CompletionChoice,
    Delta,
    Finish,
    Message,
    Role,
    TokenLogprob,
    ToolCall,
    ToolFragment,
    Usage,
)


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    finish: Finish = Finish.STOP

    def add_call(self, fragment: ToolFragment) -> None:
        call = self.calls.setdefault(fragment.index, _Call())
        call.id = call.id or fragment.id or ""
        call.name = call.name or fragment.name or ""
        call.arguments.append(fragment.arguments)

    def whole(self, index: int) -> CompletionChoice:
        calls = tuple(
            ToolCall(call.id, call.name, "".join(call.arguments)) for _, call in sorted(self.calls.items())
        )
        text = "".join(self.text)
        return CompletionChoice(
            index=index,
            message=Message(Role.ASSISTANT, None if calls and not text else text, tool_calls=calls),
            finish=self.finish,
            logprobs=tuple(self.logprobs),
            reasoning="".join(self.reasoning),
        )


class Collector:
    """Takes what `Inference.stream` gives, in order."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._usage = Usage()

    def add(self, piece: Delta | Usage) -> None:
        """One piece."""
        if isinstance(piece, Usage):
            self._usage = piece
            return
        choice = self._choices.setdefault(piece.index, _Choice())
        choice.text.append(piece.text)
        choice.reasoning.append(piece.reasoning)
        choice.logprobs.extend(piece.logprobs)
        for fragment in piece.tool_calls:
            choice.add_call(fragment)
        choice.finish = piece.finish or choice.finish

    def completion(self, id: str, created: int, model: str) -> Completion:
        """All of it; a choice that was told nothing of is empty."""
        choices = self._choices or {0: _Choice()}
        return Completion(
            id, created, model, tuple(one.whole(index) for index, one in sorted(choices.items())), self._usage
        )
