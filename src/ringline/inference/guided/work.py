"""How much there is to do for a guide, counted as it is done: no client's schema holds up a server."""

from collections.abc import Sequence

from ringline.inference.guided.errors import NotExpressible

MOST_WORK = 20_000
"""Elements of a grammar, and what costs as much as writing one (ten microseconds or so) on the way to it.

An object of 1,000 properties takes 2,200 or more; and an engine may follow all of them for every token.
"""

PATTERN = 2
"""Elements that a character of a regex comes to, as classes are written."""

MANY_CHARACTERS = 50
"""Characters of a listed text that take no longer than another element."""


class Work:
    """The work for one guide, tools and all."""

    def __init__(self, most: int = MOST_WORK) -> None:
        self.done = 0
        self._most = most

    def add(self, elements: int) -> None:
        """So many more are to be made; raises `NotExpressible`, which names the limit, before they are."""
        self.done += elements
        if self.done > self._most:
            raise NotExpressible(f"a grammar of more than {self._most} elements")


def listed(texts: Sequence[str]) -> int:
    """The elements that a list of texts comes to."""
    return len(texts) + sum(map(len, texts)) // MANY_CHARACTERS
