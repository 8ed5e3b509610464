"""What of a message goes up to the house: the SDP in a body, and the headers the stack does not use."""

from email.parser import BytesParser
from email.policy import HTTP

from ringline.sip.events import SipHeader
from ringline.sip.headers import Headers, key
from ringline.sip.message import Request, Response

SDP = "application/sdp"

CORE_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "allow",
        "allow-events",
        "authorization",
        "call-id",
        "contact",
        "content-encoding",
        "content-length",
        "content-type",
        "cseq",
        "date",
        "expires",
        "from",
        "max-forwards",
        "mime-version",
        "min-se",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-require",
        "record-route",
        "require",
        "route",
        "session-expires",
        "supported",
        "timestamp",
        "to",
        "unsupported",
        "via",
        "www-authenticate",
    }
)
"""Fields the stack itself reads or writes; all others are the house's."""


def foreign_headers(headers: Headers) -> tuple[SipHeader, ...]:
    """Every field that is not the stack's own, in order, names as written."""
    return tuple([SipHeader(name, value) for name, value in headers if key(name) not in CORE_HEADERS])


def sdp_of(message: Request | Response) -> bytes | None:
    """The SDP of a body: empty without a body, None when the body is of a kind we cannot read (415)."""
    if not message.body:
        return b""
    encoding = (message.headers.get("Content-Encoding") or "identity").lower()
    kind = message.content_type or SDP  # RFC 3261 §20.15 wants a type; who leaves it out means SDP
    if encoding != "identity":
        return None
    if kind == SDP:
        return message.body
    if kind in {"multipart/mixed", "multipart/alternative", "multipart/related"}:
        return _sdp_part(message.headers.get("Content-Type") or "", message.body)
    return None


def _sdp_part(content_type: str, body: bytes) -> bytes | None:
    """The first SDP part of a multipart body (RFC 5621 §3.1)."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("utf-8", "surrogateescape")
    for part in BytesParser(policy=HTTP).parsebytes(head + body).walk():
        if part.get_content_type() == SDP:
            payload = part.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else None
    return None
