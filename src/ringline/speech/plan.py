"""A request as the ordered list of what to say and where to be silent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ringline.speech import ssml
from ringline.speech.reading import read, say_as
from ringline.speech.synthesis import SPEEDS, SpeechRequest
from ringline.speech.text import FIRST_CLAUSE, clauses


@dataclass(frozen=True, slots=True)
class Said:
    """One clause: `spoken` goes to the engine, `given` is what the client wrote."""

    spoken: str
    given: str
    speed: float
    pause_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing, for a while."""

    ms: int


def plan(request: SpeechRequest, language: str) -> list[Said | Silence]:
    """What the request says in a language, in order; raises `SsmlError`."""
    segments: list[ssml.Segment] = (
        [ssml.Text(request.text)] if request.text is not None else ssml.parse(request.ssml or "")
    )
    parts: list[Said | Silence] = []
    for segment in _runs(segments, language):
        match segment:
            case ssml.Break(ms=ms):
                parts.append(Silence(ms))
            case ssml.Text(text=text, speed=speed):
                slowest, fastest = SPEEDS
                speed = min(fastest, max(slowest, speed * request.speed))
                first = FIRST_CLAUSE if not any(isinstance(part, Said) for part in parts) else 0
                parts.extend(
                    Said(read(clause.text, language), clause.text, speed, clause.pause_ms)
                    for clause in clauses(text, first)
                )
    return parts


def _runs(segments: Iterable[ssml.Segment], language: str) -> Iterator[ssml.Segment]:
    """Neighbouring texts of one speed as one, so that a `<say-as>` in a sentence does not cut it."""
    for speed, group in groupby(segments, lambda s: s.speed if isinstance(s, ssml.Text) else None):
        if speed is None:
            yield from group
            continue
        words = (
            say_as(part.text, part.say_as, language) if part.say_as else part.text
            for part in group
            if isinstance(part, ssml.Text)
        )
        yield ssml.Text("".join(words), speed)
