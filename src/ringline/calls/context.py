"""What a decision may look at beside the leg itself."""

from collections.abc import Callable
from dataclasses import dataclass

from ringline.calls.options import TranscriptionOptions
from ringline.calls.state import Instant, Leg
from ringline.core.ids import Ids


@dataclass(frozen=True, slots=True)
class Context:
    """The moment, the source of identifiers, a look at the other legs of this node, and at what it lacks."""

    now: Instant
    ids: Ids
    find: Callable[[str], Leg | None]
    """A leg by call control id; to be read only."""
    require_recognizer: Callable[[TranscriptionOptions], None]
    """Raises `ApiError` when this node cannot transcribe so, or not now."""
