"""The races of SIP, one test each, in virtual time: loss, crossing and lateness at every awkward moment."""

from collections.abc import Callable

import pytest

from ringline.core.clock import MILLISECOND
from ringline.sip.events import (
    CallAcked,
    CallAnswered,
    CallCancelled,
    CallEnded,
    CallFailed,
    CallProgress,
    CallReofferAnswered,
    CallReoffered,
    Event,
    IncomingCall,
    InfoReceived,
    ReferProgress,
)
from ringline.sip.exchange import Login
from ringline.sip.flow import Flow
from ringline.sip.message import Request, Response
from tests.sip.wire import ANSWER, HOST, OFFER, Net, Node, Packet, Puppet

pytestmark = pytest.mark.unit


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def node(net: Net) -> Node:
    return net.node(5061)


@pytest.fixture
def peer(net: Net) -> Puppet:
    return net.puppet(5062)


def clean(net: Net, node: Node) -> None:
    """Nothing is left once every timer has run out."""
    net.run(110)
    assert node.core.live == 0


def called(net: Net, node: Node, peer: Puppet) -> tuple[str, Response]:
    """An incoming call from the puppet, answered and acknowledged: its handle and our 200."""
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    node.core.accept(handle, ANSWER)
    net.run(0.05)
    answer = peer.response(200)
    peer.ack(answer, node)
    net.run(0.05)
    node.take(CallAcked)
    return handle, answer


def accepting(node: Node, handle: str) -> Callable[[Event], None]:
    """Answers every offer of the peer at once."""

    def react(event: Event) -> None:
        if isinstance(event, CallReoffered):
            node.core.accept_reoffer(handle, ANSWER)

    return react


# CANCEL


def test_cancel_before_any_provisional_waits_for_one(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    node.core.cancel("out")
    net.run(0.3)
    assert peer.got("CANCEL") == 0
    invite = peer.request("INVITE")
    peer.reply(invite, 180, node)
    net.run(0.05)
    cancel = peer.request("CANCEL")
    assert cancel.top_via.branch == invite.top_via.branch
    assert cancel.uri == invite.uri
    peer.reply(cancel, 200, node)
    peer.reply(invite, 487, node)
    net.run(0.05)
    assert node.take(CallFailed).status == 487
    assert peer.request("ACK").to.tag == "puppet"
    clean(net, node)


def test_cancel_that_no_response_ever_releases_ends_with_timer_b(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    node.core.cancel("out")
    net.run(33)
    assert peer.got("CANCEL") == 0
    assert node.take(CallFailed).status == 487
    clean(net, node)


def test_a_200_that_crosses_cancel_gets_ack_then_bye(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 180, node)
    net.run(0.05)
    node.core.cancel("out")
    peer.reply(invite, 200, node, body=ANSWER)
    net.run(0.05)
    assert node.take(CallFailed).status == 487
    assert not node.has(CallAnswered)
    names = [m.method for _, m in peer.heard if isinstance(m, Request)]
    assert names == ["INVITE", "CANCEL", "ACK", "BYE"]
    bye = peer.request("BYE")
    assert bye.to.tag == "puppet"
    peer.reply(bye, 200, node)
    peer.reply(invite, 200, node, body=ANSWER)  # its copy
    net.run(0.05)
    assert peer.got("ACK") == 2
    clean(net, node)


def test_a_callee_that_ignores_cancel_is_given_up_after_32_s(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 180, node)
    net.run(0.05)
    node.core.cancel("out")
    net.run(31)
    assert not node.has(CallFailed)
    net.run(2)
    assert node.take(CallFailed).status == 487
    # Somebody picks up after all, when nobody is there any more.
    peer.reply(invite, 200, node, body=ANSWER)
    net.run(0.05)
    assert (peer.got("ACK"), peer.got("BYE")) == (1, 1)
    assert not node.has(CallAnswered)
    clean(net, node)


def test_a_copy_of_cancel_is_answered_again_and_does_nothing(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, body=OFFER)
    peer.send(invite, node)
    net.run(0.05)
    for _ in range(2):
        peer.cancel(invite, node)
        net.run(0.05)
    assert [m.status for _, m in peer.heard if isinstance(m, Response) and m.cseq.method == "CANCEL"] == [
        200,
        200,
    ]
    refusal = peer.response(487)
    assert peer.got(487) == 0
    node.take(CallCancelled)
    assert not node.has(CallCancelled)
    peer.ack_refusal(invite, refusal, node)
    clean(net, node)


def test_cancel_after_our_200_changes_nothing(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, body=OFFER)
    peer.send(invite, node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    node.core.accept(handle, ANSWER)
    peer.cancel(invite, node)
    net.run(0.05)
    answer = peer.response(200, "INVITE")
    peer.response(200, "CANCEL")
    peer.ack(answer, node)
    net.run(0.05)
    node.take(CallAcked)
    assert not node.has(CallCancelled)
    assert not node.has(CallEnded)


def test_cancel_of_an_unknown_invite_is_481(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, body=OFFER)
    peer.cancel(invite, node)
    net.run(0.05)
    assert peer.response(481).cseq.method == "CANCEL"
    clean(net, node)


def test_accept_after_cancel_does_nothing(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, body=OFFER)
    peer.send(invite, node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    peer.cancel(invite, node)
    net.run(0.05)
    node.core.accept(handle, ANSWER)
    net.run(0.05)
    assert peer.got(200) == 1  # the CANCEL's


def test_an_answer_that_crosses_our_cancel_command_is_left_with_bye(
    net: Net, node: Node, peer: Puppet
) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 200, node, body=ANSWER)
    net.run(0.05)
    node.core.cancel("out", "changed my mind")  # CallAnswered is still unread
    net.run(0.05)
    bye = peer.request("BYE")
    assert bye.headers.get("Reason") == 'SIP;cause=200;text="changed my mind"'
    peer.reply(bye, 200, node)
    net.run(0.05)
    assert node.take(CallEnded).by == "local"
    clean(net, node)


def test_401_after_cancel_is_not_answered_with_credentials(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri, login=Login("alice", "wonderland"))
    net.run(0.05)
    node.core.cancel("out")
    invite = peer.request("INVITE")
    challenge = ("WWW-Authenticate", 'Digest realm="x", nonce="n", qop="auth"')
    peer.reply(invite, 401, node, headers=[challenge])
    net.run(0.05)
    assert peer.got("INVITE") == 0
    assert peer.got("ACK") == 1
    assert node.take(CallFailed).status == 487
    clean(net, node)


def test_addresses_that_come_after_cancel_are_not_used(net: Net, node: Node, peer: Puppet) -> None:
    node.dial("sip:bob@phones.example")
    net.run(0.05)
    question = node.questions[0]
    assert question.uri.host == "phones.example"
    node.core.cancel("out")
    net.run(0.05)
    assert node.take(CallFailed).status == 487
    node.core.resolved(question.token, (Flow("UDP", *peer.address),), net.now_ns)
    net.run(1)
    assert peer.heard == []
    clean(net, node)


# 2xx and ACK


def test_a_lost_200_is_sent_again_until_the_ack(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, body=OFFER)
    peer.send(invite, node)
    net.run(0.05)
    node.core.accept(node.take(IncomingCall).handle, ANSWER)
    net.run(12)
    sent = [round(at - peer.times(200)[0], 1) for at in peer.times(200)]
    assert sent == [0, 0.5, 1.5, 3.5, 7.5, 11.5]
    peer.ack(peer.response(200), node)
    net.run(10)
    assert len(peer.times(200)) == 6
    node.take(CallAcked)


def test_the_200_is_repeated_on_tcp_too(net: Net, node: Node) -> None:
    peer = net.puppet(5070, "TCP")
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    node.core.accept(node.take(IncomingCall).handle, ANSWER)
    net.run(2)
    assert len(peer.times(200)) == 3


def test_no_ack_in_32_s_ends_the_call_with_bye(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    node.core.accept(node.take(IncomingCall).handle, ANSWER)
    net.run(33)
    peer.reply(peer.request("BYE"), 200, node)
    net.run(0.05)
    ended = node.take(CallEnded)
    assert (ended.by, ended.reason) == ("error", "no ACK")
    clean(net, node)


def test_bye_waits_for_the_ack(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    node.core.accept(handle, ANSWER)
    node.core.bye(handle)
    net.run(1)
    assert peer.got("BYE") == 0
    peer.ack(peer.response(200), node)
    net.run(0.05)
    peer.reply(peer.request("BYE"), 200, node)
    net.run(0.05)
    assert node.take(CallEnded).by == "local"
    clean(net, node)


def test_a_lost_ack_is_sent_again_for_each_copy_of_the_200(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    for _ in range(3):
        peer.reply(invite, 200, node, body=ANSWER)
        net.run(1)
    acks = [m for _, m in peer.heard if isinstance(m, Request) and m.method == "ACK"]
    assert len(acks) == 3
    assert len({ack.serialize() for ack in acks}) == 1
    node.take(CallAnswered)
    assert not node.has(CallAnswered)


def test_a_copy_of_the_invite_after_the_200_makes_no_second_call(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, body=OFFER)
    peer.send(invite, node)
    net.run(0.05)
    node.core.accept(node.take(IncomingCall).handle, ANSWER)
    net.run(0.05)
    peer.send(invite, node)
    net.run(0.05)
    assert not node.has(IncomingCall)
    assert peer.got(200) == 1  # its own repetition covers the copy (RFC 6026 §7.1)


def test_a_200_after_timer_b_is_acknowledged_and_left(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(33)
    assert node.take(CallFailed).status == 408
    peer.reply(peer.request("INVITE"), 200, node, body=ANSWER)
    net.run(0.05)
    assert (peer.got("ACK"), peer.got("BYE")) == (1, 1)
    assert not node.has(CallAnswered)
    clean(net, node)


def test_a_200_for_a_call_nobody_knows_is_counted(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    invite.headers.replace_top(
        "Via", str(invite.top_via).replace(invite.top_via.branch or "", "z9hG4bKother")
    )
    invite.headers.set("Call-ID", "other")
    peer.reply(invite, 200, node)
    net.run(0.05)
    assert node.core.counters["stray_responses"] == 1
    assert peer.got("ACK") == 0


# Forks


def test_two_forks_answer_and_the_later_is_left(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 180, node, tag="a")
    peer.reply(invite, 180, node, tag="b")
    net.run(0.05)
    peer.reply(invite, 200, node, tag="b", body=ANSWER)
    peer.reply(invite, 200, node, tag="a", body=ANSWER)
    net.run(0.05)
    node.take(CallAnswered)
    assert not node.has(CallAnswered)
    assert {peer.request("ACK").to.tag, peer.request("ACK").to.tag} == {"a", "b"}
    loser = peer.request("BYE")
    assert loser.to.tag == "a"
    peer.reply(loser, 200, node)
    node.core.bye("out")
    net.run(0.05)
    winner = peer.request("BYE")
    assert winner.to.tag == "b"
    peer.reply(winner, 200, node)
    net.run(0.05)
    assert node.take(CallEnded).by == "local"
    clean(net, node)


def test_early_media_of_one_fork_then_the_answer_of_another(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 183, node, tag="a", body=ANSWER)
    peer.reply(invite, 200, node, tag="b", body=OFFER)
    net.run(0.05)
    assert node.take(CallProgress).sdp == ANSWER
    assert node.take(CallAnswered).sdp == OFFER
    assert peer.request("ACK").to.tag == "b"
    info = peer.inside(invite, "INFO", node, tag="a")
    peer.send(info, node)
    net.run(0.05)
    assert peer.got(481) == 1  # the losing early dialog is over
    assert not node.has(InfoReceived)


def test_a_hundred_forks_cost_bounded_memory(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    for number in range(100):
        peer.reply(invite, 200, node, tag=f"t{number}", body=ANSWER)
    net.run(0.05)
    assert peer.got("ACK") <= 20
    node.take(CallAnswered)


# BYE


def test_both_hang_up_at_once(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    node.core.bye(handle)
    peer.send(peer.within(answer, "BYE", node, cseq=2), node)
    net.run(0.05)
    assert peer.response(200, "BYE")
    peer.reply(peer.request("BYE"), 481, node)
    net.run(0.05)
    assert node.take(CallEnded).by == "local"
    assert not node.has(CallEnded)
    clean(net, node)


def test_bye_lost_is_sent_again_and_answered_from_the_cache(net: Net, node: Node, peer: Puppet) -> None:
    _, answer = called(net, node, peer)
    bye = peer.within(answer, "BYE", node, cseq=2)
    for _ in range(3):
        peer.send(bye, node)
        net.run(2)
    assert peer.got(200) == 3
    assert node.take(CallEnded).by == "remote"
    assert not node.has(CallEnded)
    clean(net, node)


def test_bye_that_nobody_answers_ends_the_call_after_32_s(net: Net, node: Node, peer: Puppet) -> None:
    handle, _ = called(net, node, peer)
    node.core.bye(handle)
    net.run(31)
    assert not node.has(CallEnded)
    net.run(2)
    assert node.take(CallEnded).by == "local"
    clean(net, node)


def test_bye_ends_a_reinvite_that_waits_for_us(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    peer.send(peer.within(answer, "INVITE", node, cseq=2, body=OFFER), node)
    net.run(0.05)
    node.take(CallReoffered)
    peer.send(peer.within(answer, "BYE", node, cseq=3), node)
    net.run(0.05)
    assert peer.response(200, "BYE")
    assert peer.response(487, "INVITE")
    node.take(CallEnded)
    node.core.accept_reoffer(handle, ANSWER)
    net.run(0.05)
    assert peer.got(200) == 0


def test_reinvite_that_crosses_our_bye_is_481(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    node.core.bye(handle)
    peer.send(peer.within(answer, "INVITE", node, cseq=2, body=OFFER), node)
    net.run(0.05)
    assert peer.response(481, "INVITE")
    assert not node.has(CallReoffered)


def test_early_bye_is_a_cancel(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, body=OFFER)
    peer.send(invite, node)
    net.run(0.05)
    node.core.ring(node.take(IncomingCall).handle)
    net.run(0.05)
    early = peer.response(180)
    peer.send(peer.within(early, "BYE", node, cseq=2), node)
    net.run(0.05)
    assert peer.response(200, "BYE")
    peer.ack_refusal(invite, peer.response(487, "INVITE"), node)
    node.take(CallCancelled)
    clean(net, node)


# Offers that meet


def test_reinvite_before_the_ack_is_500_with_retry_after(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    node.core.accept(node.take(IncomingCall).handle, ANSWER)
    net.run(0.05)
    answer = peer.response(200)
    peer.send(peer.within(answer, "INVITE", node, cseq=2, body=OFFER), node)
    net.run(0.05)
    refusal = peer.response(500)
    assert 0 <= int(refusal.headers.get("Retry-After") or "") <= 10
    assert not node.has(CallReoffered)


def test_offers_that_cross_are_491_and_ours_is_tried_again(net: Net) -> None:
    caller, callee = net.node(5061), net.node(5062)
    caller.dial(callee.uri())
    net.run(0.05)
    incoming = callee.take(IncomingCall).handle
    callee.core.accept(incoming, ANSWER)
    net.run(0.1)
    callee.take(CallAcked)
    for node, handle in ((caller, "out"), (callee, incoming)):
        node.react = accepting(node, handle)
    start = net.seconds
    caller.core.reoffer("out", OFFER + b"a=caller\r\n")
    callee.core.reoffer(incoming, OFFER + b"a=callee\r\n")
    net.run(10)
    assert caller.take(CallReofferAnswered).status == 200
    assert callee.take(CallReofferAnswered).status == 200
    assert caller.take(CallReoffered).sdp.endswith(b"callee\r\n")
    assert callee.take(CallReoffered).sdp.endswith(b"caller\r\n")
    again = {
        packet.source: at - start
        for at, packet in net.log
        if packet.first.startswith("INVITE") and at > start + 0.015
    }
    assert 2.1 <= again[caller.address] <= 4.2  # the owner of the Call-ID waits longer (RFC 3261 §14.1)
    assert again[callee.address] <= 2.1
    clean_pair = [node.core.calls for node in (caller, callee)]
    assert clean_pair == [1, 1]


def test_update_with_an_offer_that_meets_ours_is_491(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    node.core.reoffer(handle, OFFER)
    net.run(0.05)
    peer.send(peer.within(answer, "UPDATE", node, cseq=2, body=OFFER), node)
    net.run(0.05)
    assert peer.response(491, "UPDATE")
    assert not node.has(CallReoffered)


def test_a_second_offer_of_the_peer_while_its_first_is_open_is_500(
    net: Net, node: Node, peer: Puppet
) -> None:
    handle, answer = called(net, node, peer)
    peer.send(peer.within(answer, "INVITE", node, cseq=2, body=OFFER), node)
    peer.send(peer.within(answer, "UPDATE", node, cseq=3, body=OFFER), node)
    net.run(0.05)
    assert peer.response(500, "UPDATE")
    node.core.accept_reoffer(handle, ANSWER)
    net.run(0.05)
    assert peer.response(200, "INVITE").body == ANSWER


def test_our_offer_waits_until_the_peers_is_through(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    peer.send(peer.within(answer, "INVITE", node, cseq=2, body=OFFER), node)
    net.run(0.05)
    node.core.reoffer(handle, OFFER)
    node.core.accept_reoffer(handle, ANSWER)
    net.run(0.05)
    assert peer.got("INVITE") == 0
    peer.ack(peer.response(200, "INVITE"), node)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 200, node, body=ANSWER)
    net.run(0.05)
    assert node.take(CallReofferAnswered).sdp == ANSWER


# Elsewhere


def test_prack_is_481_for_we_never_send_a_reliable_1xx(net: Net, node: Node, peer: Puppet) -> None:
    _, answer = called(net, node, peer)
    prack = peer.within(answer, "PRACK", node, cseq=2, headers=[("RAck", "1 1 INVITE")])
    peer.send(prack, node)
    net.run(0.05)
    assert peer.response(481, "PRACK")


def test_refer_then_bye_before_any_notify(net: Net, node: Node, peer: Puppet) -> None:
    handle, answer = called(net, node, peer)
    node.core.refer(handle, "sip:carol@example.com")
    net.run(0.05)
    refer = peer.request("REFER")
    assert refer.headers.get("Refer-To") == "<sip:carol@example.com>"
    peer.reply(refer, 202, node)
    net.run(0.05)
    assert node.take(ReferProgress) == ReferProgress(handle, 202, final=False)
    peer.send(peer.within(answer, "BYE", node, cseq=2), node)
    net.run(0.05)
    node.take(CallEnded)
    notify = peer.within(answer, "NOTIFY", node, cseq=3, headers=[("Event", "refer")])
    peer.send(notify, node)
    net.run(0.05)
    assert peer.response(481, "NOTIFY")
    clean(net, node)


def test_a_closed_connection_fails_the_invite_over_to_the_next_address(
    net: Net, node: Node, peer: Puppet
) -> None:
    dead = Flow("TCP", "127.0.0.9", 5060)
    node.names["trunk.example"] = (dead, Flow("UDP", *peer.address))
    node.dial("sip:bob@trunk.example")
    net.run(0.05)
    assert net.log[0][1].target == ("127.0.0.9", 5060)
    node.core.unreachable(dead, net.now_ns)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 200, node, body=ANSWER)
    net.run(0.05)
    node.take(CallAnswered)
    assert not node.has(CallFailed)


def test_503_and_silence_move_on_too_and_the_last_word_counts(net: Net, node: Node, peer: Puppet) -> None:
    other = net.puppet(5063)
    node.names["trunk.example"] = tuple(
        Flow("UDP", *address) for address in (peer.address, ("127.0.0.1", 9), other.address)
    )
    node.dial("sip:bob@trunk.example")
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 503, node, headers=[("Retry-After", "7")])
    net.run(33)
    peer.reply(other.request("INVITE"), 503, node)
    net.run(0.05)
    failed = node.take(CallFailed)
    assert (failed.status, node.has(CallFailed)) == (503, False)
    clean(net, node)


def test_a_connection_lost_with_nowhere_else_to_go_is_503(net: Net, node: Node) -> None:
    node.dial("sip:bob@127.0.0.9;transport=tcp")
    net.run(0.05)
    node.core.unreachable(Flow("TCP", "127.0.0.9", 5060), net.now_ns)
    net.run(0.05)
    assert node.take(CallFailed).status == 503
    clean(net, node)


def test_info_before_invite_finishes_uses_the_early_dialog(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 183, node)
    net.run(0.05)
    node.core.info("out", "text/plain", b"hello")
    net.run(0.05)
    info = peer.request("INFO")
    assert (info.body, info.to.tag, info.cseq.number) == (b"hello", "puppet", 2)


def test_reordered_provisional_after_the_answer_is_ignored(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    net.delay_ns = lambda packet: [(50 if packet.first == "SIP/2.0 180" else 10) * MILLISECOND]
    peer.reply(invite, 180, node)
    peer.reply(invite, 200, node, body=ANSWER)
    net.run(0.2)
    node.take(CallAnswered)
    assert not node.has(CallProgress)


def test_every_message_is_shown_in_order_with_its_call(net: Net, node: Node, peer: Puppet) -> None:
    handle, _ = called(net, node, peer)
    ladder = [(seen.direction, seen.summary, seen.handle) for seen in node.seen]
    assert ladder == [
        ("in", f"INVITE {node.uri()}", handle),
        ("out", "200 OK (INVITE)", handle),
        ("in", f"ACK {node.uri()}", handle),
    ]


def test_a_lost_packet_of_any_kind_does_not_lose_the_call(net: Net) -> None:
    for lost in ("INVITE", "SIP/2.0 180", "SIP/2.0 200", "ACK", "BYE"):
        net = Net()
        caller, callee = net.node(5061), net.node(5062)
        net.drop(lost)
        caller.dial(callee.uri())
        net.run(1)
        incoming = callee.take(IncomingCall).handle
        callee.core.ring(incoming)
        net.run(1)
        callee.core.accept(incoming, ANSWER)
        net.run(2)
        caller.take(CallAnswered)
        callee.take(CallAcked)
        caller.core.bye("out")
        net.run(2)
        assert (caller.take(CallEnded).by, callee.take(CallEnded).by) == ("local", "remote"), lost
        net.run(110)
        assert (caller.core.live, callee.core.live) == (0, 0), lost


def test_packets_to_nowhere_are_not_an_error(net: Net, node: Node) -> None:
    node.core.receive(Flow("UDP", HOST, 1), b"\r\n\r\n", 0)
    node.core.receive(Flow("UDP", HOST, 1), b"\x00" * 50, 0)
    assert node.core.poll() != []
    assert node.core.counters["keepalives"] == 1
    assert node.core.counters["malformed"] == 1
    assert isinstance(Packet(("a", 1), ("b", 2), b"x y z").first, str)
