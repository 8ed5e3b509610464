"""The part of an unfinished text that will hardly change: what two decodes in a row agree on. Pure.

Each decode of an open utterance hears a little more of it and may hear its last words otherwise. The policy
is known as LocalAgreement-2 (Liu et al. 2020, arXiv:2005.11185).
"""

ENDINGS = ".,;:!?…"


class StablePrefix:
    """The words of one utterance that were told; they are never taken back."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._before: list[str] = []

    @property
    def text(self) -> str:
        """What was told so far."""
        return " ".join(self._told)

    def hear(self, text: str) -> bool:
        """Take in the next decode; whether there is more to tell now."""
        words = text.split()
        agreed = 0
        for one, other in zip(self._before, words, strict=False):
            if _plain(one) != _plain(other):
                break
            agreed += 1
        self._before = words
        told = len(self._told)
        self._told += words[told:agreed]
        if told < agreed == len(words):
            # What closes the last word is the end of what was heard, not of what is being said.
            self._told[-1] = _bare(self._told[-1])
        return told < agreed


def _bare(word: str) -> str:
    return word.rstrip(ENDINGS) or word


def _plain(word: str) -> str:
    return _bare(word).casefold()
