"""Whole calls between two cores in virtual time, nothing lost."""

import pytest

from ringline.sip.events import (
    CallAcked,
    CallAnswered,
    CallCancelled,
    CallEnded,
    CallFailed,
    CallProgress,
    IncomingCall,
    SipHeader,
)
from ringline.sip.params import SipError
from ringline.sip.transaction import IllegalMove
from tests.sip.wire import ANSWER, OFFER, Net, Node

pytestmark = pytest.mark.unit


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def caller(net: Net) -> Node:
    return net.node(5061)


@pytest.fixture
def callee(net: Net) -> Node:
    return net.node(5062)


def answered(net: Net, caller: Node, callee: Node) -> tuple[str, str]:
    """An answered call; both handles."""
    out = caller.dial(callee.uri())
    net.run(0.1)
    incoming = callee.take(IncomingCall).handle
    callee.core.accept(incoming, ANSWER)
    net.run(0.1)
    caller.take(CallAnswered)
    callee.take(CallAcked)
    return out, incoming


def quiet(net: Net, *nodes: Node) -> None:
    """After 64·T1 and the longest lingering timer nothing is left anywhere."""
    net.run(75)
    assert [node.core.live for node in nodes] == [0] * len(nodes)


def test_a_call_rings_is_answered_and_ends(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri("desk"), headers=(SipHeader("X-Trace", "7"),))
    net.run(0.05)
    incoming = callee.take(IncomingCall)
    assert (incoming.request_user, incoming.from_user, incoming.sdp) == ("desk", "alice", OFFER)
    assert SipHeader("X-Trace", "7") in incoming.headers
    assert incoming.source == "127.0.0.1:5061"

    callee.core.ring(incoming.handle)
    net.run(0.05)
    assert caller.take(CallProgress).status == 180

    callee.core.accept(incoming.handle, ANSWER, (SipHeader("X-Agent", "9"),))
    net.run(0.05)
    reply = caller.take(CallAnswered)
    assert (reply.sdp, SipHeader("X-Agent", "9") in reply.headers) == (ANSWER, True)
    assert callee.take(CallAcked).sdp == b""

    caller.core.bye("out", (SipHeader("X-Why", "done"),))
    net.run(0.05)
    ended = callee.take(CallEnded)
    assert (ended.by, SipHeader("X-Why", "done") in ended.headers) == ("remote", True)
    assert caller.take(CallEnded).by == "local"
    quiet(net, caller, callee)


def test_the_callee_hangs_up(net: Net, caller: Node, callee: Node) -> None:
    _, incoming = answered(net, caller, callee)
    callee.core.bye(incoming)
    net.run(0.1)
    assert (callee.take(CallEnded).by, caller.take(CallEnded).by) == ("local", "remote")
    quiet(net, caller, callee)


def test_a_refusal_carries_status_reason_and_headers(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri())
    net.run(0.1)
    headers = (SipHeader("Retry-After", "5"),)
    callee.core.refuse(callee.take(IncomingCall).handle, 486, "At Lunch", headers)
    net.run(0.1)
    failed = caller.take(CallFailed)
    assert (failed.status, failed.reason) == (486, "At Lunch")
    assert headers[0] in failed.headers
    quiet(net, caller, callee)


def test_a_silent_callee_is_covered_by_100_after_200_ms(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri())
    net.run(1)
    sent = [(round(at, 2), packet.first) for at, packet in net.log]
    assert sent == [(0.0, f"INVITE {callee.uri()}"), (0.21, "SIP/2.0 100")]


def test_cancel_while_ringing(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri())
    net.run(0.05)
    callee.core.ring(callee.take(IncomingCall).handle)
    net.run(0.05)
    caller.core.cancel("out", 'caller said "no"')
    net.run(0.1)
    assert caller.take(CallFailed).status == 487
    assert callee.take(CallCancelled).headers == (
        SipHeader("Reason", 'SIP;cause=200;text="caller said \\"no\\""'),
    )
    quiet(net, caller, callee)


def test_a_late_offer_is_answered_in_the_ack(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri(), sdp=b"")
    net.run(0.1)
    incoming = callee.take(IncomingCall)
    assert incoming.sdp == b""
    callee.core.accept(incoming.handle, OFFER)
    net.run(3)  # copies of the 200 arrive meanwhile and change nothing
    assert caller.take(CallAnswered).sdp == OFFER
    assert not caller.has(CallAnswered)
    caller.core.acknowledge("out", ANSWER)
    net.run(0.1)
    assert callee.take(CallAcked).sdp == ANSWER
    caller.core.bye("out")
    net.run(0.1)
    quiet(net, caller, callee)


def test_ringing_is_repeated_every_minute(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri())
    net.run(0.1)
    callee.core.ring(callee.take(IncomingCall).handle, 183, ANSWER)
    net.run(150)
    progress = [event for event in caller.events if isinstance(event, CallProgress)]
    assert [(event.status, event.sdp) for event in progress] == [(183, ANSWER)] * 3


def test_the_invites_expires_cancels_it(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri(), headers=(SipHeader("Expires", "20"),))
    net.run(0.1)
    callee.core.ring(callee.take(IncomingCall).handle)
    net.run(21)
    callee.take(CallCancelled)
    assert caller.take(CallFailed).status == 487
    quiet(net, caller, callee)


def test_nobody_answers(net: Net, caller: Node) -> None:
    caller.dial("sip:nobody@127.0.0.1:9")
    net.run(31.9)
    assert not caller.has(CallFailed)
    net.run(0.2)
    assert caller.take(CallFailed).status == 408
    quiet(net, caller)


def test_a_callee_that_rings_for_ever_is_cancelled(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri())
    net.run(0.1)
    callee.core.ring(callee.take(IncomingCall).handle)
    net.run(661)
    assert caller.take(CallFailed).status == 408
    callee.take(CallCancelled)
    quiet(net, caller, callee)


def test_privacy_hides_the_caller_from_all_but_p_asserted_identity(
    net: Net, caller: Node, callee: Node
) -> None:
    caller.dial(callee.uri(), from_uri="sip:+15550001@example.com", from_display="Ann", privacy_id=True)
    net.run(0.1)
    incoming = callee.take(IncomingCall)
    assert (incoming.from_user, incoming.from_display) == ("anonymous", "Anonymous")
    named = {header.name: header.value for header in incoming.headers}
    assert named["P-Asserted-Identity"] == '"Ann" <sip:+15550001@example.com>'
    assert named["Privacy"] == "id"


@pytest.mark.parametrize(
    ("uri", "status"),
    [("tel:+15551234", 416), ("nonsense", 400), ("sip:a b@c", 400), ("sips:a@127.0.0.1", 503)],
)
def test_what_cannot_be_called_fails_as_an_event(net: Net, caller: Node, uri: str, status: int) -> None:
    caller.dial(uri)
    net.run(0)
    assert caller.take(CallFailed).status == status
    quiet(net, caller)


def test_a_redirection_is_not_followed_and_says_where_to(net: Net, caller: Node) -> None:
    peer = net.puppet(5070)
    caller.dial(peer.uri)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 302, caller, headers=[("Contact", "<sip:desk@192.0.2.5>")])
    net.run(0.05)
    failed = caller.take(CallFailed)
    assert (failed.status, SipHeader("Contact", "<sip:desk@192.0.2.5>") in failed.headers) == (302, True)
    assert peer.got("INVITE") == 0


def test_a_handle_belongs_to_one_live_call(net: Net, caller: Node, callee: Node) -> None:
    answered(net, caller, callee)
    with pytest.raises(IllegalMove, match="under way"):
        caller.dial(callee.uri())
    caller.core.bye("out")
    net.run(0.1)
    caller.dial(callee.uri())
    net.run(0.1)
    callee.take(IncomingCall)


def test_a_user_that_has_not_registered_is_480(net: Net, caller: Node) -> None:
    caller.dial("sip:bob@example.com", via_registration="bob")
    net.run(0)
    assert caller.take(CallFailed).status == 480


def test_commands_that_never_fit_raise_and_late_ones_do_nothing(net: Net, caller: Node, callee: Node) -> None:
    out, incoming = answered(net, caller, callee)
    with pytest.raises(IllegalMove, match="answered already"):
        callee.core.accept(incoming, ANSWER)
    with pytest.raises(IllegalMove, match="answered already"):
        callee.core.refuse(incoming, 486)
    with pytest.raises(IllegalMove, match="outgoing"):
        caller.core.accept(out, ANSWER)
    with pytest.raises(IllegalMove, match="incoming"):
        callee.core.cancel(incoming)
    caller.core.bye(out)
    caller.core.bye(out)
    net.run(0.1)
    before = caller.core.counters["late_commands"]
    caller.core.bye(out)
    callee.core.accept_reoffer(incoming, ANSWER)
    assert caller.core.counters["late_commands"] == before + 1
    assert [type(event).__name__ for event in caller.events] == ["CallEnded"]


def test_commands_before_the_answer(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri())
    net.run(0.05)
    incoming = callee.take(IncomingCall).handle
    with pytest.raises(IllegalMove, match="refused, not left"):
        callee.core.bye(incoming)
    with pytest.raises(IllegalMove, match="not answered"):
        callee.core.reoffer(incoming, OFFER)
    with pytest.raises(IllegalMove, match="provisional"):
        callee.core.ring(incoming, 200)
    with pytest.raises(IllegalMove, match="does not refuse"):
        callee.core.refuse(incoming, 200)
    with pytest.raises(IllegalMove, match="no response"):
        caller.core.info("out", "text/plain", b"x")


@pytest.mark.parametrize(
    "header", [SipHeader("X-A", "1\r\nVia: x"), SipHeader("Via", "x"), SipHeader("bad name", "x")]
)
def test_headers_that_would_break_a_message_are_refused_before_anything_happens(
    net: Net, caller: Node, callee: Node, header: SipHeader
) -> None:
    with pytest.raises(SipError):
        caller.dial(callee.uri(), headers=(header,))
    out, _ = answered(net, caller, callee)
    with pytest.raises(SipError):
        caller.core.bye(out, (header,))
    net.run(0.1)
    assert not caller.has(CallEnded)


def test_a_reason_phrase_cannot_smuggle_headers(net: Net, caller: Node, callee: Node) -> None:
    caller.dial(callee.uri())
    net.run(0.1)
    incoming = callee.take(IncomingCall).handle
    with pytest.raises(SipError):
        callee.core.refuse(incoming, 486, "Busy\r\nX: y")
    with pytest.raises(SipError):
        caller.core.cancel("out", "bye\r\nX: y")
    callee.core.refuse(incoming, 486)
    net.run(0.1)
    assert caller.take(CallFailed).status == 486
