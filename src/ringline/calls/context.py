"""What a decision may look at beside the leg itself."""

from collections.abc import Callable
from dataclasses import dataclass

from ringline.calls.state import Instant, Leg
from ringline.core.ids import Ids


@dataclass(frozen=True, slots=True)
class Context:
    """The moment, the source of identifiers, and a look at the other legs of this node."""

    now: Instant
    ids: Ids
    find: Callable[[str], Leg | None]
    """A leg by call control id; to be read only."""
