"""Digest authentication, both sides (RFC 7616, RFC 8760 for SIP; RFC 2069's form without qop still read).

Pure: time, the server's secret and the client's nonce are given. Only HA1 is ever needed, never the password.
"""

import base64
import hashlib
import hmac
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from ringline.core.clock import SECOND
from ringline.sip.grammar import split_commas
from ringline.sip.params import LWS, SipError, encode, quote, unquote

STRENGTH: Final = {"MD5": 1, "MD5-SESS": 1, "SHA-256": 2, "SHA-256-SESS": 2}
"""The algorithms we know, in capitals; the greater the better."""

_HASHES: Final = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_WINDOW: Final = 64  # nonce counts below the highest that may still come, out of order


def _hash(algorithm: str, text: str) -> str:
    base = algorithm.upper().removesuffix("-SESS")
    return _HASHES[base](encode(text)).hexdigest()


@dataclass(frozen=True, slots=True)
class Ha1:
    """H(user:realm:password) under both hashes, hexadecimal: what a server stores."""

    md5: str
    sha256: str

    @classmethod
    def of(cls, username: str, realm: str, password: str) -> "Ha1":
        """Both hashes for these."""
        text = f"{username}:{realm}:{password}"
        return cls(_hash("MD5", text), _hash("SHA-256", text))

    def under(self, algorithm: str) -> str:
        """The hash that an algorithm starts from."""
        return self.sha256 if algorithm.upper().startswith("SHA-256") else self.md5


def _fields(value: str) -> dict[str, str]:
    """The parameters of a Digest header value, names in lower case. Raises `SipError` (400)."""
    scheme, _, rest = value.strip(LWS).partition(" ")
    if scheme.lower() != "digest":
        raise SipError(f"authentication scheme {scheme[:20]!r}", 400)
    fields: dict[str, str] = {}
    for piece in split_commas(rest):
        name, equals, text = piece.partition("=")
        name = name.rstrip(LWS).lower()
        if not piece:
            continue
        if not equals or name in fields:
            raise SipError(f"Digest parameter {name[:20]!r} is malformed or repeated", 400)
        fields[name] = unquote(text.strip(LWS))
    return fields


def _need(fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise SipError(f"Digest without {name}", 400)
    return fields[name]


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate; `algorithm` as written, `qop` in lower case."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, value: str) -> "Challenge":
        """Read the header's value. Raises `SipError` when it is no Digest challenge."""
        fields = _fields(value)
        return cls(
            realm=_need(fields, "realm"),
            nonce=_need(fields, "nonce"),
            algorithm=fields.get("algorithm", "MD5"),
            qop=tuple(option for option in split_commas(fields.get("qop", "").lower()) if option),
            opaque=fields.get("opaque"),
            stale=fields.get("stale", "").lower() == "true",
        )

    def __str__(self) -> str:
        parts = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f"qop={quote(','.join(self.qop))}")
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)

    @property
    def usable(self) -> bool:
        """Whether `authorize` can meet it."""
        return self.algorithm.upper() in STRENGTH and (
            not self.qop or bool({"auth", "auth-int"} & {*self.qop})
        )


def best(values: Iterable[str]) -> Challenge | None:
    """The strongest challenge we can meet, the first of equals; None when there is none (RFC 8760 §2.4)."""
    found: Challenge | None = None
    for value in values:
        try:
            challenge = Challenge.parse(value)
        except SipError:
            continue  # another scheme, or broken: the next may do
        if challenge.usable and (
            found is None or STRENGTH[challenge.algorithm.upper()] > STRENGTH[found.algorithm.upper()]
        ):
            found = challenge
    return found


@dataclass(frozen=True, slots=True)
class Credentials:
    """One Authorization or Proxy-Authorization. `qop` None is RFC 2069's form; `nc` is then 0."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    opaque: str | None = None
    qop: str | None = None
    cnonce: str = ""
    nc: int = 0

    @classmethod
    def parse(cls, value: str) -> "Credentials":
        """Read the header's value. Raises `SipError` (400)."""
        fields = _fields(value)
        qop = fields.get("qop")
        count = fields.get("nc", "")
        if qop is not None and not (
            len(count) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in count)
        ):
            raise SipError("Digest nc is not eight hexadecimal digits", 400)
        return cls(
            username=_need(fields, "username"),
            realm=_need(fields, "realm"),
            nonce=_need(fields, "nonce"),
            uri=_need(fields, "uri"),
            response=_need(fields, "response").lower(),
            algorithm=fields.get("algorithm", "MD5"),
            opaque=fields.get("opaque"),
            qop=None if qop is None else qop.lower(),
            cnonce=fields.get("cnonce", "") if qop is None else _need(fields, "cnonce"),
            nc=0 if qop is None else int(count, 16),
        )

    def __str__(self) -> str:
        parts = [
            f"{name}={quote(getattr(self, name))}"
            for name in ("username", "realm", "nonce", "uri", "response")
        ]
        parts.append(f"algorithm={self.algorithm}")
        if self.cnonce:
            parts.append(f"cnonce={quote(self.cnonce)}")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.qop is not None:
            parts += [f"qop={self.qop}", f"nc={self.nc:08x}"]
        return "Digest " + ", ".join(parts)

    def expected(self, ha1: Ha1, method: str, body: bytes = b"") -> str:
        """The response that this secret gives (RFC 7616 §3.4.1)."""
        algorithm = self.algorithm
        a1 = ha1.under(algorithm)
        if algorithm.upper().endswith("-SESS"):
            a1 = _hash(algorithm, f"{a1}:{self.nonce}:{self.cnonce}")
        a2 = f"{method}:{self.uri}"
        if self.qop == "auth-int":
            a2 += ":" + _HASHES[algorithm.upper().removesuffix("-SESS")](body).hexdigest()
        a2 = _hash(algorithm, a2)
        if self.qop is None:
            return _hash(algorithm, f"{a1}:{self.nonce}:{a2}")
        return _hash(algorithm, f"{a1}:{self.nonce}:{self.nc:08x}:{self.cnonce}:{self.qop}:{a2}")


def authorize(
    challenge: Challenge,
    username: str,
    secret: str | Ha1,
    method: str,
    uri: str,
    body: bytes = b"",
    *,
    cnonce: str,
    nc: int = 1,
) -> str:
    """The Authorization value that meets a usable challenge.

    `secret` is the password or its HA1 for the challenge's realm; `uri` is the request URI; `nc` counts the
    requests made with this nonce, from 1.
    """
    ha1 = secret if isinstance(secret, Ha1) else Ha1.of(username, challenge.realm, secret)
    qop = next((option for option in ("auth", "auth-int") if option in challenge.qop), None)
    session = challenge.algorithm.upper().endswith("-SESS")
    credentials = Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        opaque=challenge.opaque,
        qop=qop,
        cnonce=cnonce if qop is not None or session else "",
        nc=nc if qop is not None else 0,
    )
    return str(replace(credentials, response=credentials.expected(ha1, method, body)))


class Outcome(StrEnum):
    """What a server makes of credentials."""

    VALID = "valid"
    STALE = "stale"  # the secret is right, the nonce is not: challenge again with stale=true
    WRONG = "wrong"  # no such user, wrong secret, or a challenge that was never ours: the same to the sender


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome, and the user name that was claimed."""

    outcome: Outcome
    username: str


class Challenger:
    """A server's nonces and its check of what comes back.

    Nonces are stateless: a time and a number under an HMAC. State is kept only for nonces that *valid*
    credentials have used, so that a stranger cannot make us remember anything: the counts seen of each (RFC
    7616 §3.4.5), at most `capacity` nonces. A nonce older than one we had to forget is stale.

    The default challenges with MD5 alone: phones of the libre family (baresip 1.x) give up on a response that
    offers any other algorithm, wherever it stands. `algorithms=("SHA-256", "MD5")` is RFC 8760's order.
    """

    def __init__(
        self,
        secret: bytes,
        realm: str,
        *,
        algorithms: Sequence[str] = ("MD5",),
        lifetime_ns: int = 300 * SECOND,
        capacity: int = 10_000,
    ) -> None:
        """`secret` is at least 16 unguessable bytes. Raises `ValueError` for bad arguments."""
        if len(secret) < 16 or not algorithms or capacity < 1:
            raise ValueError("a challenger wants 16 bytes of secret, an algorithm and room for a nonce")
        if any(algorithm.upper() not in STRENGTH for algorithm in algorithms):
            raise ValueError(f"algorithms must be of {', '.join(STRENGTH)}; got {list(algorithms)}")
        self._secret = secret
        self.realm = realm
        self._algorithms = tuple(algorithms)
        self._lifetime = lifetime_ns
        self._capacity = capacity
        self._issued = 0
        self._used: OrderedDict[str, tuple[int, int]] = (
            OrderedDict()
        )  # nonce → highest nc, bits of those below
        self._forgotten_ns = -1  # every nonce made until then that is not in `_used` counts as used up

    def challenge(self, now_ns: int, *, stale: bool = False) -> list[str]:
        """The WWW-Authenticate (or Proxy-Authenticate) values, one per algorithm, the preferred first."""
        self._issued = (self._issued + 1) % 2**32
        nonce = self._nonce(now_ns, self._issued)
        return [
            str(Challenge(self.realm, nonce, algorithm, ("auth",), stale=stale))
            for algorithm in self._algorithms
        ]

    def verify(
        self,
        value: str,
        ha1_lookup: Callable[[str], Ha1 | None],
        method: str,
        now_ns: int,
        body: bytes = b"",
    ) -> Verified:
        """Check an Authorization value for a request of this method. Raises `SipError` (400) when it is
        malformed.

        The digest's own `uri` is hashed, not compared with the request's: proxies rewrite that (RFC 7616
        §3.4.6).
        """
        given = Credentials.parse(value)
        known = ha1_lookup(given.username)
        offered = {algorithm.upper() for algorithm in self._algorithms}
        usable = (
            given.algorithm.upper() in offered and given.qop in {None, "auth"} and given.realm == self.realm
        )
        # an unknown user costs the same work as a known one with a wrong password
        ha1 = known if known is not None else Ha1.of(given.username, self.realm, self._secret.hex())
        expected = (given if usable else replace(given, algorithm="MD5")).expected(ha1, method, body)
        # as bytes: compare_digest takes no text beyond ASCII
        same = hmac.compare_digest(expected.encode(), encode(given.response))
        if not same or not usable or known is None:
            return Verified(Outcome.WRONG, given.username)
        fresh = self._fresh(given.nonce, now_ns) and self._first_use(given)
        return Verified(Outcome.VALID if fresh else Outcome.STALE, given.username)

    def _nonce(self, made_ns: int, number: int) -> str:
        stamp = struct.pack(">QI", made_ns, number)
        seal = hmac.digest(self._secret, stamp, "sha256")[:12]
        return base64.urlsafe_b64encode(stamp + seal).decode()

    def _made_ns(self, nonce: str) -> int | None:
        """When we made this nonce; None when we did not."""
        try:
            stamp = base64.b64decode(nonce.encode("ascii"), altchars=b"-_", validate=True)[:12]
            made_ns, number = struct.unpack(">QI", stamp)
        except (ValueError, struct.error):
            return None
        return made_ns if hmac.compare_digest(self._nonce(made_ns, number), nonce) else None

    def _fresh(self, nonce: str, now_ns: int) -> bool:
        made_ns = self._made_ns(nonce)
        if made_ns is None or not 0 <= now_ns - made_ns < self._lifetime:
            return False
        return nonce in self._used or made_ns > self._forgotten_ns

    def _first_use(self, given: Credentials) -> bool:
        """Note this count of this nonce; False when it was seen, or is too far below the highest seen."""
        if given.qop is None:
            return True  # no count to tell: the nonce's lifetime is the only limit (RFC 2069)
        highest, seen = self._used.get(given.nonce, (0, 0))
        ahead = given.nc - highest
        if ahead > 0:
            seen = (seen << ahead | 1) & ((1 << _WINDOW) - 1) if ahead < _WINDOW else 1
            highest = given.nc
        elif given.nc == 0 or -ahead >= _WINDOW or seen >> -ahead & 1:
            return False
        else:
            seen |= 1 << -ahead
        self._used[given.nonce] = (highest, seen)
        if len(self._used) > self._capacity:
            forgotten, _ = self._used.popitem(last=False)
            self._forgotten_ns = max(self._forgotten_ns, self._made_ns(forgotten) or 0)
        return True
