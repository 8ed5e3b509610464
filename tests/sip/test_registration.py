"""REGISTER between cores: our registrar, our client, and calls over what they agree."""

from itertools import pairwise

import pytest

from ringline.sip.digest import authorize, best
from ringline.sip.events import (
    CallAnswered,
    CallEnded,
    IncomingCall,
    RegisterOutcome,
    RegistrationChanged,
)
from ringline.sip.exchange import Login
from ringline.sip.flow import Flow
from ringline.sip.message import Response
from ringline.sip.stack import StackSettings
from tests.sip.wire import ANSWER, Net, Node, Puppet

pytestmark = pytest.mark.unit

ALICE = Login("alice", "wonderland")


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def server(net: Net) -> Node:
    return net.node(5061)


@pytest.fixture
def phone(net: Net) -> Node:
    return net.node(5062)


@pytest.fixture
def peer(net: Net) -> Puppet:
    return net.puppet(5063)


def address(server: Node, user: str = "alice") -> str:
    return server.uri(user)


def test_a_phone_registers_refreshes_and_leaves(net: Net, server: Node, phone: Node) -> None:
    phone.core.register("r", address(server), ALICE, 120)
    net.run(0.1)
    assert phone.take(RegisterOutcome) == RegisterOutcome("r", 200, "OK", 120)
    assert server.take(RegistrationChanged) == RegistrationChanged("alice", "sip:alice@127.0.0.1:5062", 120)
    found = server.core.registered("alice")
    assert found is not None
    assert found.flow == Flow("UDP", "127.0.0.1", 5062)

    net.run(300)  # well past the first lifetime
    assert server.core.registered("alice") is not None
    outcomes = [event for event in phone.events if isinstance(event, RegisterOutcome)]
    assert {outcome.status for outcome in outcomes} == {200}
    assert 3 <= len(outcomes) <= 5

    phone.core.unregister("r")
    net.run(0.1)
    assert server.core.registered("alice") is None
    assert phone.events[-1] == RegisterOutcome("r", 200, "OK", 0)
    net.run(110)
    assert (server.core.live, phone.core.live) == (0, 0)


def test_a_binding_runs_out_when_its_phone_is_gone(net: Net, server: Node, phone: Node) -> None:
    phone.core.register("r", address(server), ALICE, 120)
    net.run(0.1)
    server.take(RegistrationChanged)
    net.delay_ns = lambda packet: []
    net.run(121)
    assert server.take(RegistrationChanged).expires_s == 0
    assert server.core.registered("alice") is None


@pytest.mark.parametrize("login", [Login("alice", "wrong"), Login("nobody", "x")])
def test_wrong_passwords_and_unknown_users_look_the_same(
    net: Net, server: Node, phone: Node, login: Login
) -> None:
    phone.core.register("r", address(server, login.username), login, 120)
    net.run(0.1)
    outcome = phone.take(RegisterOutcome)
    assert (outcome.status, outcome.reason) == (401, "Unauthorized")
    assert server.core.registered(login.username) is None


def test_one_user_cannot_register_another(net: Net, server: Node, phone: Node) -> None:
    phone.core.register("r", address(server, "bob"), ALICE, 120)
    net.run(0.1)
    assert phone.take(RegisterOutcome).status == 403
    assert server.core.registered("bob") is None


def test_a_refused_client_tries_again_later_and_later(net: Net, server: Node, phone: Node) -> None:
    phone.core.register("r", address(server), Login("alice", "wrong"), 120)
    net.run(500)
    tries = [at for at, packet in net.log if packet.source == phone.address]
    waits = [round(later - earlier) for earlier, later in pairwise(tries) if later - earlier > 1]
    assert waits == sorted(waits)
    assert 15 <= waits[0] <= 30
    assert len(waits) >= 3


def test_guessing_meets_silence(net: Net, server: Node, peer: Puppet) -> None:
    credentials = 'Digest username="alice", realm="ringline", nonce="x", uri="sip:h", response="0"'
    for number in range(12):
        request = peer.make(
            "REGISTER",
            server,
            cseq=number + 1,
            headers=[("Authorization", credentials)],
            call_id=f"c{number}",
        )
        peer.send(request, server)
        net.run(0.1)
    assert peer.got(401) == 10
    assert server.core.counters["silenced"] == 2
    net.run(61)
    peer.send(peer.make("REGISTER", server, call_id="later"), server)
    net.run(0.1)
    assert peer.got(401) == 11


def test_a_stale_nonce_is_challenged_again_and_the_client_answers(
    net: Net, server: Node, phone: Node
) -> None:
    phone.core.register("r", address(server), ALICE, 3600)
    net.run(3600)  # the refresh comes with credentials for a nonce that has long run out
    outcomes = [event.status for event in phone.events if isinstance(event, RegisterOutcome)]
    assert outcomes == [200, 200]


def test_423_makes_the_client_ask_for_longer(net: Net, server: Node, phone: Node) -> None:
    phone.core.register("r", address(server), ALICE, 20)
    net.run(0.2)
    assert phone.take(RegisterOutcome).expires_s == 60


def test_both_algorithms_are_understood(net: Net, phone: Node) -> None:
    settings = StackSettings(digest_algorithms=("SHA-256", "MD5"))
    server = net.node(5065, settings=settings)
    phone.core.register("r", address(server), ALICE, 120)
    net.run(0.1)
    assert phone.take(RegisterOutcome).status == 200
    [register] = [p for _, p in net.log if b"\r\nAuthorization" in p.data]
    assert b"algorithm=SHA-256" in register.data


def authorized(
    net: Net, server: Node, peer: Puppet, *, cseq: int, headers: list[tuple[str, str]]
) -> Response:
    """Send a REGISTER of alice, answering the challenge; returns the final response."""
    common = [("To", f"<{address(server)}>"), ("From", f"<{address(server)}>;tag=f")]
    peer.send(peer.make("REGISTER", server, cseq=cseq, headers=[*common, *headers]), server)
    net.run(0.05)
    challenge = best(peer.response(401).headers.get_all("WWW-Authenticate"))
    assert challenge is not None
    value = authorize(challenge, "alice", "wonderland", "REGISTER", server.uri(), cnonce="c")
    request = peer.make(
        "REGISTER", server, cseq=cseq + 1, headers=[*common, *headers, ("Authorization", value)]
    )
    peer.send(request, server)
    net.run(0.05)
    [response] = [message for message in peer.inbox if isinstance(message, Response)]
    peer.inbox.clear()
    return response


def test_contact_star(net: Net, server: Node, peer: Puppet) -> None:
    first = authorized(net, server, peer, cseq=1, headers=[("Expires", "600")])
    assert first.contacts[0].params.get("expires") == "600"
    refused = authorized(net, server, peer, cseq=3, headers=[("Contact", "*"), ("Expires", "1")])
    assert refused.status == 400
    gone = authorized(net, server, peer, cseq=5, headers=[("Contact", "*"), ("Expires", "0")])
    assert (gone.status, gone.contacts) == (200, ())
    assert server.core.registered("alice") is None


def test_a_register_without_contact_asks_what_stands(net: Net, server: Node, peer: Puppet) -> None:
    authorized(net, server, peer, cseq=1, headers=[("Expires", "600")])
    answer = authorized(net, server, peer, cseq=3, headers=[("Contact", "")])
    assert [str(contact.uri) for contact in answer.contacts] == [peer.uri]


def test_423_and_out_of_order(net: Net, server: Node, peer: Puppet) -> None:
    brief = authorized(net, server, peer, cseq=1, headers=[("Expires", "59")])
    assert (brief.status, brief.headers.get("Min-Expires")) == (423, "60")
    authorized(net, server, peer, cseq=10, headers=[("Expires", "600")])
    assert authorized(net, server, peer, cseq=5, headers=[("Expires", "600")]).status == 500


def test_a_call_goes_over_the_registered_flow_not_to_the_contact(
    net: Net, server: Node, peer: Puppet
) -> None:
    behind_nat = ("Contact", "<sip:alice@192.168.7.7:5060>")
    authorized(net, server, peer, cseq=1, headers=[behind_nat, ("Expires", "600")])
    server.dial("sip:alice@example.com", via_registration="alice")
    net.run(0.05)
    invite = peer.request("INVITE")
    assert invite.uri == "sip:alice@192.168.7.7:5060"
    assert invite.headers.get("To") == "<sip:alice@example.com>"
    peer.reply(invite, 200, server, headers=[behind_nat], body=ANSWER, contact=False)
    net.run(0.05)
    server.take(CallAnswered)
    assert peer.request("ACK").uri == "sip:alice@192.168.7.7:5060"
    server.core.bye("out")
    net.run(0.05)
    peer.reply(peer.request("BYE"), 200, server)
    net.run(0.05)
    assert server.take(CallEnded).by == "local"


def test_a_path_is_kept_and_routed_by(net: Net, server: Node, peer: Puppet) -> None:
    edge = net.puppet(5070)
    path = ("Path", "<sip:127.0.0.1:5070;lr;ob>")
    headers = [path, ("Supported", "path"), ("Contact", "<sip:alice@192.168.7.7>"), ("Expires", "600")]
    response = authorized(net, server, peer, cseq=1, headers=headers)
    assert response.headers.get("Path") == path[1]
    server.dial("sip:alice@example.com", via_registration="alice")
    net.run(0.05)
    invite = edge.request("INVITE")
    assert (invite.headers.get("Route"), invite.uri) == (path[1], "sip:alice@192.168.7.7")


def test_a_registered_phones_connection_that_closes_unregisters_it(net: Net, server: Node) -> None:
    peer = net.puppet(5080, "TCP")
    authorized(net, server, peer, cseq=1, headers=[("Expires", "600")])
    server.take(RegistrationChanged)
    server.core.unreachable(Flow("TCP", "127.0.0.1", 5080, 5080), net.now_ns)
    net.run(0)
    assert server.take(RegistrationChanged).expires_s == 0
    assert server.core.registered("alice") is None


def test_the_virtual_phone_is_called(net: Net, server: Node, phone: Node) -> None:
    phone.core.register("r", address(server), ALICE, 120)
    net.run(0.1)
    server.dial("sip:alice@example.com", via_registration="alice")
    net.run(0.1)
    assert phone.take(IncomingCall).request_user == "alice"


def test_a_register_under_way_is_waited_for_before_leaving(net: Net, server: Node, phone: Node) -> None:
    phone.core.register("r", address(server), ALICE, 120)
    phone.core.unregister("r")
    net.run(1)
    assert [event.expires_s for event in phone.events if isinstance(event, RegisterOutcome)] == [120, 0]
    assert server.core.registered("alice") is None


def test_no_registrar_is_408_then_tried_again(net: Net, phone: Node) -> None:
    phone.core.register("r", "sip:alice@127.0.0.1:9", ALICE, 120)
    net.run(33)
    assert phone.take(RegisterOutcome).status == 408
    net.run(31)
    registers = [p for _, p in net.log if p.first.startswith("REGISTER")]
    assert len({p.data.split(b"branch=")[1][:24] for p in registers}) == 2
