"""What a core says to strangers: RFC 3261 §8.2 in its order, broken messages, overload, draining, digest."""

import pytest

from ringline.sip.digest import authorize, best
from ringline.sip.events import Challenge, IncomingCall, Refuse, SipHeader
from ringline.sip.flow import Flow
from ringline.sip.message import Response, parse
from ringline.sip.stack import StackSettings, summary
from tests.sip.wire import ANSWER, OFFER, Net, Node, Puppet

pytestmark = pytest.mark.unit

MULTIPART = (
    b"--b\r\nContent-Type: application/rs-metadata+xml\r\n\r\n<x/>\r\n"
    b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=inner\r\n--b--\r\n"
)


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def node(net: Net) -> Node:
    return net.node(5061)


@pytest.fixture
def peer(net: Net) -> Puppet:
    return net.puppet(5062)


def ask(net: Net, node: Node, peer: Puppet, method: str, **fields: object) -> Response:
    """Send one request outside any dialog; the final response to it."""
    request = peer.make(method, node, **fields)  # type: ignore[arg-type]  # fields of many types by name
    peer.send(request, node)
    net.run(0.05)
    [response] = [message for message in peer.inbox if isinstance(message, Response)]
    peer.inbox.clear()
    if method == "INVITE":
        peer.ack_refusal(request, response, node)
    return response


def test_options_says_what_we_can(net: Net, node: Node, peer: Puppet) -> None:
    response = ask(net, node, peer, "OPTIONS")
    assert response.status == 200
    assert response.headers.has_option("Allow", "INVITE")
    assert response.headers.has_option("Supported", "timer")
    assert response.headers.get("Accept") == "application/sdp"


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("PRACK", 405),
        ("FROBNICATE", 501),
        ("invite", 501),
        ("BYE", 481),
        ("UPDATE", 481),
        ("INFO", 481),
        ("NOTIFY", 481),
        ("REFER", 481),
    ],
)
def test_methods_outside_a_dialog(net: Net, node: Node, peer: Puppet, method: str, status: int) -> None:
    response = ask(net, node, peer, method)
    assert response.status == status
    assert (response.headers.get("Allow") is not None) == (status in {405, 501})


def test_requests_for_dialogs_we_do_not_have_are_481(net: Net, node: Node, peer: Puppet) -> None:
    assert ask(net, node, peer, "INVITE", to_tag="gone", body=OFFER).status == 481
    assert ask(net, node, peer, "BYE", to_tag="gone").status == 481
    assert node.events == []


def test_an_unknown_requirement_is_420_naming_it(net: Net, node: Node, peer: Puppet) -> None:
    response = ask(net, node, peer, "INVITE", headers=[("Require", "timer, 100rel, x-new")], body=OFFER)
    assert response.status == 420
    assert response.headers.get_all("Unsupported") == ["100rel", "x-new"]
    peer.send(peer.make("INVITE", node, headers=[("Supported", "100rel")], cseq=2, body=OFFER), node)
    net.run(0.05)
    assert node.take(IncomingCall).sdp == OFFER


def test_no_hops_left_is_483_but_a_ping_is_answered(net: Net, node: Node, peer: Puppet) -> None:
    assert ask(net, node, peer, "INVITE", headers=[("Max-Forwards", "0")], body=OFFER).status == 483
    assert ask(net, node, peer, "OPTIONS", headers=[("Max-Forwards", "0")]).status == 200


def test_the_same_request_by_another_path_is_482(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("INVITE", node, branch="z9hG4bKleft", body=OFFER), node)
    peer.send(peer.make("INVITE", node, branch="z9hG4bKright", body=OFFER), node)
    net.run(0.05)
    assert peer.response(482).top_via.branch == "z9hG4bKright"
    node.take(IncomingCall)
    assert not node.has(IncomingCall)


def test_a_retried_invite_is_not_a_merged_one(net: Net, node: Node, peer: Puppet) -> None:
    node.route = lambda call: Refuse(404)
    assert ask(net, node, peer, "INVITE", cseq=1, body=OFFER).status == 404
    assert ask(net, node, peer, "INVITE", cseq=2, body=OFFER).status == 404


def test_branches_without_the_cookie_match_as_rfc_2543_did(net: Net, node: Node, peer: Puppet) -> None:
    invite = peer.make("INVITE", node, branch="1", body=OFFER)
    other = peer.make("INVITE", node, branch="1", body=OFFER, call_id="another")
    for message in (invite, invite, other):
        peer.send(message, node)
    net.run(0.05)
    first = node.take(IncomingCall)
    second = node.take(IncomingCall)
    assert not node.has(IncomingCall)
    assert {first.call_id, second.call_id} == {"puppet-call", "another"}
    node.core.refuse(first.handle, 486)
    net.run(0.05)
    peer.ack_refusal(invite, peer.response(486), node)
    net.run(6)
    assert peer.got(486) == 0  # the ACK was matched, so nothing was sent again


@pytest.mark.parametrize(
    ("headers", "body", "sdp"),
    [
        ([], OFFER, OFFER),
        ([("Content-Type", "Application/SDP; charset=utf-8")], OFFER, OFFER),
        ([("Content-Type", "")], OFFER, OFFER),
        ([("Content-Type", 'multipart/mixed;boundary="b"')], MULTIPART, b"v=0\r\ns=inner"),
        ([], b"", b""),
    ],
)
def test_the_sdp_is_found(
    net: Net, node: Node, peer: Puppet, headers: list[tuple[str, str]], body: bytes, sdp: bytes
) -> None:
    peer.send(peer.make("INVITE", node, headers=headers, body=body), node)
    net.run(0.05)
    assert node.take(IncomingCall).sdp == sdp


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "text/plain")],
        [("Content-Type", "multipart/mixed;boundary=nowhere")],
        [("Content-Encoding", "gzip")],
    ],
)
def test_bodies_we_cannot_read_are_415(
    net: Net, node: Node, peer: Puppet, headers: list[tuple[str, str]]
) -> None:
    response = ask(net, node, peer, "INVITE", headers=headers, body=b"hello")
    assert (response.status, response.headers.get("Accept")) == (415, "application/sdp")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Contact", "")], 400),
        ([("Contact", "<sip:a@b>, <sip:c@d>")], 400),
        ([("Session-Expires", "30"), ("Supported", "timer")], 422),
    ],
)
def test_invites_that_cannot_become_calls(
    net: Net, node: Node, peer: Puppet, headers: list[tuple[str, str]], status: int
) -> None:
    response = ask(net, node, peer, "INVITE", headers=headers, body=OFFER)
    assert response.status == status
    assert (response.headers.get("Min-SE") == "90") == (status == 422)


def test_the_house_refuses_at_the_door(net: Net, node: Node, peer: Puppet) -> None:
    node.route = lambda call: Refuse(503, "Full", (SipHeader("Retry-After", "9"),))
    response = ask(net, node, peer, "INVITE", body=OFFER)
    assert (response.status, response.reason, response.headers.get("Retry-After")) == (503, "Full", "9")
    assert node.events == []


@pytest.mark.parametrize(
    "refusal",
    [Refuse(200), Refuse(486, "a\r\nb"), Refuse(486, "", (SipHeader("Via", "x"),)), Refuse(700)],
    ids=["success", "phrase", "header", "beyond"],
)
def test_a_refusal_that_cannot_be_sent_is_500(net: Net, node: Node, peer: Puppet, refusal: Refuse) -> None:
    node.route = lambda call: refusal
    assert ask(net, node, peer, "INVITE", body=OFFER).status == 500
    assert node.core.counters["bad_refusals"] == 1


def test_a_challenged_caller_comes_back_with_credentials(net: Net, node: Node, peer: Puppet) -> None:
    calls: list[IncomingCall] = []

    def route(call: IncomingCall) -> Challenge | Refuse:
        calls.append(call)
        return Refuse(403) if call.credential_user else Challenge()

    node.route = route
    challenged = ask(net, node, peer, "INVITE", body=OFFER)
    assert challenged.status == 407
    challenge = best(challenged.headers.get_all("Proxy-Authenticate"))
    assert challenge is not None
    assert challenge.realm == "ringline"

    for password, status in (("wrong", 407), ("wonderland", 403)):
        value = authorize(challenge, "alice", password, "INVITE", node.uri(), cnonce="c", nc=len(calls))
        headers = [("Proxy-Authorization", value)]
        assert (
            ask(net, node, peer, "INVITE", cseq=len(calls) + 1, headers=headers, body=OFFER).status == status
        )
    assert [call.credential_user for call in calls] == [None, None, "alice"]


def test_credentials_for_another_realm_are_not_ours_to_judge(net: Net, node: Node, peer: Puppet) -> None:
    node.route = lambda call: Refuse(404)
    value = 'Digest username="a", realm="elsewhere", nonce="n", uri="sip:h", response="0"'
    for number in range(12):
        headers = [("Proxy-Authorization", value)]
        assert ask(net, node, peer, "INVITE", cseq=number + 1, headers=headers, body=OFFER).status == 404
    assert node.core.counters["silenced"] == 0


def test_replies_go_to_where_the_packet_came_from(net: Net, node: Node, peer: Puppet) -> None:
    request = peer.make("OPTIONS", node, headers=[("Via", "SIP/2.0/UDP 10.1.1.1:7777;branch=z9hG4bKx;rport")])
    peer.send(request, node)
    net.run(0.05)
    via = peer.response(200).top_via
    assert (via.host, via.received, via.rport) == ("10.1.1.1", "127.0.0.1", 5062)


# Broken messages


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"SIP/2.0\r\n", b"SIP/3.0\r\n"), 505),
        ((b"OPTIONS sip:", b"OPTIONS http:"), 416),
        ((b"Max-Forwards: 70", b"Max-Forwards: x"), 400),
        ((b"Content-Length: 0", b"Content-Length: 99"), 400),
        ((b"Max-Forwards: 70", b"Call-ID: two\r\nCall-ID: three"), 400),
    ],
)
def test_what_can_be_answered_is_answered(
    net: Net, node: Node, peer: Puppet, change: tuple[bytes, bytes], status: int
) -> None:
    data = peer.make("OPTIONS", node).serialize().replace(*change, 1)
    peer.send(data, node)
    net.run(0.05)
    response = peer.response(status)
    assert (response.headers.get("Warning") or "").startswith('399 127.0.0.1 "')
    assert response.top_via.received == "127.0.0.1"
    assert node.core.live == 0


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"]
)
def test_what_cannot_be_answered_is_dropped_and_the_next_is_served(
    net: Net, node: Node, peer: Puppet, data: bytes
) -> None:
    peer.send(data, node)
    net.run(0.05)
    assert peer.heard == []
    assert ask(net, node, peer, "OPTIONS").status == 200


def test_a_broken_ack_is_never_answered(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("ACK", node).serialize().replace(b"Max-Forwards: 70", b"Max-Forwards: x"), node)
    net.run(0.05)
    assert peer.heard == []


def test_a_warning_quotes_nothing_dangerous(net: Net, node: Node, peer: Puppet) -> None:
    data = peer.make("OPTIONS", node).serialize().replace(b"Max-Forwards: 70", b'Max-Forwards: "\\\xff\x01')
    peer.send(data, node)
    net.run(0.05)
    warning = peer.response(400).headers.get("Warning") or ""
    assert warning.isascii()
    assert warning.count('"') == 2


# Overload and drain


def test_overload_refuses_new_work_and_nothing_else(net: Net, peer: Puppet) -> None:
    node = net.node(5061, settings=StackSettings(invites_per_s=1, invites_burst=1))
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    node.core.accept(handle, ANSWER)
    net.run(0.05)
    answer = peer.response(200)

    refused = ask(net, node, peer, "INVITE", call_id="other", body=OFFER)
    assert refused.status == 503
    assert 2 <= int(refused.headers.get("Retry-After") or "") <= 10
    assert refused.to.tag
    assert ask(net, node, peer, "REGISTER", call_id="third").status == 503
    assert node.core.counters["overload_refuse"] == 2

    peer.ack(answer, node)
    assert ask(net, node, peer, "OPTIONS", call_id="ping").status == 200
    peer.send(peer.within(answer, "BYE", node, cseq=2), node)
    net.run(0.05)
    assert peer.response(200, "BYE")


def test_copies_of_an_admitted_invite_cost_nothing(net: Net, peer: Puppet) -> None:
    node = net.node(5061, settings=StackSettings(invites_per_s=1, invites_burst=1))
    invite = peer.make("INVITE", node, body=OFFER)
    for _ in range(5):
        peer.send(invite, node)
    net.run(0.05)
    assert peer.got(503) == 0


def test_under_a_flood_even_refusals_end(net: Net, peer: Puppet) -> None:
    node = net.node(5061, settings=StackSettings(invites_per_s=1, invites_burst=1))
    for number in range(40):
        peer.send(peer.make("INVITE", node, call_id=str(number), body=OFFER), node)
    net.run(0.05)
    assert peer.got(503) == 5
    assert node.core.counters["overload_drop"] == 34
    assert node.core.calls == 1


def test_past_the_limit_of_transactions_only_calls_go_on(net: Net, peer: Puppet) -> None:
    node = net.node(5061, settings=StackSettings(max_transactions=3))
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    node.core.accept(node.take(IncomingCall).handle, ANSWER)
    net.run(0.05)
    answer = peer.response(200)
    for number in range(5):
        peer.send(peer.make("OPTIONS", node, call_id=f"ping{number}"), node)
    net.run(0.05)
    assert peer.got(200) == 2
    assert node.core.counters["overload_drop"] == 3
    peer.ack(answer, node)
    peer.send(peer.within(answer, "BYE", node, cseq=2), node)
    net.run(0.05)
    assert peer.response(200, "BYE")


def test_draining_lets_nobody_new_in_and_calls_go_on(net: Net, node: Node, peer: Puppet) -> None:
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    handle = node.take(IncomingCall).handle
    node.core.drain()
    refused = ask(net, node, peer, "INVITE", call_id="late", body=OFFER)
    assert (refused.status, refused.headers.get("Retry-After") is None) == (503, False)
    assert ask(net, node, peer, "OPTIONS", call_id="ping").status == 503
    assert ask(net, node, peer, "REGISTER", call_id="reg").status == 401
    node.core.accept(handle, ANSWER)
    net.run(0.05)
    assert peer.response(200).body == ANSWER


def test_a_finished_server_transaction_lets_its_request_go(net: Net, node: Node, peer: Puppet) -> None:
    ask(net, node, peer, "OPTIONS")
    [transaction] = node.core._layer._servers.values()
    assert transaction.request is None


# The ladder's lines


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", "INVITE sip:a@b"),
        (b"SIP/2.0 200 OK\r\nX: 1\r\ncseq :  7   BYE\r\n\r\n", "200 OK (BYE)"),
        (b"SIP/2.0 486 Busy Here\r\n\r\n", "486 Busy Here"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_summaries(data: bytes, text: str) -> None:
    assert summary(data) == text


def test_tracing_can_be_switched_off(net: Net, peer: Puppet) -> None:
    node = net.node(5061, settings=StackSettings(trace=False))
    assert ask(net, node, peer, "OPTIONS").status == 200
    assert node.seen == []


def test_our_own_messages_parse(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri, from_display='The "Boss", Inc.')
    ask_ = peer.make("OPTIONS", node)
    node.core.receive(Flow("UDP", *peer.address), ask_.serialize(), net.now_ns)
    net.run(0.05)
    assert [parse(packet.data).headers.get("Call-ID") is not None for _, packet in net.log] == [True] * len(
        net.log
    )
    assert peer.request("INVITE").from_.display == 'The "Boss", Inc.'
