"""Parameters (`;name=value`) of SIP URIs and header fields (RFC 3261 §7.3.1, §19.1.1), and their errors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ringline.core.errors import ProtocolError

if TYPE_CHECKING:
    from ringline.sip.message import Request

LWS: Final = " \t"
"""What may be stripped: never `str.strip()` alone, which also eats control and Unicode spaces."""

TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
"""`token` of RFC 3261 §25.1."""

MAX_PARAMS: Final = 128
"""Semicolons in one element's parameters: what one of them may make us read."""

# Names and bare values of header and URI parameters together: token, gen-value's host and IPv6reference,
# paramchar (RFC 3261 §25.1), and bytes beyond ASCII, which phones send unquoted.
_NAME: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\[\]/:&$]+")
_BARE: Final = re.compile(r"[^\x00-\x20\x7f\"<>,;\\]*")
_QUOTED: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BREAKS: Final = re.compile(r'[";]')
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r'(["\\])')


class SipError(ProtocolError):
    """SIP text that breaks its grammar or our limits.

    `status` is the answer a request deserves (400, 416, 505, 513, …); None means: drop it silently, because
    it was a response or because too little of it is readable. `partial` is what was read of a request, set
    only when Via, From, To, Call-ID and CSeq are there to be copied into the answer.
    """

    def __init__(self, text: str, status: int | None = None, partial: "Request | None" = None) -> None:
        super().__init__(text)
        self.status = status
        self.partial = partial


def encode(text: str) -> bytes:
    """Text as bytes: UTF-8, where bytes that were not UTF-8 come out as they came in.

    Raises `SipError` for a lone surrogate, which JSON can carry and no bytes can.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise SipError(f"a character that is none: {error.object[error.start : error.end]!r}", 400) from None


def quote(text: str) -> str:
    """`text` as a quoted-string (RFC 3261 §25.1); the text must not contain CR or LF."""
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


def unquote(text: str) -> str:
    """The text inside a quoted-string, escapes resolved; text that is not quoted comes back as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def quoted_end(text: str, start: int) -> int:
    """The index after the quoted-string that opens at `start`; raises `SipError` when it never closes."""
    match = _QUOTED.match(text, start)
    if match is None:
        raise SipError("a quoted string is not closed", 400)
    return match.end()


def _split(text: str) -> Iterator[str]:
    """The pieces between semicolons that are not inside quotes; linear."""
    if '"' not in text:
        yield from text.split(";")
        return
    start = at = 0
    while (match := _BREAKS.search(text, at)) is not None:
        at = match.end()
        if match.group() == '"':
            at = quoted_end(text, at - 1)
        else:
            yield text[start : at - 1]
            start = at
    yield text[start:]


@dataclass(frozen=True, slots=True)
class Params:
    """Ordered parameters; names compare without case, the first of equal names counts.

    `items` keeps names and values verbatim (quoted values with their quotes); None stands for no `=`.
    """

    items: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Params":
        """Read `a=b;c` or `;a=b;c`; empty pieces are skipped. Raises `SipError` (400)."""
        items: list[tuple[str, str | None]] = []
        if text.count(";") > MAX_PARAMS:
            raise SipError(f"more than {MAX_PARAMS} parameters", 400)
        for piece in _split(text):
            name, equals, value = piece.partition("=")
            name = name.strip(LWS)
            if not equals:
                if not name:
                    continue
                items.append((name, None))
            else:
                value = value.strip(LWS)
                if not _BARE.fullmatch(value) and not _QUOTED.fullmatch(value):
                    raise SipError(f"the value of parameter {name!r} is malformed", 400)
                items.append((name, value))
            if not _NAME.fullmatch(name):
                raise SipError(f"{name!r} is not a parameter name", 400)
        return cls(tuple(items)) if items else EMPTY

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value without quotes, "" for a parameter without value, `default` when it is absent."""
        name = name.lower()
        for own, value in self.items:
            if own.lower() == name:
                return "" if value is None else unquote(value)
        return default

    def has(self, name: str) -> bool:
        """Whether the parameter is there, with or without a value."""
        return self.get(name) is not None

    def with_(self, name: str, value: str | None = None) -> "Params":
        """A copy with one set, in its place or at the end; a value that needs quotes gets them."""
        if value is not None and not _BARE.fullmatch(value):
            value = quote(value)
        items: list[tuple[str, str | None]] = []
        lowered, placed = name.lower(), False
        for own, old in self.items:
            if own.lower() != lowered:
                items.append((own, old))
            elif not placed:
                items.append((own, value))
                placed = True
        if not placed:
            items.append((name, value))
        return Params(tuple(items))

    def without(self, name: str) -> "Params":
        """A copy without one."""
        lowered = name.lower()
        return Params(tuple(item for item in self.items if item[0].lower() != lowered))

    def __iter__(self) -> Iterator[tuple[str, str | None]]:
        """Names and unquoted values in order."""
        return ((name, None if value is None else unquote(value)) for name, value in self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, name: str) -> bool:
        return self.has(name)

    def __str__(self) -> str:
        """`;name=value` for each, "" for none."""
        return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in self.items])


EMPTY: Final = Params()
