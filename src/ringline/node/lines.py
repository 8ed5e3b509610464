"""Signalling for calls: SIP dialogs with the media they negotiate (RFC 3261, RFC 3264)."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringline.calls.inputs import (
    Answered,
    Cancelled,
    DigitHeard,
    Failed,
    HoldChanged,
    HungUp,
    Input,
    MediaClosed,
    Ringing,
)
from ringline.calls.options import DialTarget, Header
from ringline.calls.state import Leg
from ringline.core import log
from ringline.core.clock import Clock
from ringline.core.ids import Ids
from ringline.media.plane import LocalMedia, MediaPlane, NoFreePort
from ringline.node.agreed import remote_media, sample_rate
from ringline.node.targets import Destination, Targets
from ringline.sip import events as sip
from ringline.sip.endpoint import SipEndpoint
from ringline.sip.offeranswer import Negotiation, OfferAnswerError, Selected
from ringline.sip.params import SipError
from ringline.sip.sdp import SdpError
from ringline.timeline.entries import AnyBody, SipMessage

DTMF_RELAY = "application/dtmf-relay"
EARLY_MESSAGES = 64
"""SIP messages kept for calls that are not known yet: their INVITE is seen before it is routed."""

Post = Callable[[str, Input | AnyBody], None]


@dataclass(slots=True)
class Line:
    """One leg's dialog and session."""

    call: str
    handle: str
    negotiation: Negotiation
    codecs: tuple[str, ...]
    offer: bytes = b""
    """The far end's offer while it is not answered; empty for a late offer."""
    local: LocalMedia | None = None
    answer: bytes = b""
    """Our answer, once made: 183 and 200 carry the same."""
    selected: Selected | None = None
    in_band: bool = False
    """Whether digits are to be found in the audio."""
    awaits_ack: bool = False
    """Our 200 carried the offer: the ACK brings the answer."""
    phone: str | None = None
    """User of the registered phone that is called."""
    caller: str | None = None
    """User of the phone that calls, as it has proven."""


@dataclass(slots=True)
class Advertised:
    """What SDP and From say of this server."""

    media_address: str
    """Empty: the address that the sockets are bound to."""
    sip_host: str
    codecs: tuple[str, ...]


class SipLines:
    """The lines of all legs of this node."""

    def __init__(
        self,
        *,
        endpoint: SipEndpoint,
        plane: MediaPlane,
        targets: Targets,
        advertised: Advertised,
        clock: Clock,
        ids: Ids,
        post: Post,
        full_trace: bool,
    ) -> None:
        self._endpoint = endpoint
        self._plane = plane
        self._targets = targets
        self._advertised = advertised
        self._clock = clock
        self._ids = ids
        self._post = post
        self._full_trace = full_trace
        self._lines: dict[str, Line] = {}
        self._calls: dict[str, str] = {}
        self._early: OrderedDict[str, list[SipMessage]] = OrderedDict()
        self._log = log.get("lines")

    # What the leg core asks for

    def adopt(self, leg: Leg, incoming: sip.IncomingCall) -> None:
        """Bind a new leg to the INVITE that made it."""
        line = Line(leg.id, incoming.handle, Negotiation(self._ids.u32()), (), incoming.sdp)
        line.in_band = leg.facts.application.dtmf == "Inband"
        line.caller = incoming.credential_user
        self._lines[leg.id] = line
        self._calls[incoming.handle] = leg.id
        for message in self._early.pop(incoming.handle, ()):
            self._post(leg.id, message)

    def calls_from(self, user: str) -> int:
        """How many calls a phone of ours has placed that are not over."""
        return sum(line.caller == user for line in self._lines.values())

    def ring(self, leg: Leg) -> None:
        """Send 180."""
        if line := self._lines.get(leg.id):
            self._endpoint.ring(line.handle)

    def open_early(self, leg: Leg) -> None:
        """Send 183 with our answer."""
        line = self._lines.get(leg.id)
        if line and line.offer and self._settle_answer(line, ()):
            self._endpoint.ring(line.handle, 183, line.answer)

    def accept(
        self, leg: Leg, codecs: tuple[str, ...], headers: tuple[Header, ...], *, silence: bool
    ) -> None:
        """Send 200 with our answer, or with our offer if the INVITE had none."""
        line = self._lines.get(leg.id)
        if line is None:
            return
        if not self._settle_answer(line, codecs):
            if line.local:
                self._endpoint.refuse(line.handle, 488)
            else:  # every RTP port is taken: another time there may be one
                self._endpoint.refuse(line.handle, 503, headers=(sip.SipHeader("Retry-After", "2"),))
            self._post(leg.id, HungUp("error"))
            return
        if silence:
            self._plane.set_idle_silence(leg.id, on=True)
        self._endpoint.accept(line.handle, line.answer, _sip_headers(headers))
        if not line.awaits_ack:
            self._report_answered(line, ())

    def refuse(self, leg: Leg, status: int) -> None:
        """Send a final refusal."""
        if line := self._lines.get(leg.id):
            self._endpoint.refuse(line.handle, status)

    def place(self, leg: Leg, target: DialTarget) -> None:
        """Send the INVITE."""
        destination = self._targets.find(target, leg.facts.application.account_id)
        if destination is None:
            self._post(leg.id, Failed(404, "Not Found"))
            return
        if self._is_full(destination):
            self._post(leg.id, Failed(486, "Busy Here"))
            return
        codecs = self._codecs(target.codecs or destination.codecs)
        line = Line(leg.id, leg.id, Negotiation(self._ids.u32()), codecs, phone=destination.registered_user)
        line.in_band = leg.facts.application.dtmf == "Inband"
        self._lines[leg.id] = line
        self._calls[line.handle] = leg.id
        if not self._open(line):
            self._post(leg.id, Failed(503, "No free RTP port"))
            return
        if target.silence_when_idle:
            self._plane.set_idle_silence(leg.id, on=True)
        offer = line.negotiation.offer(line.codecs, *self._where(line))
        auth = (target.auth_username, target.auth_password or "") if target.auth_username else None
        try:
            self._invite(line, leg, target, destination, offer, auth)
        except SipError as error:
            self._log.warning("the INVITE could not be written", call=leg.id, error=str(error))
            self._post(leg.id, Failed(400, "Bad Request"))

    def _invite(
        self,
        line: Line,
        leg: Leg,
        target: DialTarget,
        destination: Destination,
        offer: bytes,
        auth: tuple[str, str] | None,
    ) -> None:
        self._endpoint.invite(
            line.handle,
            destination.uri,
            from_uri=self._from_uri(leg.facts.from_),
            from_display=target.display_name or "",
            sdp=offer,
            headers=(*self._diversion(target), *_sip_headers(target.headers)),
            privacy_id=target.hide_identity,
            auth=auth,
            transport=destination.transport,
            via_registration=destination.registered_user,
        )

    def cancel(self, leg: Leg, reason: str | None) -> None:
        """Take the INVITE back."""
        if line := self._lines.get(leg.id):
            self._endpoint.cancel(line.handle, reason)

    def hang_up(self, leg: Leg, headers: tuple[Header, ...]) -> None:
        """Send BYE."""
        if line := self._lines.get(leg.id):
            self._endpoint.bye(line.handle, _sip_headers(headers))

    def close_media(self, leg: Leg) -> None:
        """Free the ports; the plane reports when the leg is gone."""
        line = self._lines.get(leg.id)
        if line and line.local:
            line.local = None
            self._plane.close_leg(leg.id)
        else:
            self._post(leg.id, MediaClosed(None))

    def forget(self, leg: Leg) -> None:
        """The leg is over."""
        line = self._lines.pop(leg.id, None)
        if line:
            self._calls.pop(line.handle, None)

    def refuse_unknown(self, handle: str, status: int, headers: Sequence[sip.SipHeader] = ()) -> None:
        """Refuse an INVITE that lost its owner between its routing and its leg."""
        self._early.pop(handle, None)
        self._endpoint.refuse(handle, status, headers=headers)

    def send_info_digits(self, call: str, digits: str, duration_ms: int) -> None:
        """Send digits as SIP INFO (application/dtmf-relay), one request each."""
        line = self._lines.get(call)
        if line is None:
            return
        for digit in digits:
            if digit not in "wW":
                body = f"Signal={digit}\r\nDuration={duration_ms}\r\n"
                self._endpoint.info(line.handle, DTMF_RELAY, body.encode())

    # What SIP tells

    def on_event(self, event: sip.Event) -> None:
        """Turn what happened to a dialog into an input of its leg."""
        if isinstance(event, sip.SipMessageSeen):
            self._note(event)
            return
        handle = getattr(event, "handle", None)
        call = self._calls.get(handle) if handle else None
        line = self._lines.get(call) if call else None
        if line is None:
            return
        match event:
            case sip.CallProgress(_, status, sdp):
                self._progress(line, status, sdp)
            case sip.CallAnswered(_, _, sdp, headers):
                self._answered(line, sdp, headers)
            case sip.CallFailed(_, status, reason, headers):
                self._post(line.call, Failed(status, reason, _headers(headers)))
            case sip.CallCancelled():
                self._post(line.call, Cancelled())
            case sip.CallEnded(_, by, _, headers):
                if by != "local":
                    self._post(line.call, HungUp(by, _headers(headers)))
            case sip.CallAcked(_, sdp):
                self._acked(line, sdp)
            case sip.CallReoffered(_, sdp):
                self._reoffered(line, sdp)
            case sip.InfoReceived(_, content_type, body):
                self._informed(line, content_type, body)
            case _:
                pass

    def _informed(self, line: Line, content_type: str, body: bytes) -> None:
        digit = digit_of_info(content_type, body)
        if digit:
            self._post(line.call, DigitHeard(*digit, self._clock.utc()))

    def _progress(self, line: Line, status: int, sdp: bytes) -> None:
        if line.local is None:
            return
        media = bool(sdp) and self._take_answer(line, sdp)
        self._post(line.call, Ringing(status, media))

    def _answered(self, line: Line, sdp: bytes, headers: tuple[sip.SipHeader, ...]) -> None:
        if line.local is None or not self._take_answer(line, sdp):
            self._endpoint.bye(line.handle)
            self._post(line.call, Failed(488, "Not Acceptable Here"))
            return
        self._report_answered(line, _headers(headers))

    def _acked(self, line: Line, sdp: bytes) -> None:
        if not line.awaits_ack or line.local is None:  # hung up before its ACK came
            return
        line.awaits_ack = False
        first = line.selected is None
        if not self._take_answer(line, sdp):
            self._endpoint.bye(line.handle)
            self._post(line.call, HungUp("error"))
        elif first:
            self._report_answered(line, ())

    def _reoffered(self, line: Line, sdp: bytes) -> None:
        if line.local is None:
            self._endpoint.refuse_reoffer(line.handle, 488)
            return
        try:
            if not sdp:
                self._endpoint.accept_reoffer(line.handle, line.negotiation.reoffer())
                line.awaits_ack = True
                return
            answer, selected = line.negotiation.answer(sdp, line.codecs, *self._where(line))
        except OfferAnswerError:
            self._endpoint.refuse_reoffer(line.handle, 491)
        except SdpError:
            self._endpoint.refuse_reoffer(line.handle, 488)
        else:
            self._endpoint.accept_reoffer(line.handle, answer)
            self._settle(line, selected)

    # Offer and answer

    def _settle_answer(self, line: Line, codecs: tuple[str, ...]) -> bool:
        if line.answer:
            return True
        line.codecs = self._codecs(codecs)
        if not self._open(line):
            return False
        if not line.offer:
            line.answer = line.negotiation.offer(line.codecs, *self._where(line))
            line.awaits_ack = True
            return True
        try:
            line.answer, selected = line.negotiation.answer(line.offer, line.codecs, *self._where(line))
            self._settle(line, selected)
        except SdpError:
            return False
        return True

    def _take_answer(self, line: Line, sdp: bytes) -> bool:
        try:
            self._settle(line, line.negotiation.accepted(sdp))
        except (SdpError, OfferAnswerError):
            return line.selected is not None and not sdp
        return True

    def _settle(self, line: Line, selected: Selected) -> None:
        before, line.selected = line.selected, selected
        self._plane.set_remote(line.call, remote_media(selected))
        if before and before.direction.sends is not selected.direction.sends:
            self._post(line.call, HoldChanged(not selected.direction.sends))

    def _report_answered(self, line: Line, headers: tuple[Header, ...]) -> None:
        selected = line.selected
        codec = selected.codec if selected else ""
        remote = f"{selected.remote_address}:{selected.remote_port}" if selected else ""
        self._post(line.call, Answered(codec, sample_rate(codec), headers, remote))

    def _open(self, line: Line) -> bool:
        if line.local is None:
            try:
                line.local = self._plane.open_leg(line.call)
            except NoFreePort:
                self._log.error("no free RTP port", call=line.call)
                return False
            if line.in_band:
                self._plane.detect_inband(line.call, on=True)
        return True

    def _where(self, line: Line) -> tuple[str, int]:
        assert line.local is not None
        return self._advertised.media_address or line.local.address, line.local.port

    def _codecs(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        ours = self._advertised.codecs
        return tuple(name for name in wanted if name in ours) or ours

    def _is_full(self, destination: Destination) -> bool:
        limit, user = destination.channel_limit, destination.registered_user
        return limit is not None and sum(line.phone == user for line in self._lines.values()) >= limit

    def _from_uri(self, caller: str) -> str:
        return caller if caller.startswith("sip:") else f"sip:{caller}@{self._advertised.sip_host}"

    def _diversion(self, target: DialTarget) -> tuple[sip.SipHeader, ...]:
        """Who the call was for, without a reason, which nobody told (RFC 5806 §4.1)."""
        if target.diverted_by is None:
            return ()
        return (sip.SipHeader("Diversion", f"<{self._from_uri(target.diverted_by)}>"),)

    def _note(self, seen: sip.SipMessageSeen) -> None:
        if seen.handle is None:
            return
        raw = seen.raw.decode(errors="replace") if self._full_trace else None
        message = SipMessage(seen.direction, seen.summary, seen.peer, raw)
        call = self._calls.get(seen.handle)
        if call:
            self._post(call, message)
            return
        self._early.setdefault(seen.handle, []).append(message)
        while len(self._early) > EARLY_MESSAGES:
            self._early.popitem(last=False)


def digit_of_info(content_type: str, body: bytes) -> tuple[str, int] | None:
    """The key and its milliseconds of a DTMF INFO, or None where it holds none."""
    kind = content_type.partition(";")[0].strip().lower()
    text = body.decode("ascii", "replace")
    if kind == "application/dtmf":
        fields = {"signal": text.strip()}
    elif kind == DTMF_RELAY:
        pairs = (row.partition("=") for row in text.splitlines())
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    else:
        return None
    digit = fields.get("signal", "").upper()
    length = fields.get("duration", "")
    if len(digit) != 1 or digit not in "0123456789*#ABCD":
        return None
    return digit, int(length) if length.isdigit() and len(length) < 6 else 250


def _sip_headers(headers: tuple[Header, ...]) -> tuple[sip.SipHeader, ...]:
    return tuple(sip.SipHeader(header.name, header.value) for header in headers)


def _headers(headers: tuple[sip.SipHeader, ...]) -> tuple[Header, ...]:
    return tuple(Header(header.name, header.value) for header in headers)
