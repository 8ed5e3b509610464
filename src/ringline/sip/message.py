"""SIP requests and responses (RFC 3261 §7).

Bytes become text as UTF-8 with surrogate escapes, so that any bytes come out as they went in. Headers stay
verbatim and are read into typed values on demand; `parse` has tried all of those that the stack relies on, so
that typed access to a parsed message does not raise. A message built by hand raises `SipError` where it lacks
something.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ringline.sip.framing import MAX_MESSAGE, KeepAlive, StreamFramer
from ringline.sip.grammar import CSeq, NameAddr, SipError, Uri, Via, decimal
from ringline.sip.headers import Headers, key
from ringline.sip.params import LWS, TOKEN, encode

__all__ = [
    "MAX_ELEMENTS",
    "MAX_HEADERS",
    "MAX_LINE",
    "MAX_MESSAGE",
    "REASONS",
    "Headers",
    "KeepAlive",
    "Message",
    "Request",
    "Response",
    "SipError",
    "StreamFramer",
    "parse",
    "response_to",
]

MAX_LINE: Final = 8192
MAX_HEADERS: Final = 256
MAX_ELEMENTS: Final = 64
"""Of each of Via, Route, Record-Route and Contact: what one message may make us read."""

MAX_EXPIRES: Final = 2**32 - 1  # RFC 3261 §20.19
DEFAULT_MAX_FORWARDS: Final = 70  # RFC 3261 §8.1.1.6, for RFC 2543 senders that have none

REASONS: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}
"""Reason phrases (IANA, SIP response codes)."""

_FOLD: Final = re.compile(r"\r\n[ \t]++")
_SINGLETONS: Final = frozenset(
    {"call-id", "from", "to", "cseq", "max-forwards", "content-length", "content-type", "expires"}
)
_NEEDED: Final = ("via", "from", "to", "call-id", "cseq")
_COPIED: Final = frozenset({"from", "to", "call-id", "cseq"})
_SCHEMES: Final = frozenset({"sip", "sips", "tel"})


class Message:
    """What requests and responses have in common: typed access to their headers."""

    __slots__ = ()

    headers: Headers
    body: bytes

    @property
    def vias(self) -> tuple[Via, ...]:
        """Every hop, the nearest first."""
        return self.headers.typed("via", _vias)

    @property
    def top_via(self) -> Via:
        """The hop that sent the message to us, or that a response is for."""
        return self.headers.typed("via", _top_via)

    @property
    def from_(self) -> NameAddr:
        """The From header."""
        return self.headers.typed("from", _from)

    @property
    def to(self) -> NameAddr:
        """The To header."""
        return self.headers.typed("to", _to)

    @property
    def call_id(self) -> str:
        """The Call-ID, compared byte for byte (RFC 3261 §20.8)."""
        return _required(self.headers, "call-id")

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        return self.headers.typed("cseq", _cseq)

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """The Contact elements; none for `Contact: *` (`wildcard_contact`)."""
        return self.headers.typed("contact", _contacts)

    @property
    def wildcard_contact(self) -> bool:
        """Whether Contact is `*`: remove every binding (RFC 3261 §10.2.2)."""
        return self.headers.get("contact") == "*"

    @property
    def routes(self) -> tuple[NameAddr, ...]:
        """The Route elements in order."""
        return self.headers.typed("route", _routes)

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """The Record-Route elements in order."""
        return self.headers.typed("record-route", _record_routes)

    @property
    def max_forwards(self) -> int:
        """0 to 255; 70 when absent (RFC 3261 §20.22)."""
        return _max_forwards(self.headers)

    @property
    def expires(self) -> int | None:
        """Seconds, at most 2³² - 1; None when absent or malformed (RFC 3261 §20.19)."""
        return _expires(self.headers)

    @property
    def content_type(self) -> str | None:
        """The media type in lower case without its parameters."""
        value = self.headers.get("content-type")
        return None if value is None else value.partition(";")[0].strip(LWS).lower()

    def _bytes(self, start: str) -> bytes:
        """The message on the wire; Content-Length always says the body's length."""
        lines = [start]
        length = f"Content-Length: {len(self.body)}"
        for name, value in self.headers:
            if name.lower() not in {"content-length", "l"}:
                lines.append(f"{name}: {value}")
            elif length:
                lines.append(f"{name}: {len(self.body)}")
                length = ""
        if length:
            lines.append(length)
        lines.append("\r\n")
        return encode("\r\n".join(lines)) + self.body


@dataclass(slots=True)
class Request(Message):
    """A request; `method` keeps its case (methods are case-sensitive), `uri` is verbatim."""

    method: str
    uri: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @property
    def request_uri(self) -> Uri:
        """The request URI, typed; read anew each time."""
        return Uri.parse(self.uri)

    def serialize(self) -> bytes:
        """The request on the wire."""
        return self._bytes(f"{self.method} {self.uri} SIP/2.0")


@dataclass(slots=True)
class Response(Message):
    """A response; `status` is 100 to 699."""

    status: int
    reason: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def serialize(self) -> bytes:
        """The response on the wire."""
        return self._bytes(f"SIP/2.0 {self.status} {self.reason}")


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise SipError(f"no {name} header", 400)
    return value


def _top_via(headers: Headers) -> Via:
    values = headers.get_all("via")
    if not values:
        raise SipError("no via header", 400)
    return Via.parse(values[0])


def _elements(headers: Headers, name: str) -> list[str]:
    values = headers.get_all(name)
    if len(values) > MAX_ELEMENTS:
        raise SipError(f"{len(values)} {name} elements", 400)
    return values


def _vias(headers: Headers) -> tuple[Via, ...]:
    values = _elements(headers, "via")
    return (headers.typed("via", _top_via), *[Via.parse(value) for value in values[1:]]) if values else ()


def _from(headers: Headers) -> NameAddr:
    return NameAddr.parse(_required(headers, "from"))


def _to(headers: Headers) -> NameAddr:
    return NameAddr.parse(_required(headers, "to"))


def _cseq(headers: Headers) -> CSeq:
    return CSeq.parse(_required(headers, "cseq"))


def _contacts(headers: Headers) -> tuple[NameAddr, ...]:
    values = _elements(headers, "contact")
    return () if values == ["*"] else tuple([NameAddr.parse(value) for value in values])


def _routes(headers: Headers) -> tuple[NameAddr, ...]:
    return tuple([NameAddr.parse(value) for value in _elements(headers, "route")])


def _record_routes(headers: Headers) -> tuple[NameAddr, ...]:
    return tuple([NameAddr.parse(value) for value in _elements(headers, "record-route")])


def _max_forwards(headers: Headers) -> int:
    value = headers.get("max-forwards")
    return DEFAULT_MAX_FORWARDS if value is None else decimal(value, 256)


def _expires(headers: Headers) -> int | None:
    value = headers.get("expires")
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return min(int(value), MAX_EXPIRES) if len(value) <= 10 else MAX_EXPIRES


def parse(data: bytes, *, stream: bool = False) -> Request | Response:
    """Read one message: a datagram, or what `StreamFramer` cut out of a stream (`stream`).

    Raises `SipError` and nothing else: `status` None when nothing should be answered, otherwise the answer,
    with `partial` set to what `response_to` needs to make it.
    """
    if len(data) > MAX_MESSAGE:
        raise SipError(f"{len(data)} bytes", None)
    head, ended, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    start, _, rest = head.decode("utf-8", "surrogateescape").partition("\r\n")
    problems: list[SipError] = [] if ended else [SipError("the head does not end", 400)]
    message = _start_line(start, problems)
    message.headers = _headers(rest, problems)
    message.body = body
    _try_all(message, problems, stream=stream)
    if not problems:
        return message
    worst = problems[0]
    if isinstance(message, Response) or not _answerable(message):
        raise SipError(str(worst))
    raise SipError(str(worst), worst.status, message)


def _start_line(line: str, problems: list[SipError]) -> Request | Response:
    """Read the first line; raises `SipError` without status when it is neither form."""
    if len(line) > MAX_LINE:
        raise SipError(f"a start line of {len(line)} characters")
    if line[:4].upper() == "SIP/":
        version, _, rest = line.partition(" ")
        code, _, reason = rest.partition(" ")
        if version.upper() != "SIP/2.0" or len(code) != 3 or not (code.isascii() and "100" <= code <= "699"):
            raise SipError("a status line that is not SIP/2.0")
        return Response(decimal(code, 700), reason)
    words = line.split(" ")
    if len(words) != 3:
        problems.append(SipError("the request line is not method, URI, version with one space between", 400))
        words = line.split()
    if len(words) < 3 or words[-1][:4].upper() != "SIP/" or not TOKEN.fullmatch(words[0]):
        raise SipError("not a SIP message")
    method, uri = words[0], " ".join(words[1:-1])
    if words[-1].upper() != "SIP/2.0":
        problems.append(SipError(f"version {words[-1][:16]!r}", 505))
    return Request(method, uri)


def _headers(text: str, problems: list[SipError]) -> Headers:
    """Read the header lines; what is unreadable becomes a problem and is left out."""
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n") if text else []
    if len(lines) > MAX_HEADERS:
        problems.append(SipError(f"{len(lines)} header lines", 400))
        del lines[MAX_HEADERS:]
    items: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(LWS)
        if not colon or not TOKEN.fullmatch(name):
            problems.append(SipError("a line that is not a header", 400))
        elif len(line) > MAX_LINE:
            problems.append(SipError(f"{len(line)} characters of {name[:40]}", 400))
        elif "\r" in value or "\n" in value:
            problems.append(SipError(f"a stray line break in {name[:40]}", 400))
        else:
            items.append((name, value.strip(LWS)))
    return Headers.received(items)


def _try_all(message: Request | Response, problems: list[SipError], *, stream: bool) -> None:
    """Read everything the stack relies on, so that later access does not raise."""
    headers = message.headers
    for name in sorted(headers.repeated() & _SINGLETONS):
        problems.append(SipError(f"several {name} headers", 400))
    try:
        if isinstance(message, Request):
            _try_request(message)
        for name in _NEEDED:
            _required(headers, name)
        # properties, read for the error they may raise
        _ = message.vias, message.top_via, message.from_, message.to, message.cseq
        _ = message.contacts, message.routes, message.record_routes, message.max_forwards
        if any(via.version != "2.0" for via in message.vias):
            raise SipError("a Via of another version", 505)
        if isinstance(message, Request) and message.cseq.method != message.method:
            raise SipError(
                f"CSeq is of {message.cseq.method[:40]}, the request is {message.method[:40]}", 400
            )
        message.body = _body(headers.get("content-length"), message.body, stream=stream)
    except SipError as problem:
        problems.append(problem)


def _try_request(request: Request) -> None:
    scheme = request.uri.partition(":")[0].lower()
    uri = request.request_uri
    if scheme not in _SCHEMES:
        raise SipError(f"a request for {scheme[:40]}:", 416)
    if uri.headers:
        raise SipError("headers in the request URI (RFC 3261 §19.1.1)", 400)


def _body(length: str | None, rest: bytes, *, stream: bool) -> bytes:
    """The body by Content-Length; a datagram without it is body to its end (RFC 3261 §18.3)."""
    if length is None:
        if stream:
            raise SipError("no Content-Length in a stream", 400)
        return rest
    wanted = decimal(length, MAX_MESSAGE + 1)
    if wanted > len(rest):
        raise SipError(f"Content-Length {wanted}, but {len(rest)} bytes of body", 400)
    return rest[:wanted]


def _answerable(request: Request) -> bool:
    """Whether a response can be built and find its way."""
    try:
        return bool(request.top_via) and all(request.headers.get(name) for name in _NEEDED)
    except SipError:
        return False


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """A response with what RFC 3261 §8.2.6 copies: Via, From, To, Call-ID, CSeq, and Timestamp into a 100.

    `to_tag` is set unless To has a tag already. Record-Route and Contact are the dialog's (§12.1.1): they
    come in `headers`.
    """
    made = Headers()
    copied: set[str] = set()
    for name, value in request.headers:
        own = key(name)
        if own == "via" or (own in _COPIED and own not in copied) or (own == "timestamp" and status == 100):
            copied.add(own)
            made.add(name, _tagged(value, to_tag) if own == "to" else value)
    for name, value in headers:
        made.add(name, value)
    if content_type is not None:
        made.add("Content-Type", content_type)
    return Response(status, REASONS.get(status, "Unknown") if reason is None else reason, made, body)


def _tagged(to: str, tag: str | None) -> str:
    """The To value with our tag; as it is when it has one or cannot be read."""
    if tag is None:
        return to
    try:
        address = NameAddr.parse(to)
    except SipError:
        return to
    if address.tag is not None:
        return to
    # verbatim, with only the parameter added; an empty `tag=` is replaced
    return f"{to};tag={tag}" if not address.params.has("tag") else str(address.with_tag(tag))
