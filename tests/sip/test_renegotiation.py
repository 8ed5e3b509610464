"""Inside an answered call: holds, refusals, session timers, INFO, REFER, and a peer that moves."""

import pytest

from ringline.sip.events import (
    CallAcked,
    CallAnswered,
    CallEnded,
    CallFailed,
    CallReofferAnswered,
    CallReofferCancelled,
    CallReoffered,
    IncomingCall,
    InfoAnswered,
    InfoReceived,
    ReferProgress,
    SipHeader,
)
from ringline.sip.message import Request, Response
from ringline.sip.stack import StackSettings
from ringline.sip.transaction import IllegalMove
from tests.sip.wire import ANSWER, OFFER, Net, Node, Puppet

pytestmark = pytest.mark.unit

HOLD = OFFER + b"a=sendonly\r\n"


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def node(net: Net) -> Node:
    return net.node(5061)


@pytest.fixture
def peer(net: Net) -> Puppet:
    return net.puppet(5062)


def called(net: Net, node: Node, peer: Puppet, *headers: tuple[str, str]) -> tuple[str, Response]:
    """An incoming call, answered and acknowledged: its handle and our 200."""
    peer.send(peer.make("INVITE", node, body=OFFER, headers=headers), node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    node.core.accept(handle, ANSWER)
    net.run(0.05)
    answer = peer.response(200)
    peer.ack(answer, node)
    net.run(0.05)
    node.take(CallAcked)
    return handle, answer


def calling(net: Net, node: Node, peer: Puppet, *headers: tuple[str, str]) -> Request:
    """An outgoing call, answered with these headers: our INVITE."""
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 200, node, body=ANSWER, headers=headers)
    net.run(0.05)
    node.take(CallAnswered)
    peer.request("ACK")
    return invite


def send(net: Net, node: Node, peer: Puppet, request: Request) -> None:
    peer.send(request, node)
    net.run(0.05)


# Offers


def test_the_peer_holds_and_resumes(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    for number, sdp in ((2, HOLD), (3, OFFER)):
        send(net, node, peer, peer.within(answer, "INVITE", node, cseq=number, body=sdp))
        assert node.take(CallReoffered).sdp == sdp
        node.core.accept_reoffer(handle, ANSWER)
        net.run(0.05)
        ok = peer.response(200, "INVITE")
        assert (ok.body, ok.to.tag, len(ok.contacts)) == (ANSWER, answer.to.tag, 1)
        peer.ack(ok, node)
        net.run(0.05)
        assert node.take(CallAcked).sdp == b""


def test_we_hold(net: Net, node: Node, peer: Puppet) -> None:
    calling(net, node, peer)
    node.core.reoffer("out", HOLD)
    net.run(0.05)
    invite = peer.request("INVITE")
    assert (invite.body, invite.to.tag, invite.cseq.number) == (HOLD, "puppet", 2)
    peer.reply(invite, 200, node, body=ANSWER)
    net.run(0.05)
    assert node.take(CallReofferAnswered).sdp == ANSWER
    assert peer.request("ACK").cseq.number == 2
    peer.reply(invite, 200, node, body=ANSWER)
    net.run(0.05)
    assert peer.got("ACK") == 1  # its copy has its own


def test_a_refused_offer_leaves_the_call_as_it_was(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    send(net, node, peer, peer.within(answer, "INVITE", node, cseq=2, body=HOLD))
    node.take(CallReoffered)
    node.core.refuse_reoffer(handle)
    node.core.refuse_reoffer(handle)
    net.run(0.05)
    peer.response(488)
    node.core.reoffer(handle, OFFER)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 488, node)
    net.run(0.05)
    assert node.take(CallReofferAnswered) == CallReofferAnswered(handle, 488, b"")
    assert not node.has(CallEnded)


def test_an_offerless_reinvite_is_answered_with_our_offer(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    send(net, node, peer, peer.within(answer, "INVITE", node, cseq=2))
    assert node.take(CallReoffered).sdp == b""
    node.core.accept_reoffer(handle, OFFER)
    net.run(0.05)
    peer.ack(peer.response(200, "INVITE"), node, body=ANSWER)
    net.run(0.05)
    assert node.take(CallAcked).sdp == ANSWER


def test_update_offers_too_and_needs_no_ack(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    send(net, node, peer, peer.within(answer, "UPDATE", node, cseq=2, body=HOLD))
    assert node.take(CallReoffered).sdp == HOLD
    node.core.accept_reoffer(handle, ANSWER)
    net.run(3)
    assert peer.response(200, "UPDATE").body == ANSWER
    assert peer.got(200) == 0


def test_update_without_an_offer_is_answered_by_itself(net: Net, node: Node, peer: Puppet) -> None:
    _, answer = called(net, node, peer)
    send(net, node, peer, peer.within(answer, "UPDATE", node, cseq=2))
    peer.response(200, "UPDATE")
    assert not node.has(CallReoffered)


def test_update_with_an_offer_before_the_answer_must_wait(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    node.core.ring(node.take(IncomingCall).handle)
    net.run(0.05)
    send(net, node, peer, peer.within(peer.response(180), "UPDATE", node, cseq=2, body=HOLD))
    assert peer.response(500, "UPDATE").headers.get("Retry-After") is not None


def test_a_reinvite_taken_back(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    invite = peer.within(answer, "INVITE", node, cseq=2, body=HOLD)
    send(net, node, peer, invite)
    node.take(CallReoffered)
    peer.cancel(invite, node)
    net.run(0.05)
    peer.ack_refusal(invite, peer.response(487), node)
    node.take(CallReofferCancelled)
    node.core.accept_reoffer(handle, ANSWER)
    net.run(0.05)
    assert peer.got(200) == 1  # the CANCEL's
    assert not node.has(CallEnded)


def test_the_latest_of_several_waiting_offers_is_sent(net: Net, node: Node, peer: Puppet) -> None:
    calling(net, node, peer)
    for sdp in (b"first", b"second", b"third"):
        node.core.reoffer("out", sdp)
    net.run(0.05)
    first = peer.request("INVITE")
    assert first.body == b"first"
    assert peer.got("INVITE") == 0
    peer.reply(first, 200, node, body=ANSWER)
    net.run(0.05)
    assert peer.request("INVITE").body == b"third"


@pytest.mark.parametrize("status", [408, 481])
def test_a_peer_that_forgot_the_dialog_ends_the_call(net: Net, node: Node, peer: Puppet, status: int) -> None:
    calling(net, node, peer)
    node.core.reoffer("out", HOLD)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), status, node)
    net.run(0.05)
    assert node.take(CallReofferAnswered).status == status
    if status == 408:
        peer.reply(peer.request("BYE"), 481, node)
        net.run(0.05)
    ended = node.take(CallEnded)
    assert (ended.by, ended.reason) == ("error", f"{status} to INVITE")


def test_an_offer_that_the_peer_keeps_open_is_taken_back(net: Net, node: Node, peer: Puppet) -> None:
    calling(net, node, peer)
    node.core.reoffer("out", HOLD)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 100, node)
    net.run(61)
    peer.reply(peer.request("CANCEL"), 200, node)
    peer.reply(invite, 487, node)
    net.run(0.05)
    assert node.take(CallReofferAnswered).status == 487
    assert not node.has(CallEnded)


def test_an_offer_that_not_even_cancel_closes_ends_the_call(net: Net, node: Node, peer: Puppet) -> None:
    calling(net, node, peer)
    node.core.reoffer("out", HOLD)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 100, node)
    net.run(100)
    assert node.take(CallReofferAnswered).status == 408
    peer.reply(peer.request("BYE"), 200, node)
    net.run(0.05)
    assert node.take(CallEnded).by == "error"
    net.run(110)
    assert node.core.live == 0


def test_an_offer_that_nobody_hears_ends_the_call(net: Net, node: Node, peer: Puppet) -> None:
    calling(net, node, peer)
    node.core.reoffer("out", HOLD)
    net.run(33)
    assert node.take(CallReofferAnswered).status == 408
    peer.reply(peer.request("BYE"), 200, node)
    net.run(0.05)
    assert node.take(CallEnded).reason == "Request Timeout"


def test_a_redirected_or_busy_offer_is_just_refused(net: Net, node: Node, peer: Puppet) -> None:
    calling(net, node, peer)
    node.core.reoffer("out", HOLD)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 603, node)
    net.run(0.05)
    assert node.take(CallReofferAnswered).status == 603


def test_no_offer_while_the_ack_to_our_answer_is_awaited(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    node.core.accept(handle, ANSWER)
    node.core.reoffer(handle, HOLD)
    net.run(0.05)
    assert peer.got("INVITE") == 0
    peer.ack(peer.response(200), node)
    net.run(0.05)
    assert peer.request("INVITE").body == HOLD


def test_a_reinvite_in_an_early_dialog_is_481(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 180, node)
    send(net, node, peer, peer.inside(invite, "INVITE", node, body=OFFER))
    peer.response(481)


def test_an_offerless_call_that_is_left_gets_its_ack_first(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri, sdp=b"")
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 200, node, body=OFFER)
    net.run(0.05)
    node.take(CallAnswered)
    node.core.bye("out")
    net.run(0.05)
    assert [m.method for _, m in peer.heard if isinstance(m, Request)] == ["INVITE", "ACK", "BYE"]
    with pytest.raises(IllegalMove, match="no offer waits"):
        node.core.acknowledge("out", ANSWER)


def test_the_callee_of_our_call_may_take_its_reinvite_back(net: Net, node: Node, peer: Puppet) -> None:
    invite = calling(net, node, peer)
    again = peer.inside(invite, "INVITE", node, body=HOLD)
    send(net, node, peer, again)
    node.take(CallReoffered)
    peer.cancel(again, node)
    net.run(0.05)
    peer.response(487)
    node.take(CallReofferCancelled)


def test_a_phone_that_moves_to_another_port_is_followed_on_its_flow(net: Net, node: Node) -> None:
    old, new = net.puppet(5070, "TCP"), net.puppet(5071, "TCP")
    handle, answer = called(net, node, old)
    send(net, node, new, new.within(answer, "UPDATE", node, cseq=2))
    node.core.bye(handle)
    net.run(0.05)
    assert (old.got("BYE"), new.got("BYE")) == (0, 1)


def test_an_offer_without_sdp_makes_no_sense(net: Net, node: Node, peer: Puppet) -> None:
    calling(net, node, peer)
    with pytest.raises(IllegalMove):
        node.core.reoffer("out", b"")
    with pytest.raises(IllegalMove):
        node.core.refuse_reoffer("out", 200)


def test_a_body_we_cannot_read_is_415(net: Net, node: Node, peer: Puppet) -> None:
    _, answer = called(net, node, peer)
    request = peer.within(answer, "INVITE", node, cseq=2, body=b"x", headers=[("Content-Type", "text/plain")])
    send(net, node, peer, request)
    peer.response(415)
    assert not node.has(CallReoffered)


def test_old_numbers_are_refused(net: Net, node: Node, peer: Puppet) -> None:
    _, answer = called(net, node, peer)
    send(net, node, peer, peer.within(answer, "INFO", node, cseq=5))
    send(net, node, peer, peer.within(answer, "INFO", node, cseq=4))
    peer.response(200, "INFO")
    assert peer.response(500, "INFO").headers.get("Retry-After") is not None


def test_a_peer_that_moves_is_followed(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    moved = [("Contact", "<sip:puppet@127.0.0.1:5099>")]
    send(net, node, peer, peer.within(answer, "UPDATE", node, cseq=2, headers=moved))
    elsewhere = net.puppet(5099)
    node.core.bye(handle)
    net.run(0.05)
    assert elsewhere.request("BYE").uri == "sip:puppet@127.0.0.1:5099"


# Session timers


def timed(net: Net, seconds: int = 1800) -> Node:
    return net.node(5061, settings=StackSettings(session_expires_s=seconds))


def test_we_refresh_by_update_at_half_the_interval(net: Net, peer: Puppet) -> None:
    node = timed(net)
    invite = calling(net, node, peer, ("Session-Expires", "200;refresher=uac"), ("Allow", "INVITE, UPDATE"))
    assert invite.headers.get("Session-Expires") == "1800"
    for number in (2, 3):
        net.run(100)
        update = peer.request("UPDATE")
        assert (update.cseq.number, update.body) == (number, b"")
        assert update.headers.get("Session-Expires") == "200;refresher=uac"
        peer.reply(update, 200, node, headers=[("Session-Expires", "200;refresher=uac")])
        net.run(0.05)
    assert node.events == []


def test_we_refresh_by_the_same_offer_where_update_is_unknown(net: Net, peer: Puppet) -> None:
    node = timed(net)
    calling(net, node, peer, ("Session-Expires", "200;refresher=uac"), ("Allow", "INVITE, BYE"))
    net.run(100.5)
    invite = peer.request("INVITE")
    assert invite.body == OFFER
    peer.reply(invite, 200, node, body=ANSWER, headers=[("Session-Expires", "200;refresher=uac")])
    net.run(0.05)
    peer.request("ACK")
    assert not node.has(CallReofferAnswered)  # nobody asked for this offer


def test_a_refresh_repeats_what_was_last_agreed_not_what_was_refused(net: Net, peer: Puppet) -> None:
    node = timed(net)
    refreshed = ("Session-Expires", "200;refresher=uac")
    calling(net, node, peer, refreshed)
    for sdp, status in ((HOLD, 200), (b"refused", 488)):
        node.core.reoffer("out", sdp)
        net.run(0.05)
        peer.reply(peer.request("INVITE"), status, node, body=ANSWER, headers=[refreshed])
        net.run(0.05)
    net.run(100.1)
    assert peer.request("INVITE").body == HOLD


def test_a_peer_that_does_not_refresh_is_given_up(net: Net, peer: Puppet) -> None:
    node = timed(net)
    calling(net, node, peer, ("Session-Expires", "300;refresher=uas"))
    net.run(267)
    assert peer.got("BYE") == 0
    net.run(2)
    peer.reply(peer.request("BYE"), 481, node)
    net.run(0.05)
    ended = node.take(CallEnded)
    assert (ended.by, ended.reason) == ("error", "session timer expired")


def test_a_peers_refresh_keeps_the_call(net: Net, peer: Puppet) -> None:
    node = timed(net)
    fields = [("Session-Expires", "90;refresher=uac"), ("Supported", "timer")]
    _, answer = called(net, node, peer, *fields)
    assert answer.headers.get("Session-Expires") == "90;refresher=uac"
    assert answer.headers.get("Require") == "timer"
    for number in range(2, 6):
        net.run(45)
        send(net, node, peer, peer.within(answer, "UPDATE", node, cseq=number, headers=fields))
        assert peer.response(200, "UPDATE").headers.get("Session-Expires") == "90;refresher=uac"
    assert node.events == []
    net.run(61)
    assert peer.got("BYE") >= 1


def test_a_refresh_that_fails_is_tried_again_before_the_interval_ends(net: Net, peer: Puppet) -> None:
    node = timed(net)
    calling(net, node, peer, ("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE"))
    net.run(45.5)
    peer.reply(peer.request("UPDATE"), 500, node)
    net.run(6)
    peer.reply(peer.request("UPDATE"), 200, node, headers=[("Session-Expires", "90;refresher=uac")])
    net.run(44)
    assert not node.has(CallEnded)


def test_422_is_asked_again_with_the_peers_minimum(net: Net, peer: Puppet) -> None:
    node = timed(net, 120)
    node.dial(peer.uri)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 422, node, headers=[("Min-SE", "600")])
    net.run(0.05)
    again = peer.request("INVITE")
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("600", "600")
    peer.reply(again, 422, node, headers=[("Min-SE", "600")])
    net.run(0.05)
    assert node.take(CallFailed).status == 422


def test_a_refresh_that_meets_422_or_491_is_tried_again(net: Net, peer: Puppet) -> None:
    node = timed(net)
    calling(net, node, peer, ("Session-Expires", "200;refresher=uac"), ("Allow", "UPDATE"))
    net.run(100.2)
    peer.reply(peer.request("UPDATE"), 422, node, headers=[("Min-SE", "300")])
    net.run(0.05)
    update = peer.request("UPDATE")
    assert (update.headers.get("Session-Expires"), update.headers.get("Min-SE")) == ("300", "300")
    peer.reply(update, 491, node)
    net.run(2)
    assert peer.got("UPDATE") == 0
    net.run(2.2)
    peer.reply(peer.request("UPDATE"), 200, node, headers=[("Session-Expires", "300;refresher=uac")])
    net.run(0.05)
    assert node.events == []


def test_a_peer_with_too_small_a_refresh_is_told(net: Net, node: Node, peer: Puppet) -> None:
    _, answer = called(net, node, peer)
    fields = [("Session-Expires", "10"), ("Supported", "timer")]
    send(net, node, peer, peer.within(answer, "UPDATE", node, cseq=2, headers=fields))
    assert peer.response(422).headers.get("Min-SE") == "90"


# INFO, REFER, the rest


def test_info_both_ways(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    body = b"Signal=5\r\nDuration=160\r\n"
    headers = [("Content-Type", "application/dtmf-relay")]
    send(net, node, peer, peer.within(answer, "INFO", node, cseq=2, headers=headers, body=body))
    assert node.take(InfoReceived) == InfoReceived(handle, "application/dtmf-relay", body)
    node.core.info(handle, "text/plain", b"hi")
    net.run(0.05)
    info = peer.request("INFO")
    assert (info.body, info.content_type) == (b"hi", "text/plain")
    peer.reply(info, 415, node)
    net.run(0.05)
    assert node.take(InfoAnswered) == InfoAnswered(handle, 415)
    assert not node.has(CallEnded)


def test_an_info_that_meets_481_ends_the_call(net: Net, node: Node, peer: Puppet) -> None:
    handle, _ = called(net, node, peer)
    node.core.info(handle, "text/plain", b"hi")
    net.run(0.05)
    peer.reply(peer.request("INFO"), 481, node)
    net.run(0.05)
    assert node.take(CallEnded).by == "error"


def notify(answer: Response, node: Node, peer: Puppet, cseq: int, status: int, state: str) -> Request:
    headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag")]
    return peer.within(answer, "NOTIFY", node, cseq=cseq, headers=headers, body=b"SIP/2.0 %d X\r\n" % status)


def test_refer_is_followed_to_its_end(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    node.core.refer(handle, "sip:carol@example.com", (SipHeader("X-Ref", "1"),))
    net.run(0.05)
    refer = peer.request("REFER")
    assert (refer.headers.get("X-Ref"), len(refer.contacts)) == ("1", 1)
    peer.reply(refer, 202, node)
    send(net, node, peer, notify(answer, node, peer, 2, 100, "active"))
    send(net, node, peer, notify(answer, node, peer, 3, 200, "terminated;reason=noresource"))
    send(net, node, peer, notify(answer, node, peer, 4, 200, "terminated;reason=noresource"))
    peer.response(481, "NOTIFY")
    progress = [event for event in node.events if isinstance(event, ReferProgress)]
    assert [(event.status, event.final) for event in progress] == [(202, False), (100, False), (200, True)]


def test_a_refused_refer_is_final(net: Net, node: Node, peer: Puppet) -> None:
    handle, _ = called(net, node, peer)
    node.core.refer(handle, "sip:carol@example.com")
    net.run(0.05)
    peer.reply(peer.request("REFER"), 603, node)
    net.run(0.05)
    assert node.take(ReferProgress) == ReferProgress(handle, 603, final=True)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("OPTIONS", [], 200),
        ("REFER", [("Refer-To", "<sip:x@y>")], 603),
        ("NOTIFY", [("Event", "message-summary")], 489),
        ("NOTIFY", [("Event", "refer;id=3")], 481),
    ],
)
def test_other_requests_in_the_dialog(
    net: Net, node: Node, peer: Puppet, method: str, headers: list[tuple[str, str]], status: int
) -> None:
    _, answer = called(net, node, peer)
    send(net, node, peer, peer.within(answer, method, node, cseq=2, headers=headers))
    peer.response(status, method)
    assert node.events == []


def test_a_bye_tells_its_reason_and_headers(net: Net, node: Node, peer: Puppet) -> None:
    _, answer = called(net, node, peer)
    headers = [("Reason", 'Q.850;cause=16;text="Normal"'), ("X-Last", "1")]
    send(net, node, peer, peer.within(answer, "BYE", node, cseq=2, headers=headers))
    ended = node.take(CallEnded)
    assert ended.reason == headers[0][1]
    assert ended.headers == tuple(SipHeader(name, value) for name, value in headers)
