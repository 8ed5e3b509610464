"""What is learnt of a conversation."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.finetune.conversation import Conversation, Role, Turn
from ringline.finetune.errors import TrainingFileError
from ringline.finetune.masks import Example, example

pytestmark = pytest.mark.unit


class Letters:
    """Every character is a token."""

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]


class Brackets:
    """`<u>hello</>` and a line feed."""

    def render(self, turns: Sequence[Turn], *, generate: bool) -> str:
        said = "".join(f"<{turn.role[0]}>{turn.content}</>\n" for turn in turns)
        return said + "<a>" * generate


class Forgetful(Brackets):
    """Shows earlier answers differently, as templates do that drop thoughts."""

    def render(self, turns: Sequence[Turn], *, generate: bool) -> str:
        last = len(turns) - 1 + generate
        kept = [
            Turn(turn.role, turn.content.upper() if number != last else turn.content)
            for number, turn in enumerate(turns)
        ]
        return super().render(kept, generate=generate)


def masked(one: Example) -> str:
    return "".join(chr(token) if learn else "." for token, learn in zip(one.tokens, one.learn, strict=True))


def conversation(*turns: Turn) -> Conversation:
    return Conversation(turns, "f.jsonl", 3)


USER = Turn(Role.USER, "hi")
ANSWER = Turn(Role.ASSISTANT, "yes", learn=True)


def test_the_answer_and_its_end_are_learnt() -> None:
    one = example(conversation(USER, ANSWER), Brackets(), Letters(), 100)
    assert "".join(map(chr, one.tokens)) == "<u>hi</>\n<a>yes</>"
    assert masked(one) == "............yes</>"


def test_every_answer_is_learnt_unless_it_says_not() -> None:
    turns = (USER, Turn(Role.ASSISTANT, "no"), USER, ANSWER, USER, ANSWER)
    one = example(conversation(*turns), Brackets(), Letters(), 100)
    whole = Brackets().render(turns, generate=False).rstrip("\n")
    assert "".join(map(chr, one.tokens)) == whole
    assert masked(one).replace(".", "") == "yes</>yes</>"


def test_what_follows_the_last_answer_is_left_out() -> None:
    one = example(conversation(USER, ANSWER, USER), Brackets(), Letters(), 100)
    assert masked(one).endswith("yes</>")


def test_too_long_names_file_and_line() -> None:
    assert len(example(conversation(USER, ANSWER), Brackets(), Letters(), 18).tokens) == 18
    with pytest.raises(
        TrainingFileError, match=r"^f\.jsonl line 3: the conversation has more than 17 tokens"
    ):
        example(conversation(USER, ANSWER), Brackets(), Letters(), 17)


def test_a_template_that_rewrites_the_past_is_refused() -> None:
    with pytest.raises(TrainingFileError, match="one assistant turn a line"):
        example(conversation(USER, ANSWER, USER, ANSWER), Forgetful(), Letters(), 100)


@given(st.lists(st.tuples(st.sampled_from(Role), st.text("ab \n", min_size=1), st.booleans()), max_size=6))
def test_tokens_are_a_beginning_of_what_the_model_reads(said: list[tuple[Role, str, bool]]) -> None:
    turns = [Turn(role, text, learn and role is Role.ASSISTANT) for role, text, learn in said]
    one = example(conversation(*turns), Brackets(), Letters(), 10_000)
    text = "".join(map(chr, one.tokens))
    assert Brackets().render(turns, generate=False).startswith(text)
    learnt = "".join(chr(token) for token, learn in zip(one.tokens, one.learn, strict=True) if learn)
    assert learnt == "".join(f"{turn.content}</>" for turn in turns if turn.learn)
