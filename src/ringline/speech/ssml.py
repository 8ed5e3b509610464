"""Speech Synthesis Markup Language (W3C SSML 1.1), the part of it that a phone needs, as segments.

Read with expat, which is linear; a document type, and so any entity of its own, is refused.
"""

import re
from dataclasses import dataclass
from xml.parsers import expat

from ringline.core.errors import ProtocolError
from ringline.speech.reading import SayAs

MAX_DEPTH = 32
MAX_BREAK_MS = 10_000  # what the hosted voices allow
SLOWEST, FASTEST = 0.25, 4.0

# Elements whose text is read. A name with a prefix (amazon:effect, mstts:express-as) is a provider's own and
# means nothing here; its text is read too.
READ = frozenset(
    (
        "speak",
        "p",
        "s",
        "token",
        "w",
        "voice",
        "lang",
        "emphasis",
        "phoneme",
        "prosody",
        "say-as",
        "sub",
        "audio",
    )
)
EMPTY = frozenset(("break", "mark"))
UNREAD = frozenset(("desc", "metadata", "meta", "lexicon", "lookup"))

# SSML 1.1 §3.2.3 leaves the lengths to the processor.
STRENGTHS = {"none": 0, "x-weak": 100, "weak": 200, "medium": 400, "strong": 700, "x-strong": 1000}
SENTENCE_MS = 100
PARAGRAPH_MS = 400
# SSML 1.1 §3.2.4 likewise.
SPEEDS = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
SAY_AS = {
    "digits": SayAs.DIGITS,
    "characters": SayAs.CHARACTERS,
    "spell-out": SayAs.CHARACTERS,
    "verbatim": SayAs.CHARACTERS,
    "telephone": SayAs.TELEPHONE,
    "number": SayAs.CARDINAL,
    "cardinal": SayAs.CARDINAL,
    "ordinal": SayAs.ORDINAL,
}
TIME = re.compile(r"\+?(\d{0,6}(?:\.\d{1,6})?)(ms|s)")
PERCENT = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,3})?)%")
FACTOR = re.compile(r"\d{1,2}(?:\.\d{1,3})?")


class SsmlError(ProtocolError):
    """Markup that cannot be read; says what and where. `line` starts at 1, `column` at 0."""

    def __init__(self, what: str, line: int, column: int) -> None:
        super().__init__(f"{what} (line {line}, column {column})")
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Text:
    """Words, at a multiple of the natural speed, read as `say_as` wants it."""

    text: str
    speed: float = 1.0
    say_as: SayAs | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """Silence."""

    ms: int


Segment = Text | Break


def parse(markup: str) -> list[Segment]:
    """The segments of a document whose root is `<speak>`; raises `SsmlError`."""
    return _Reader().read(markup)


@dataclass(slots=True)
class _Open:
    name: str
    speed: float
    say_as: SayAs | None
    read: bool


class _Reader:
    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8")
        # An exception raised in a handler leaves expat's callback and comes out of Parse.
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.buffer_text = True
        self._open: list[_Open] = []
        self._segments: list[Segment] = []

    def read(self, markup: str) -> list[Segment]:
        if not markup.lstrip().startswith("<"):
            raise SsmlError("SSML begins with <speak>", 1, 0)
        try:
            self._parser.Parse(markup.strip().encode(errors="replace"), True)
        except expat.ExpatError as error:
            raise SsmlError(expat.ErrorString(error.code), error.lineno, error.offset) from error
        return self._segments

    def _error(self, what: str) -> SsmlError:
        return SsmlError(what, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber)

    def _doctype(self, *_: object) -> None:
        raise self._error("a document type is not allowed")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name != "speak":
            raise self._error(f"the root is <speak>, not <{name}>")
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"elements are nested deeper than {MAX_DEPTH}")
        if ":" not in name and name not in READ | EMPTY | UNREAD:
            raise self._error(f"<{name}> is no element of SSML")
        above = self._open[-1] if self._open else _Open("", 1.0, None, True)
        now = _Open(name, above.speed, above.say_as, above.read and name not in UNREAD)
        match name:
            case "prosody" if "rate" in attributes:
                now.speed = min(FASTEST, max(SLOWEST, now.speed * self._rate(attributes["rate"])))
            case "say-as":
                if "interpret-as" not in attributes:
                    raise self._error("<say-as> needs interpret-as")
                now.say_as = SAY_AS.get(attributes["interpret-as"])
            case "sub":
                if "alias" not in attributes:
                    raise self._error("<sub> needs alias")
                self._add(attributes["alias"], now)
                now.read = False
            case "break":
                self._pause(self._length(attributes))
        self._open.append(now)

    def _end(self, name: str) -> None:
        self._open.pop()
        if name in ("p", "s"):
            self._pause(PARAGRAPH_MS if name == "p" else SENTENCE_MS)

    def _characters(self, text: str) -> None:
        if self._open[-1].name in EMPTY and not text.isspace():
            raise self._error(f"<{self._open[-1].name}> holds no text")
        self._add(text, self._open[-1])

    def _add(self, text: str, where: _Open) -> None:
        if where.read:
            self._segments.append(Text(text, where.speed, where.say_as))

    def _pause(self, ms: int) -> None:
        # The end of a sentence inside the end of a paragraph is one pause, not two.
        if self._segments and isinstance(last := self._segments[-1], Break):
            self._segments[-1] = Break(max(last.ms, ms))
        else:
            self._segments.append(Break(ms))

    def _rate(self, text: str) -> float:
        """SSML 1.1 §3.2.4: a label, a percentage (of the natural speed), or 1.0's plain factor."""
        if text in SPEEDS:
            return SPEEDS[text]
        if percent := PERCENT.fullmatch(text):
            share = float(percent[2]) / 100
            return {"": share, "+": 1 + share, "-": 1 - share}[percent[1]]
        if FACTOR.fullmatch(text):
            return float(text)
        raise self._error(f"{text[:40]!r} is no prosody rate: use x-slow to x-fast, or a percentage")

    def _length(self, attributes: dict[str, str]) -> int:
        if "time" in attributes:
            text = attributes["time"]
            found = TIME.fullmatch(text)
            if found is None or not found[1]:
                raise self._error(f"{text[:40]!r} is no time: use 500ms or 1.5s")
            ms = round(float(found[1]) * (1000 if found[2] == "s" else 1))
            if ms > MAX_BREAK_MS:
                raise self._error(f"a break lasts at most {MAX_BREAK_MS // 1000} s; got {text}")
            return ms
        strength = attributes.get("strength", "medium")
        if strength not in STRENGTHS:
            raise self._error(f"{strength[:40]!r} is no break strength: use {', '.join(STRENGTHS)}")
        return STRENGTHS[strength]
