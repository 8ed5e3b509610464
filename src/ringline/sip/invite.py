"""What a call is to the house, whichever side began it: its states and what both kinds share.

::

    incoming   OFFERED ──────────────────► ANSWERED ► ENDED
    outgoing   DIALLING ─► (CANCELLING) ─►    "         "
"""

from enum import StrEnum
from typing import Protocol

from ringline.sip.events import HeaderList, SipHeader
from ringline.sip.grammar import quote
from ringline.sip.headers import key
from ringline.sip.message import Headers
from ringline.sip.params import SipError
from ringline.sip.transaction import IllegalMove


class CallState(StrEnum):
    """How far a call is."""

    OFFERED = "offered"
    DIALLING = "dialling"
    CANCELLING = "cancelling"
    ANSWERED = "answered"
    ENDED = "ended"


MOVES: dict[CallState, frozenset[CallState]] = {
    CallState.OFFERED: frozenset({CallState.ANSWERED, CallState.ENDED}),
    CallState.DIALLING: frozenset({CallState.CANCELLING, CallState.ANSWERED, CallState.ENDED}),
    CallState.CANCELLING: frozenset({CallState.ENDED}),
    CallState.ANSWERED: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}

_OURS = frozenset(
    {
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "content-length",
        "content-type",
        "max-forwards",
        "record-route",
        "route",
        "require",
        "session-expires",
        "min-se",
    }
)


def moved(now: CallState, to: CallState) -> CallState:
    """The new state; raises `IllegalMove` where the table has no such move."""
    if to not in MOVES[now]:
        raise IllegalMove(f"a call that is {now} cannot become {to}")
    return to


def checked(headers: HeaderList) -> tuple[SipHeader, ...]:
    """Headers a user wants to add; `SipError` for one that breaks the framing or is the stack's own."""
    trial, result = Headers(), tuple(headers)
    for header in result:
        trial.add(header.name, header.value)
        if key(header.name) in _OURS:
            raise SipError(f"{header.name} is the stack's own header")
    return result


def checked_phrase(text: str) -> str:
    """A reason phrase; raises `SipError` for one with control characters."""
    if not text.isprintable():
        raise SipError("a reason phrase holds control characters")
    return text


def pairs(headers: tuple[SipHeader, ...]) -> tuple[tuple[str, str], ...]:
    """Headers as names and values."""
    return tuple([(header.name, header.value) for header in headers])


def reason_header(text: str | None) -> tuple[SipHeader, ...]:
    """RFC 3326 §2: why a call is given up; none without text."""
    if not text:
        return ()
    return (SipHeader("Reason", f"SIP;cause=200;text={quote(text)}"),)


class Calls(Protocol):
    """Who keeps the calls."""

    def forget(self, call: object) -> None:
        """The call is over and answers to its dialog no more."""
        ...
