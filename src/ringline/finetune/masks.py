"""Which tokens of a conversation are learnt: the assistant's turns and the token that ends each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ringline.finetune.conversation import Conversation, Turn
from ringline.finetune.errors import TrainingFileError


class Template(Protocol):
    """A model's chat template."""

    def render(self, turns: Sequence[Turn], *, generate: bool) -> str:
        """The turns as the model reads them; with `generate`, up to where its own answer begins."""
        ...


class Tokenizer(Protocol):
    """A model's tokenizer."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text; names of control tokens become these tokens."""
        ...


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation as tokens; `learn[i]`: token `i` is one that the model is to predict."""

    tokens: tuple[int, ...]
    learn: tuple[bool, ...]


def example(conversation: Conversation, template: Template, tokenizer: Tokenizer, longest: int) -> Example:
    """Mask a conversation; raises `TrainingFileError` for one of more than `longest` tokens.

    Each answer is encoded apart from what stands before it, for so the model meets it when it generates.
    """
    tokens: list[int] = []
    learn: list[bool] = []
    turns, done = conversation.turns, ""
    for number, turn in enumerate(turns):
        if not turn.learn:
            continue
        before = template.render(turns[:number], generate=True)
        after = template.render(turns[: number + 1], generate=False)
        if not (before.startswith(done) and after.startswith(before)):
            raise TrainingFileError(
                conversation.file,
                conversation.line,
                "the model's chat template rewrites earlier turns; give one assistant turn a line",
            )
        # What a template puts after the end of a turn (a line feed) is nobody's to say.
        answer = after[len(before) :].rstrip("\n")
        given, said = tokenizer.encode(before[len(done) :]), tokenizer.encode(answer)
        tokens += given + said
        learn += [False] * len(given) + [True] * len(said)
        done = before + answer
        if len(tokens) > longest:
            raise TrainingFileError(
                conversation.file,
                conversation.line,
                f"the conversation has more than {longest} tokens; split it",
            )
    return Example(tuple(tokens), tuple(learn))
