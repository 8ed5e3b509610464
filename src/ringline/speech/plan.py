"""A request as the ordered list of what to say and where to be silent."""

from dataclasses import dataclass

from ringline.speech.synthesis import SpeechRequest
from ringline.speech.text import clauses


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
    """What the request says in a language, in order."""
    return [Said(c.text, c.text, request.speed, c.pause_ms) for c in clauses(request.text or "")]
