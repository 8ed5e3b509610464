"""Digest as a server asks for it: whose credentials a request carries, and the challenge when it has none."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ringline.core.clock import SECOND
from ringline.core.ids import Ids
from ringline.sip.digest import Challenger, Credentials, Ha1, Outcome
from ringline.sip.exchange import CHALLENGES
from ringline.sip.message import Request
from ringline.sip.params import SipError
from ringline.sip.policy import FailureLimit
from ringline.sip.stack import StackSettings

CredentialLookup = Callable[[str], Ha1 | None]
REGISTER_STATUS = 401  # we are the registrar, a user agent server (RFC 3261 §22.2)
INVITE_STATUS = 407  # towards callers we act as the proxy of our users, as the hosted service does


class Identity(StrEnum):
    """What the credentials of a request prove."""

    NONE = "none"
    VALID = "valid"
    STALE = "stale"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Checked:
    """`user` is proven only when `identity` is VALID."""

    identity: Identity
    user: str = ""


class Authenticator:
    """Checks requests against the credentials the house knows; equal answers for known and unknown users."""

    def __init__(self, ids: Ids, settings: StackSettings, lookup: CredentialLookup) -> None:
        self._secret = ids.token(32).encode()
        self._lookup = lookup
        self._realm = settings.realm
        self._algorithms = settings.digest_algorithms
        self._challengers: dict[str, Challenger] = {}
        window_ns = settings.failure_window_s * SECOND
        self._failures = FailureLimit(settings.failures_per_source, window_ns)
        self._challenger(self._realm)

    def silenced(self, source: str, now_ns: int) -> bool:
        """Whether this address has guessed too often."""
        return self._failures.silenced(source, now_ns)

    def check(self, request: Request, status: int, source: str, now_ns: int) -> Checked:
        """Judge the credentials that answer a challenge of `status` (401 or 407)."""
        value = request.headers.get(CHALLENGES[status][1])
        if value is None:
            return Checked(Identity.NONE)
        try:
            challenger = self._challengers.get(Credentials.parse(value).realm)
            if challenger is None:
                return Checked(Identity.NONE)  # meant for another server on the way
            verified = challenger.verify(value, self._lookup, request.method, now_ns, request.body)
        except SipError:
            self._failures.note(source, now_ns)
            return Checked(Identity.WRONG)
        if verified.outcome is Outcome.VALID:
            return Checked(Identity.VALID, verified.username)
        if verified.outcome is Outcome.STALE:
            return Checked(Identity.STALE)
        self._failures.note(source, now_ns)
        return Checked(Identity.WRONG)

    def challenge(
        self, status: int, now_ns: int, *, realm: str = "", stale: bool = False
    ) -> list[tuple[str, str]]:
        """The headers that ask for credentials with `status`."""
        name = CHALLENGES[status][0]
        challenges = self._challenger(realm or self._realm).challenge(now_ns, stale=stale)
        return [(name, value) for value in challenges]

    def _challenger(self, realm: str) -> Challenger:
        """Realms come from our own settings and routes, never from the network."""
        if realm not in self._challengers:
            self._challengers[realm] = Challenger(self._secret, realm, algorithms=self._algorithms)
        return self._challengers[realm]
