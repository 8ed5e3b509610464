"""The errors of the house.

::

    RinglineError                 anything we raise on purpose
    ├── ConfigError               settings or command line; says what to do next
    ├── ProtocolError             bytes from the network that break their protocol (sip, rtp, frames)
    ├── NotAllowed                the network policy forbids an address (core.net)
    └── ApiError                  a client's mistake or our refusal, as the API's envelope shows it

Rooms derive their own from these; nothing outside a room's edge catches `Exception`.
"""

from dataclasses import dataclass


class RinglineError(Exception):
    """Anything ringline raises on purpose."""


class ConfigError(RinglineError):
    """A setting or command line that cannot work; the message says what to do next."""


class ProtocolError(RinglineError, ValueError):
    """Bytes from the network that break their protocol; the message names what is wrong."""


class NotAllowed(RinglineError):
    """The network policy forbids this address."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One member of the envelope's `errors` list (spec voice-api §1.3).

    `pointer` is a JSON pointer into the body, `parameter` a query parameter; at most one is set.
    """

    code: str
    title: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ApiError(RinglineError):
    """A refusal with its HTTP status and one or more problems."""

    def __init__(self, status: int, *problems: Problem, retry_after: int | None = None) -> None:
        super().__init__("; ".join(f"{p.code} {p.title}: {p.detail}" for p in problems))
        self.status = status
        self.problems = problems
        self.retry_after = retry_after
