"""Nothing that arrives may raise, stop the next request from being answered, or stay for ever."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.sip.events import CallReoffered, Event, IncomingCall, Send, Unreadable
from ringline.sip.flow import Flow
from ringline.sip.message import Response, parse
from ringline.sip.stack import StackSettings
from tests.sip.wire import ANSWER, HOST, OFFER, Net, Node, Packet, Puppet

pytestmark = pytest.mark.unit

CORPUS = sorted((Path(__file__).parent / "torture").glob("*.dat"))
QUIET = StackSettings(session_expires_s=0, trace=False, invites_per_s=1e6, invites_burst=10**6)


def alive(net: Net, node: Node, peer: Puppet, number: int) -> bool:
    """Whether a ping is answered."""
    peer.inbox.clear()
    peer.send(peer.make("OPTIONS", node, call_id=f"ping{number}"), node)
    net.run(0.05)
    return any(
        isinstance(message, Response) and message.status == 200 and message.call_id == f"ping{number}"
        for message in peer.inbox
    )


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_the_next_ping_is_answered_after_every_message_of_the_torture_corpus(transport: str) -> None:
    net = Net()
    node, peer, stranger = net.node(5061, settings=QUIET), net.puppet(5062), ("192.0.2.1", 5060)
    flow = Flow(transport, *stranger, connection=0 if transport == "UDP" else 1)
    assert len(CORPUS) > 50
    for number, path in enumerate(CORPUS):
        node.core.receive(flow, path.read_bytes(), net.now_ns)
        assert alive(net, node, peer, number), path.stem
    for event in list(node.events):
        if isinstance(event, IncomingCall):
            node.core.refuse(event.handle, 486)
    net.run(110)
    assert node.core.live == 0


def answers_everything(node: Node) -> None:
    def react(event: Event) -> None:
        if isinstance(event, IncomingCall):
            node.core.accept(event.handle, ANSWER)
        elif isinstance(event, CallReoffered):
            node.core.accept_reoffer(event.handle, ANSWER)

    node.react = react


def recorded() -> list[Packet]:
    """Every packet of a call with a hold, an INFO, a REFER, a cancelled call and a registration."""
    net = Net()
    caller, callee = net.node(5061, settings=QUIET), net.node(5062, settings=QUIET)
    answers_everything(callee)
    caller.dial(callee.uri())
    net.run(0.1)
    caller.core.reoffer("out", OFFER)
    caller.core.info("out", "text/plain", b"x")
    caller.core.refer("out", "sip:c@d")
    net.run(0.2)
    caller.core.bye("out")
    net.run(0.1)
    callee.react = lambda event: None
    caller.dial(callee.uri(), handle="second")
    net.run(0.3)
    caller.core.cancel("second")
    net.run(0.1)
    return [packet for _, packet in net.log]


PACKETS = recorded()
SPICES = [
    b"\r\n",
    b";",
    b",",
    b"<",
    b'"',
    b"\x00",
    b"\xff",
    b":",
    b"tag=",
    b"9" * 30,
    b"SIP/2.0",
    b"%",
    b"@",
    b" ",
]


def spoil(data: bytes, randomness: random.Random) -> bytes:
    """One to four edits: cut, doubled, spiced, or swapped between lines."""
    for _ in range(randomness.randint(1, 4)):
        at = randomness.randrange(len(data) + 1)
        match randomness.randrange(4):
            case 0:
                data = data[:at] + data[at + randomness.randint(1, 20) :]
            case 1:
                data = data[:at] + data[max(0, at - 30) :]
            case 2:
                data = data[:at] + randomness.choice(SPICES) + data[at:]
            case _:
                lines = data.split(b"\r\n")
                one, other = randomness.randrange(len(lines)), randomness.randrange(len(lines))
                lines[one], lines[other] = lines[other], lines[one]
                data = b"\r\n".join(lines)
    return data


@pytest.mark.parametrize("seed", range(4))
def test_spoiled_packets_in_the_middle_of_real_calls(seed: int) -> None:
    """The cores repeat the recorded identifiers (same seeds), so that what is spoiled still matches."""
    randomness = random.Random(seed)
    net = Net()
    caller, callee = net.node(5061, settings=QUIET), net.node(5062, settings=QUIET)
    peer = net.puppet(5070)
    answers_everything(callee)
    caller.dial(callee.uri())
    nodes = {caller.address: caller, callee.address: callee}
    for number in range(700):
        packet = randomness.choice(PACKETS)
        node = nodes[packet.target]
        flow = Flow("UDP", *packet.source)
        node.core.receive(flow, spoil(packet.data, randomness), net.now_ns)
        if number % 100 == 0:
            net.run(0.05)
            assert alive(net, callee, peer, number)
            assert alive(net, caller, peer, number + 1)
    caller.core.bye("out")
    for node in nodes.values():
        node.react = lambda event: None
        for event in list(node.events):
            if isinstance(event, IncomingCall):
                node.core.bye(event.handle)
    net.run(900)
    assert (caller.core.live, callee.core.live) == (0, 0)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["UDP", "TCP"]))
def test_any_bytes_are_survived(data: bytes, transport: str) -> None:
    node = Net().node(5061, settings=QUIET)
    node.core.receive(Flow(transport, HOST, 9, int(transport == "TCP")), data, 0)
    assert node.core.live == 0
    for output in node.core.poll():
        match output:
            case Unreadable(flow):
                assert flow.host == HOST
            case Send(_, answer):
                assert parse(answer)
            case _:
                pytest.fail(f"{output} with tracing off")


def test_a_stranger_cannot_end_a_call_without_its_tags() -> None:
    net = Net()
    node, peer, stranger = net.node(5061), net.puppet(5062), net.puppet(5063)
    answers_everything(node)
    peer.send(peer.make("INVITE", node, body=OFFER), node)
    net.run(0.05)
    answer = peer.response(200)
    peer.ack(answer, node)
    for to_tag, from_tag in (("x", answer.from_.tag), (answer.to.tag, "x"), ("", "")):
        bye = stranger.make(
            "BYE", node, call_id=answer.call_id, to_tag=to_tag or "", from_tag=from_tag or "q", cseq=9
        )
        stranger.send(bye, node)
    net.run(0.05)
    assert stranger.got(481) == 3
    assert node.core.calls == 1
