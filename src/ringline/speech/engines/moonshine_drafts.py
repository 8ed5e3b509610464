"""Greedy decoding that takes a draft: what a quicker model wrote is read at once, what differs is asked for.

A pass through a decoder costs almost the same for one token as for fifty. So the draft is put in as if it had
been decoded, and the decoder's own choice after each of its tokens tells how far it would have written the
same: the result is token by token what decoding without a draft gives (speculative decoding, Leviathan et al.
2022, arXiv:2211.17192, in its greedy form). Pure: the model is passed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringline.speech.engines.moonshine_files import BEGIN, END

NEAR = 4
"""How far around a difference the draft is searched for the place where it agrees again."""


class Decoder(Protocol):
    """A model with the audio of one passage before it."""

    def feed(self, tokens: Sequence[int]) -> list[tuple[int, float]]:
        """Read tokens behind those read before; for each its most probable successor and log probability."""
        ...

    def keep(self, count: int) -> None:
        """Forget all tokens that were read but the first `count`."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """Tokens without the marks of begin and end, the log probability of each, and the passes it took."""

    tokens: list[int]
    log_probabilities: list[float]
    passes: int


def decode(
    decoder: Decoder, draft: Sequence[int], longest: int, cancelled: Callable[[], bool] = lambda: False
) -> Written:
    """Write at most `longest` tokens; an empty draft is plain greedy decoding."""
    tokens: list[int] = []
    sure: list[float] = []
    last, place, passes = BEGIN, 0, 0
    while len(tokens) < longest and not cancelled():
        guess = draft[place : place + longest - len(tokens) - 1]
        passes += 1
        agreed = 0
        for token, log_probability in decoder.feed([last, *guess]):
            sure.append(log_probability)
            if token == END:
                return Written(tokens, sure, passes)
            tokens.append(token)
            last = token
            if agreed == len(guess) or token != guess[agreed]:
                break
            agreed += 1
        decoder.keep(len(tokens))
        place = _behind(last, draft, place + agreed)
    return Written(tokens, sure, passes)


def _behind(token: int, draft: Sequence[int], differs: int) -> int:
    """Where a draft goes on that has another token at a place: behind that token where it is near.

    Further on, words were heard that were not said; further back, words were not heard. Nowhere: one word was
    heard as another.
    """
    near = (*range(differs + 1, differs + NEAR), *range(differs - 1, differs - NEAR, -1))
    return next((at for at in near if 0 <= at < len(draft) and draft[at] == token), differs) + 1
