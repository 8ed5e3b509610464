"""Our requests on their way: names, transports, challenges."""

import pytest

from ringline.sip.digest import Challenger, Ha1, Outcome
from ringline.sip.events import CallAnswered, CallEnded, CallFailed
from ringline.sip.exchange import Login
from ringline.sip.flow import Flow
from ringline.sip.message import Request
from ringline.sip.stack import StackSettings
from tests.sip.wire import ANSWER, Net, Node, Puppet

pytestmark = pytest.mark.unit

ALICE = Login("alice", "wonderland")


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def node(net: Net) -> Node:
    return net.node(5061)


@pytest.fixture
def peer(net: Net) -> Puppet:
    return net.puppet(5062)


def test_a_name_is_looked_up_and_its_addresses_tried_in_order(net: Net, node: Node, peer: Puppet) -> None:
    node.dial("sip:bob@trunk.example;transport=udp")
    net.run(0.05)
    [question] = node.questions
    assert (question.uri.host, question.uri.transport) == ("trunk.example", "udp")
    assert net.log == []
    node.core.resolved(question.token, (Flow("UDP", *peer.address),), net.now_ns)
    net.run(0.05)
    invite = peer.request("INVITE")
    assert invite.uri == "sip:bob@trunk.example;transport=udp"
    peer.reply(invite, 200, node, body=ANSWER)
    net.run(0.05)
    node.take(CallAnswered)


def test_a_name_without_addresses_is_503(net: Net, node: Node) -> None:
    node.names["nowhere.example"] = ()
    node.dial("sip:bob@nowhere.example")
    net.run(0.05)
    assert node.take(CallFailed).status == 503


@pytest.mark.parametrize(
    ("uri", "transport", "port"),
    [
        ("sip:b@127.0.0.1", "UDP", 5060),
        ("sip:b@127.0.0.1:7000", "UDP", 7000),
        ("sip:b@127.0.0.1;transport=TCP", "TCP", 5060),
        ("sip:b@elsewhere.example;maddr=127.0.0.1", "UDP", 5060),
        ("sip:b@[::1]:5080", "UDP", 5080),
    ],
)
def test_where_addresses_lead(net: Net, node: Node, uri: str, transport: str, port: int) -> None:
    node.dial(uri)
    net.run(0.05)
    [(_, packet)] = net.log
    assert packet.target[1] == port
    assert f"Via: SIP/2.0/{transport} ".encode() in packet.data


def test_the_wished_transport_stands_in_the_request_uri(net: Net, node: Node) -> None:
    node.dial("sip:b@127.0.0.1", transport="tcp")
    net.run(0.05)
    [(_, packet)] = net.log
    assert packet.first == "INVITE sip:b@127.0.0.1;transport=tcp"
    assert b"Contact: <sip:alice@127.0.0.1:5061;transport=tcp>" in packet.data


def test_a_transport_we_do_not_have_is_503(net: Net, peer: Puppet) -> None:
    node = net.node(5061, settings=StackSettings(transports=frozenset({"UDP"})))
    node.dial("sip:b@127.0.0.1;transport=tcp")
    net.run(0.05)
    assert node.take(CallFailed).status == 503


# Challenges


def challenge(
    request: Request, realm: str = "trunk", *, stale: bool = False, nonce: str = "n1"
) -> tuple[str, str]:
    name = "Proxy-Authenticate" if realm == "proxy" else "WWW-Authenticate"
    suffix = ", stale=true" if stale else ""
    return name, f'Digest realm="{realm}", nonce="{nonce}", qop="auth", algorithm=MD5{suffix}'


def test_a_challenged_invite_comes_again_and_is_right(net: Net, node: Node, peer: Puppet) -> None:
    server = Challenger(b"0123456789abcdef", "trunk")
    node.dial(peer.uri, login=ALICE)
    net.run(0.05)
    first = peer.request("INVITE")
    [value] = server.challenge(net.now_ns)
    peer.reply(first, 401, node, headers=[("WWW-Authenticate", value)])
    net.run(0.05)
    assert peer.request("ACK").cseq.number == 1
    second = peer.request("INVITE")
    assert second.cseq.number == 2
    assert (second.call_id, second.from_.tag) == (first.call_id, first.from_.tag)
    assert second.top_via.branch != first.top_via.branch
    verified = server.verify(
        second.headers.get("Authorization") or "",
        lambda user: Ha1.of(user, "trunk", "wonderland"),
        "INVITE",
        net.now_ns,
    )
    assert verified.outcome is Outcome.VALID
    peer.reply(second, 200, node, body=ANSWER)
    net.run(0.05)
    node.take(CallAnswered)
    ack = peer.request("ACK")
    assert ack.cseq.number == 2
    assert ack.headers.get("Authorization") == second.headers.get("Authorization")
    # The dialog goes on from the number last used, and answers challenges too.
    node.core.bye("out")
    net.run(0.05)
    bye = peer.request("BYE")
    assert bye.cseq.number == 3
    peer.reply(bye, 407, node, headers=[challenge(bye, "proxy")])
    net.run(0.05)
    again = peer.request("BYE")
    assert again.cseq.number == 4
    assert again.headers.get("Proxy-Authorization") is not None
    peer.reply(again, 200, node)
    net.run(0.05)
    assert node.take(CallEnded).by == "local"


def test_a_proxy_and_the_server_behind_it_may_both_ask(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri, login=ALICE)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 407, node, headers=[challenge(invite, "proxy")])
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 401, node, headers=[challenge(invite)])
    net.run(0.05)
    invite = peer.request("INVITE")
    assert invite.headers.get("Proxy-Authorization") is not None
    assert invite.headers.get("Authorization") is not None


def test_the_same_question_again_means_that_the_answer_was_wrong(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri, login=ALICE)
    for expected in (1, 2):
        net.run(0.05)
        invite = peer.request("INVITE")
        assert invite.cseq.number == expected
        peer.reply(invite, 401, node, headers=[challenge(invite)])
    net.run(0.05)
    assert peer.got("INVITE") == 0
    assert node.take(CallFailed).status == 401


def test_a_stale_nonce_is_answered_once_more(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri, login=ALICE)
    for number, stale in ((1, False), (2, True), (3, True)):
        net.run(0.05)
        invite = peer.request("INVITE")
        assert invite.cseq.number == number
        peer.reply(invite, 401, node, headers=[challenge(invite, stale=stale, nonce=f"n{number}")])
    net.run(0.05)
    assert peer.got("INVITE") == 0
    assert node.take(CallFailed).status == 401


@pytest.mark.parametrize(
    "headers", [[], [("WWW-Authenticate", "Basic realm=x")], [("WWW-Authenticate", "Digest garbage")]]
)
def test_challenges_we_cannot_meet_fail_the_call(
    net: Net, node: Node, peer: Puppet, headers: list[tuple[str, str]]
) -> None:
    node.dial(peer.uri, login=ALICE)
    net.run(0.05)
    peer.reply(peer.request("INVITE"), 401, node, headers=headers)
    net.run(0.05)
    assert node.take(CallFailed).status == 401


def test_without_credentials_a_challenge_is_a_failure(net: Net, node: Node, peer: Puppet) -> None:
    node.dial(peer.uri)
    net.run(0.05)
    invite = peer.request("INVITE")
    peer.reply(invite, 407, node, headers=[challenge(invite, "proxy")])
    net.run(0.05)
    assert node.take(CallFailed).status == 407
