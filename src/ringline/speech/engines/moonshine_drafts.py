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

AHEAD = 4
"""How far behind a difference the draft is searched for the place where it agrees again."""


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
    last, guess, passes = BEGIN, list(draft), 0
    while len(tokens) < longest and not cancelled():
        guess = guess[: longest - len(tokens)]
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
        guess = _rest(guess, agreed, last)
    return Written(tokens[:longest], sure[:longest], passes)


def _rest(draft: list[int], differs: int, token: int) -> list[int]:
    """What of a draft may follow a token that differs from it: behind that token, or behind the wrong one."""
    for at in range(differs + 1, min(differs + AHEAD, len(draft))):
        if draft[at] == token:
            return draft[at + 1 :]
    return draft[differs + 1 :]
