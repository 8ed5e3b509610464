"""From what the house wants to call to an INVITE (RFC 3261 §13.2.1, RFC 3323, RFC 3325)."""

from dataclasses import dataclass

from ringline.sip import interval as intervals
from ringline.sip.bodies import SDP
from ringline.sip.events import SipHeader
from ringline.sip.exchange import Login
from ringline.sip.flow import Flow
from ringline.sip.grammar import NameAddr, Uri
from ringline.sip.headers import Headers
from ringline.sip.message import Request
from ringline.sip.params import EMPTY, SipError
from ringline.sip.registrar import Registration
from ringline.sip.stack import ALLOW, SUPPORTED, Stack
from ringline.sip.transaction import MAX_FORWARDS

ANONYMOUS = NameAddr("Anonymous", Uri("sip", "anonymous", "anonymous.invalid"))  # RFC 3323 §4.1.1.3


@dataclass(frozen=True, slots=True)
class Dial:
    """An outgoing call as the house wants it.

    `uri` is whom to call, `from_uri` who calls. With `privacy_id` the caller's identity stands only in
    P-Asserted-Identity, for trusted proxies to remove. `transport` counts where the URI names none.
    `via_registration` is a user whose phone registered here: its binding is called, and `uri` only stands in
    To. An empty `sdp` asks the callee for an offer.
    """

    handle: str
    uri: str
    from_uri: str
    from_display: str = ""
    sdp: bytes = b""
    headers: tuple[SipHeader, ...] = ()
    privacy_id: bool = False
    login: Login | None = None
    transport: str = "udp"
    via_registration: str | None = None


def compose(stack: Stack, dial: Dial, registration: Registration | None) -> tuple[Request, Flow | Uri]:
    """The INVITE, without Via, and where it goes. Raises `SipError` (400, 416) for what cannot be called."""
    target = Uri.parse(dial.uri)
    callee = Uri(target.scheme, target.user, target.host, target.port)
    hop: Flow | Uri
    headers = Headers()
    if registration is not None:
        target, hop = registration.contact, registration.flow
        if registration.path:
            hop = NameAddr.parse(registration.path[0]).uri
            for route in registration.path:
                headers.add("Route", route)
        transport = registration.flow.transport
    else:
        if target.scheme not in {"sip", "sips"}:
            raise SipError(f"nothing is known of the way to {target.scheme}: URIs", 416)
        wanted = dial.transport.lower()
        if target.transport is None and wanted != "udp":
            target = target.with_params(transport=wanted)
        target = Uri(target.scheme, target.user, target.host, target.port, target.params)
        hop = target
        transport = (target.transport or ("tls" if target.scheme == "sips" else "udp")).upper()
    caller = NameAddr(dial.from_display, Uri.parse(dial.from_uri))
    headers.add("Max-Forwards", MAX_FORWARDS)
    headers.add("From", str((ANONYMOUS if dial.privacy_id else caller).with_tag(stack.tag())))
    headers.add("To", str(NameAddr("", callee, EMPTY)))
    headers.add("Call-ID", stack.call_id())
    headers.add("CSeq", "1 INVITE")
    headers.add("Contact", stack.contact("" if dial.privacy_id else caller.uri.user, transport))
    headers.add("Allow", ALLOW)
    headers.add("Supported", SUPPORTED)
    headers.add("User-Agent", stack.settings.user_agent)
    if dial.privacy_id:
        headers.add("Privacy", "id")
        headers.add("P-Asserted-Identity", str(caller))
    settings = stack.settings
    for name, value in intervals.request_headers(settings.session_expires_s, settings.min_se_s):
        headers.add(name, value)
    for header in dial.headers:
        headers.add(header.name, header.value)
    if dial.sdp:
        headers.add("Content-Type", SDP)
    return Request("INVITE", str(target), headers, dial.sdp), hop
