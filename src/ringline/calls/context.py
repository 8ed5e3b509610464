"""What a decision may look at beside the leg itself."""

from collections.abc import Callable
from dataclasses import dataclass

from ringline.calls.options import TranscriptionOptions
from ringline.calls.state import Instant, Leg
from ringline.core.ids import Ids


@dataclass(frozen=True, slots=True)
class Context:
    """The moment, the source of identifiers, a look at the other legs of this node, and what it lacks."""

    now: Instant
    ids: Ids
    find: Callable[[str], Leg | None]
    """A leg by call control id; to be read only."""
    cannot_transcribe: Callable[[TranscriptionOptions], str]
    """Why this node cannot transcribe so, and what to do about it; empty when it can."""
