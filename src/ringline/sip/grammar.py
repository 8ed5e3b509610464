"""SIP's typed values: URIs, name-addrs, Via, CSeq (RFC 3261 §19.1, §20, §25.1).

Parsing is linear in the text and raises `SipError`, never anything else. It is lenient where deployed phones
need it (unquoted display names, odd characters in users) and strict where two readers could disagree about
who is meant.
"""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote as percent_encode
from urllib.parse import unquote_to_bytes

from ringline.sip.params import EMPTY, LWS, TOKEN, Params, SipError, encode, quote, quoted_end, unquote

__all__ = [
    "CSEQ_LIMIT",
    "CSeq",
    "NameAddr",
    "Params",
    "SipError",
    "Uri",
    "Via",
    "decimal",
    "escape_user",
    "host_port",
    "quote",
    "split_commas",
    "unquote",
]

CSEQ_LIMIT: Final = 2**31
"""RFC 3261 §8.1.1.5: a CSeq number is less than this."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_HOST: Final = re.compile(r"[A-Za-z0-9._\-]+")  # with the underscore that deployed host names have
# RFC 3261's userinfo, and beside it what phones do not escape: `#` (`*98#`), brackets, bytes beyond ASCII
_USERINFO: Final = re.compile(r"[^\x00-\x20\x7f\"<>@\\]+")
_OPAQUE: Final = re.compile(r"[^\x00-\x20\x7f\"<>\ud800-\udc7f\udd00-\udfff]+")  # nor what no bytes decode to
_VERSION: Final = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_DELIMITERS: Final = re.compile(r'[",<>]')
_VISUAL: Final = str.maketrans("", "", "-.()")
_USER_SAFE: Final = "-_.!~*'()&=+$,;?/"  # unreserved and user-unreserved (RFC 3261 §25.1)
_SHORT: Final = 40


def _brief(text: str) -> str:
    """A piece of foreign text fit for an error message."""
    return repr(text if len(text) <= _SHORT else text[:_SHORT] + "…")


def decimal(text: str, limit: int) -> int:
    """An unsigned decimal number of ASCII digits below `limit`; raises `SipError` (400)."""
    # int() alone would take signs, underscores and other scripts' digits, and is quadratic in the length
    if not (text.isascii() and text.isdigit()) or len(text) > 4300:
        raise SipError(f"{_brief(text)} is not a number", 400)
    digits = text.lstrip("0") or "0"
    if len(digits) > 20 or int(digits) >= limit:
        raise SipError(f"{_brief(text)} is too big", 400)
    return int(digits)


def split_commas(value: str) -> list[str]:
    """The comma-separated elements, stripped; commas inside quotes and angle brackets do not count."""
    if "," not in value:
        return [value.strip(LWS)]
    if '"' not in value and "<" not in value:
        return [piece.strip(LWS) for piece in value.split(",")]
    pieces: list[str] = []
    start = at = 0
    while (match := _DELIMITERS.search(value, at)) is not None:
        at = match.end()
        found = match.group()
        if found == ",":
            pieces.append(value[start : at - 1].strip(LWS))
            start = at
        elif found != ">":
            try:
                at = quoted_end(value, at - 1) if found == '"' else value.index(">", at) + 1
            except ValueError:  # never closed: the rest is one element, for its own parser to refuse
                break
    pieces.append(value[start:].strip(LWS))
    return pieces


def escape_user(text: str) -> str:
    """`text` percent-escaped for the user part of a URI."""
    return percent_encode(encode(text), safe=_USER_SAFE)


def host_port(text: str) -> tuple[str, int | None]:
    """Read `host`, `host:port` or `[IPv6]:port`; the host comes without brackets. Raises `SipError` (400)."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        rest = rest.strip(LWS)
        try:
            if not bracket or "%" in host:
                raise ValueError
            ipaddress.IPv6Address(host)
        except ValueError:
            raise SipError(f"{_brief(text)} is not an IPv6 reference", 400) from None
        if rest and not rest.startswith(":"):
            raise SipError(f"{_brief(rest)} follows an IPv6 reference", 400)
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        host = host.strip(LWS)
        if not _HOST.fullmatch(host):
            raise SipError(f"{_brief(host)} is not a host", 400)
    return host, decimal(port.strip(LWS), 65536) if colon else None


def _bracketed(host: str, port: int | None) -> str:
    """The inverse of `host_port`."""
    if ":" in host:
        host = f"[{host}]"
    return host if port is None else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Uri:
    """A SIP, SIPS or tel URI, or any other kept as text.

    `scheme` is lower case; `user`, `password` and `headers` keep their percent escapes; `host` is as written,
    IPv6 without brackets. A tel URI has its number in `user` and no host. Any other scheme has all after the
    colon in `opaque`.
    """

    scheme: str
    user: str = ""
    host: str = ""
    port: int | None = None
    params: Params = EMPTY
    headers: str = ""
    password: str = ""
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Read one URI; raises `SipError` (400)."""
        scheme, colon, rest = text.partition(":")
        if not colon or not _SCHEME.fullmatch(scheme):
            raise SipError(f"{_brief(text)} is not a URI", 400)
        scheme = scheme.lower()
        if not _OPAQUE.fullmatch(rest):
            raise SipError(f"{_brief(text)} is not a URI", 400)
        if scheme not in {"sip", "sips", "tel"}:
            return cls(scheme, opaque=rest)
        if scheme == "tel":
            number, _, params = rest.partition(";")
            if not _USERINFO.fullmatch(number):
                raise SipError(f"{_brief(text)} has no number", 400)
            return cls(scheme, user=number, params=Params.parse(params) if params else EMPTY)
        return cls._sip(scheme, rest)

    @classmethod
    def _sip(cls, scheme: str, rest: str) -> "Uri":
        user = password = headers = ""
        # The user may hold `;` and `?` but no `@`: the first one ends it (RFC 3261 §19.1.1).
        info, at, after = rest.partition("@")
        if at:
            rest = after
            user, _, password = info.partition(":")
            if not _USERINFO.fullmatch(user) or (password and not _USERINFO.fullmatch(password)):
                raise SipError(f"{_brief(info)} is not a user", 400)
        rest, _, headers = rest.partition("?")
        hostport, semicolon, params = rest.partition(";")
        host, port = host_port(hostport)
        return cls(scheme, user, host, port, Params.parse(params) if semicolon else EMPTY, headers, password)

    @property
    def user_key(self) -> str:
        """The user with escapes resolved, for comparing; a tel number without its visual separators."""
        user = self.user.translate(_VISUAL) if self.scheme == "tel" else self.user
        if "%" not in user:
            return user
        return unquote_to_bytes(encode(user)).decode("utf-8", "surrogateescape")

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = self.params.get("transport")
        return value.lower() if value else None

    @property
    def lr(self) -> bool:
        """Whether this is a loose router's URI (RFC 3261 §19.1.1)."""
        return self.params.has("lr")

    def with_params(self, **named: str | None) -> "Uri":
        """The same URI with these parameters set; None sets a parameter without a value."""
        params = self.params
        for name, value in named.items():
            params = params.with_(name, value)
        return replace(self, params=params)

    def same_as(self, other: "Uri") -> bool:
        """Whether both name the same resource (RFC 3261 §19.1.4; tel: RFC 3966 §4)."""
        if self.scheme != other.scheme or self.opaque != other.opaque or self.user_key != other.user_key:
            return False
        if (self.host.lower(), self.port, self.password) != (other.host.lower(), other.port, other.password):
            return False
        mine, theirs = _folded(self.params), _folded(other.params)
        weighty = {"user", "ttl", "method", "maddr", "transport", "phone-context", "ext", "isub"}
        if any(mine.get(name) != theirs.get(name) for name in (mine.keys() | theirs.keys()) & weighty):
            return False
        if any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys()):
            return False
        return sorted(self.headers.lower().split("&")) == sorted(other.headers.lower().split("&"))

    def __str__(self) -> str:
        if self.scheme == "tel":
            return f"tel:{self.user}{self.params}"
        if not self.host:
            return f"{self.scheme}:{self.opaque}"
        password = f":{self.password}" if self.password else ""
        user = f"{self.user}{password}@" if self.user else ""
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{_bracketed(self.host, self.port)}{self.params}{headers}"


def _folded(params: Params) -> dict[str, str | None]:
    return {name.lower(): None if value is None else value.lower() for name, value in reversed(list(params))}


@dataclass(frozen=True, slots=True)
class NameAddr:
    """From, To, Contact, Route and their like: `display <uri>;params` (RFC 3261 §20.10).

    `display` is without quotes and escapes. `params` are the header's; the URI has its own.
    """

    display: str
    uri: Uri
    params: Params = EMPTY

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read one element; raises `SipError` (400)."""
        text = text.strip(LWS)
        if text.startswith('"'):
            end = quoted_end(text, 0)
            display, rest = unquote(text[:end]), text[end:].lstrip(LWS)
            if not rest.startswith("<"):
                raise SipError("no address follows the display name", 400)
        else:
            at = text.find("<")
            # without brackets every parameter is the header's (RFC 3261 §20)
            if at < 0 or ";" in text[:at]:
                address, semicolon, params = text.partition(";")
                address = address.rstrip(LWS)
                if "?" in address or "," in address:
                    raise SipError("an address with ? or , wants angle brackets", 400)
                return cls("", Uri.parse(address), Params.parse(params) if semicolon else EMPTY)
            display, rest = text[:at].rstrip(LWS), text[at:]
            if '"' in display or "," in display:
                raise SipError(f"{_brief(display)} is not a display name", 400)
        address, closed, tail = rest[1:].partition(">")
        if not closed:
            raise SipError("an angle bracket is not closed", 400)
        tail = tail.strip(LWS)
        if tail and not tail.startswith(";"):
            raise SipError(f"{_brief(tail)} follows an address", 400)
        return cls(display, Uri.parse(address.strip(LWS)), Params.parse(tail) if tail else EMPTY)

    @property
    def tag(self) -> str | None:
        """The tag parameter; None when absent or empty."""
        return self.params.get("tag") or None

    def with_tag(self, tag: str) -> "NameAddr":
        """The same address with the tag set."""
        return replace(self, params=self.params.with_("tag", tag))

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{self.params}"


@dataclass(frozen=True, slots=True)
class Via:
    """One hop (RFC 3261 §20.42); `transport` in upper case, an IPv6 `host` without brackets.

    Another `version` than 2.0 is read so that it can be answered with 505.
    """

    transport: str
    host: str
    port: int | None = None
    params: Params = EMPTY
    version: str = "2.0"

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one element; raises `SipError` (400)."""
        head, semicolon, params = text.partition(";")
        pieces = head.split("/", 2)
        if len(pieces) != 3 or pieces[0].strip(LWS).upper() != "SIP":
            raise SipError(f"{_brief(text)} is not a Via", 400)
        version = pieces[1].strip(LWS)
        if not _VERSION.fullmatch(version):
            raise SipError(f"{_brief(version)} is not a version", 400)
        transport, _, sent_by = pieces[2].strip(LWS).replace("\t", " ").partition(" ")
        if not TOKEN.fullmatch(transport):
            raise SipError(f"{_brief(transport)} is not a transport", 400)
        host, port = host_port(sent_by.strip(LWS))
        return cls(transport.upper(), host, port, Params.parse(params) if semicolon else EMPTY, version)

    @property
    def branch(self) -> str | None:
        """The transaction's branch; None when absent or empty."""
        return self.params.get("branch") or None

    @property
    def rport(self) -> int | None:
        """The port a reply goes to (RFC 3581); 0 when asked for but not filled in, None when absent."""
        value = self.params.get("rport")
        if not value:
            return None if value is None else 0
        return (
            int(value)
            if value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 65536
            else None
        )

    @property
    def received(self) -> str | None:
        """The source address a server saw, IPv6 without brackets."""
        value = self.params.get("received")
        return value.strip("[]") if value else None

    def stamped(self, host: str, port: int) -> "Via":
        """The same hop with `received` and `rport` set to a packet's source (RFC 3581 §4)."""
        return replace(self, params=self.params.with_("received", host).with_("rport", str(port)))

    def __str__(self) -> str:
        return f"SIP/{self.version}/{self.transport} {_bracketed(self.host, self.port)}{self.params}"


@dataclass(frozen=True, slots=True)
class CSeq:
    """`number` is 0 to 2³¹ - 1 (RFC 3261 §8.1.1.5); the method keeps its case."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read the header's value; raises `SipError` (400)."""
        number, _, method = text.strip(LWS).replace("\t", " ").partition(" ")
        method = method.strip(LWS)
        if not TOKEN.fullmatch(method):
            raise SipError(f"CSeq {_brief(text)} has no method", 400)
        return cls(decimal(number, CSEQ_LIMIT), method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
