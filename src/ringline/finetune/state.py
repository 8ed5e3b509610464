"""The life of a fine-tuning job as a table."""

from enum import StrEnum

from ringline.core.errors import RinglineError


class Status(StrEnum):
    """Where a job is (spec ai-api §8)."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"  # and served under the job's id
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return not MOVES[self]


class Event(StrEnum):
    """What can happen to a job."""

    STARTED = "started"  # by a runner: the first, or the next one after a kill
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


MOVES: dict[Status, dict[Event, Status]] = {
    Status.QUEUED: {
        Event.STARTED: Status.RUNNING,
        Event.FAILED: Status.FAILED,
        Event.CANCELLED: Status.CANCELLED,
    },
    Status.RUNNING: {
        Event.STARTED: Status.RUNNING,
        Event.SUCCEEDED: Status.SUCCEEDED,
        Event.FAILED: Status.FAILED,
        Event.CANCELLED: Status.CANCELLED,
    },
    Status.SUCCEEDED: {},
    Status.FAILED: {},
    Status.CANCELLED: {},
}


class IllegalMove(RinglineError):
    """An event that the job's status does not know."""

    def __init__(self, status: Status, event: Event) -> None:
        super().__init__(f"a job that is {status} cannot be {event}")
        self.status = status
        self.event = event


def move(status: Status, event: Event) -> Status:
    """The status after an event; raises `IllegalMove`."""
    to = MOVES[status].get(event)
    if to is None:
        raise IllegalMove(status, event)
    return to
