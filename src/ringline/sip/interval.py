"""The session interval of RFC 4028: who refreshes it, how often, and when the session is dead. Pure."""

from dataclasses import dataclass

from ringline.sip.grammar import SipError, decimal
from ringline.sip.headers import Headers
from ringline.sip.params import LWS, Params

ABSOLUTE_MIN_S = 90  # RFC 4028 §4
_LIMIT = 2**32


@dataclass(frozen=True, slots=True)
class Interval:
    """An agreed session interval; `ours` says that we refresh, else the peer does."""

    seconds: int
    ours: bool

    @property
    def refresh_after_s(self) -> float:
        """When the refresher sends its refresh (§10: half the interval)."""
        return self.seconds / 2

    @property
    def dead_after_s(self) -> float:
        """When the other side gives up: a little before the interval ends (§10)."""
        return self.seconds - min(32, self.seconds / 3)


class TooSmall(SipError):
    """The peer's interval is below our minimum: 422 with Min-SE."""


def _read(headers: Headers) -> tuple[int, str] | None:
    value = headers.get("Session-Expires")
    if value is None:
        return None
    seconds, _, params = value.partition(";")
    try:
        refresher = (Params.parse(params).get("refresher") or "").lower()
        return decimal(seconds.strip(LWS), _LIMIT), refresher if refresher in {"uac", "uas"} else ""
    except SipError:
        return None  # an unreadable wish is no wish


def as_server(request: Headers, min_se_s: int) -> Interval | None:
    """What we, answering, agree to (§9); None when the request asks for nothing. Raises `TooSmall` (422)."""
    wish = _read(request)
    if wish is None:
        return None
    seconds, refresher = wish
    supports = request.has_option("Supported", "timer")
    if seconds < min_se_s:
        if supports:
            raise TooSmall(f"a session interval of {seconds} s; at least {min_se_s}", 422)
        seconds = max(min_se_s, ABSOLUTE_MIN_S)  # a proxy's wish; the caller could not understand a 422
    # A peer without the extension cannot refresh (table 2 of §9).
    return Interval(seconds, ours=not supports or refresher == "uas")


def answer_headers(interval: Interval | None) -> list[tuple[str, str]]:
    """What our 2xx says about the agreed interval (§9)."""
    if interval is None:
        return []
    if interval.ours:
        return [("Session-Expires", f"{interval.seconds};refresher=uas")]
    return [("Require", "timer"), ("Session-Expires", f"{interval.seconds};refresher=uac")]


def request_headers(seconds: int, min_se_s: int, *, refresher: str = "") -> list[tuple[str, str]]:
    """What our INVITE or UPDATE asks for (§7.1); nothing when `seconds` is 0."""
    if not seconds:
        return []
    suffix = f";refresher={refresher}" if refresher else ""
    minimum = [("Min-SE", str(min_se_s))] if min_se_s > ABSOLUTE_MIN_S else []
    return [("Session-Expires", f"{max(seconds, min_se_s)}{suffix}"), *minimum]


def as_client(response: Headers) -> Interval | None:
    """What a 2xx to our request has settled (§7.2); None: no session timer."""
    settled = _read(response)
    if settled is None or settled[0] == 0:
        return None
    return Interval(max(settled[0], ABSOLUTE_MIN_S), ours=settled[1] != "uas")


def demanded_minimum(response: Headers) -> int:
    """The Min-SE of a 422; 0 when it is missing or absurd, and trying again makes no sense (§7.3)."""
    try:
        seconds = decimal((response.get("Min-SE") or "").partition(";")[0].strip(LWS), _LIMIT)
    except SipError:
        return 0
    return seconds if seconds <= 86400 else 0
