"""A place in a text that only moves on."""

import re

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Scanner:
    """Takes a text apart from its beginning."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether everything was taken."""
        return self._at == len(self._text)

    def sees(self, word: str) -> bool:
        """Whether `word` comes next."""
        return self._text.startswith(word, self._at)

    def takes(self, word: str, *, before: str = "") -> bool:
        """Take `word` if it comes next, and `before` after it."""
        if not self.sees(word + before):
            return False
        self._at += len(word)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take what the pattern matches here."""
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def until(self, ends: str) -> str:
        """Take everything up to the first of the characters `ends`, or to the end."""
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in ends:
            self._at += 1
        return self._text[start : self._at]

    def rest(self) -> str:
        """Take all that is left."""
        return self.until("")

    def quoted(self) -> str | None:
        """Take a text in double quotes; gives it without them and its backslashes, None if it has no end."""
        found = self.match(_QUOTED)
        return _ESCAPE.sub(r"\1", found[1]) if found else None
