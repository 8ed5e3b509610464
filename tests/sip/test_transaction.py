"""The four machines alone: every state, every timer, the RFC's schedules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import SECOND
from ringline.sip.message import Request, Response, parse, response_to
from ringline.sip.timers import Timing
from ringline.sip.transaction import (
    Arm,
    Deliver,
    Disarm,
    Fail,
    Finish,
    IllegalMove,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    State,
    Step,
    Timer,
    Transmit,
    follow_up,
)

pytestmark = pytest.mark.unit

TIMING = Timing()
Machine = InviteClient | NonInviteClient | InviteServer | NonInviteServer


def make(method: str) -> Request:
    text = (
        f"{method} sip:bob@host SIP/2.0\r\n"
        "Via: SIP/2.0/UDP a:5060;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK0\r\n"
        "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n"
        f"From: <sip:a@a>;tag=f\r\nTo: <sip:bob@host>\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n\r\n"
    )
    message = parse(text.encode())
    assert isinstance(message, Request)
    return message


INVITE, OPTIONS = make("INVITE"), make("OPTIONS")


def response(status: int, request: Request = INVITE) -> Response:
    return response_to(request, status, to_tag="t")


class Clockwork:
    """Runs a machine's timers by hand and notes what it does, in seconds."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.now_ns = 0
        self.armed: dict[Timer, int] = {}
        self.sent: list[float] = []
        self.done: list[tuple[float, str]] = []
        self.take(machine.start(0))

    def take(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Transmit():
                    self.sent.append(self.now_ns / SECOND)
                case Arm(timer, at_ns):
                    self.armed[timer] = at_ns
                case Disarm(timer):
                    self.armed.pop(timer, None)
                case Finish():
                    self.armed.clear()
                    self.done.append((self.now_ns / SECOND, "finish"))
                case Fail(status):
                    self.done.append((self.now_ns / SECOND, f"fail {status}"))
                case Deliver():
                    pass

    def run(self, seconds: float) -> None:
        end = self.now_ns + round(seconds * SECOND)
        while self.armed and min(self.armed.values()) <= end:
            timer = min(self.armed, key=lambda name: self.armed[name])
            self.now_ns = self.armed.pop(timer)
            self.take(self.machine.fire(timer, self.now_ns))
        self.now_ns = end

    def receive(self, message: Response) -> None:
        assert isinstance(self.machine, InviteClient | NonInviteClient)
        self.take(self.machine.receive(message, self.now_ns))


# Schedules


def test_invite_is_sent_again_with_doubling_intervals_until_timer_b() -> None:
    run = Clockwork(InviteClient(INVITE, TIMING, reliable=False))
    run.run(40)
    assert run.sent == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert run.done == [(32, "finish"), (32, "fail 408")]


def test_other_requests_are_sent_again_at_most_every_four_seconds_until_timer_f() -> None:
    run = Clockwork(NonInviteClient(OPTIONS, TIMING, reliable=False))
    run.run(40)
    assert run.sent == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert run.done == [(32, "finish"), (32, "fail 408")]


def test_a_provisional_response_slows_other_requests_to_t2() -> None:
    run = Clockwork(NonInviteClient(OPTIONS, TIMING, reliable=False))
    run.run(0.2)
    run.receive(response(100, OPTIONS))
    run.run(10)
    assert run.sent == [0, 0.5, 4.5, 8.5]


@pytest.mark.parametrize("kind", [InviteClient, NonInviteClient])
def test_reliable_transports_send_once_and_still_time_out(kind: type[InviteClient | NonInviteClient]) -> None:
    run = Clockwork(kind(INVITE if kind is InviteClient else OPTIONS, TIMING, reliable=True))
    run.run(40)
    assert run.sent == [0]
    assert run.done[-1] == (32, "fail 408")


def test_a_phone_may_ring_longer_than_timer_b() -> None:
    run = Clockwork(InviteClient(INVITE, TIMING, reliable=False))
    run.run(0.1)
    run.receive(response(180))
    run.run(600)
    assert run.sent == [0]
    assert run.done == []


def test_a_refusal_is_sent_again_until_its_ack_at_most_every_t2() -> None:
    machine = InviteServer(lambda: b"100", TIMING, reliable=False)
    run = Clockwork(machine)
    run.take(machine.respond(response(486), 0))
    run.run(12)
    assert run.sent == [0, 0.5, 1.5, 3.5, 7.5, 11.5]
    run.take(machine.ack(run.now_ns))
    run.run(4.9)
    assert (len(run.sent), run.done) == (6, [])
    run.run(0.2)
    assert run.done == [(17, "finish")]


def test_a_refusal_that_nobody_acknowledges_is_given_up_after_timer_h() -> None:
    machine = InviteServer(lambda: b"100", TIMING, reliable=True)
    run = Clockwork(machine)
    run.take(machine.respond(response(486), 0))
    run.run(40)
    assert (run.sent, run.done) == ([0], [(32, "finish")])


def test_100_goes_out_by_itself_after_200_ms() -> None:
    run = Clockwork(InviteServer(lambda: b"100", TIMING, reliable=False))
    run.run(1)
    assert run.sent == [0.2]


def test_no_100_when_the_user_was_quicker() -> None:
    machine = InviteServer(lambda: b"100", TIMING, reliable=False)
    run = Clockwork(machine)
    run.take(machine.respond(response(180), 0))
    run.run(1)
    assert run.sent == [0]


@pytest.mark.parametrize(
    ("reliable", "status", "lives"), [(False, 200, 32), (True, 200, 32), (False, 486, 32), (True, 486, 0)]
)
def test_how_long_a_finished_invite_client_stays(reliable: bool, status: int, lives: float) -> None:
    run = Clockwork(InviteClient(INVITE, TIMING, reliable=reliable))
    run.run(1)
    run.receive(response(status))
    run.run(100)
    assert run.done == [(1 + lives, "finish")]


@pytest.mark.parametrize(("reliable", "lives"), [(False, 5), (True, 0)])
def test_how_long_another_finished_client_stays(reliable: bool, lives: float) -> None:
    run = Clockwork(NonInviteClient(OPTIONS, TIMING, reliable=reliable))
    run.receive(response(200, OPTIONS))
    run.run(100)
    assert run.done == [(lives, "finish")]


@pytest.mark.parametrize(("reliable", "lives"), [(False, 32), (True, 0)])
def test_how_long_another_finished_server_stays(reliable: bool, lives: float) -> None:
    machine = NonInviteServer(TIMING, reliable=reliable)
    run = Clockwork(machine)
    run.take(machine.respond(response(200, OPTIONS), 0))
    run.run(100)
    assert run.done == [(lives, "finish")]


# Reactions


def test_every_copy_of_a_2xx_is_the_users() -> None:
    machine = InviteClient(INVITE, TIMING, reliable=False)
    machine.start(0)
    first = machine.receive(response(200), 0)
    assert first[-1] == Deliver(response(200))
    assert machine.receive(response(200), 1) == [Deliver(response(200))]
    assert machine.receive(response(180), 1) == []
    assert machine.receive(response(486), 1) == []


def test_each_copy_of_a_refusal_is_acknowledged_and_delivered_once() -> None:
    machine = InviteClient(INVITE, TIMING, reliable=False)
    machine.start(0)
    acks = [step for step in machine.receive(response(486), 0) if isinstance(step, Transmit)]
    assert len(acks) == 1
    assert machine.receive(response(486), 1) == acks
    assert machine.receive(response(180), 1) == []


def test_the_ack_to_a_refusal_is_the_invites_with_the_responses_tag() -> None:
    machine = InviteClient(INVITE, TIMING, reliable=True)
    [transmit] = [step for step in machine.receive(response(486), 0) if isinstance(step, Transmit)]
    ack = parse(transmit.data)
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, str(ack.cseq)) == ("ACK", INVITE.uri, "7 ACK")
    assert [str(via) for via in ack.vias] == [str(INVITE.top_via)]
    assert [str(route) for route in ack.routes] == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert (ack.to.tag, ack.from_.tag, ack.call_id) == ("t", "f", "c")


def test_cancel_copies_what_names_the_invite_and_leaves_to_untagged() -> None:
    cancel = follow_up(INVITE, "CANCEL")
    assert str(cancel.top_via) == str(INVITE.top_via)
    assert cancel.to.tag is None
    assert str(cancel.cseq) == "7 CANCEL"


def test_a_dead_transport_fails_only_who_still_waits() -> None:
    waiting = InviteClient(INVITE, TIMING, reliable=True)
    assert waiting.unreachable() == [Finish(), Fail(503)]
    answered = InviteClient(INVITE, TIMING, reliable=True)
    answered.receive(response(200), 0)
    assert answered.unreachable() == [Finish()]
    other = NonInviteClient(OPTIONS, TIMING, reliable=False)
    assert other.unreachable() == [Finish(), Fail(503)]


def test_copies_of_a_request_get_the_last_response_again() -> None:
    invite = InviteServer(lambda: b"100", TIMING, reliable=False)
    assert invite.copy(0) == [Disarm(Timer.TRYING), Transmit(b"100")]
    invite.respond(response(180), 0)
    assert invite.copy(0)[-1] == Transmit(response(180).serialize())
    invite.respond(response(200), 0)
    assert invite.copy(0) == []  # Accepted: the user repeats its 2xx
    other = NonInviteServer(TIMING, reliable=False)
    assert other.copy(0) == []
    other.respond(response(200, OPTIONS), 0)
    assert other.copy(0) == [Transmit(response(200, OPTIONS).serialize())]


def test_a_second_final_response_is_illegal() -> None:
    invite = InviteServer(lambda: b"100", TIMING, reliable=False)
    invite.respond(response(200), 0)
    with pytest.raises(IllegalMove, match="accepted"):
        invite.respond(response(486), 0)
    other = NonInviteServer(TIMING, reliable=False)
    other.respond(response(200, OPTIONS), 0)
    with pytest.raises(IllegalMove, match="completed"):
        other.respond(response(200, OPTIONS), 0)


client_inputs = st.lists(st.sampled_from([100, 180, 200, 299, 302, 486, 603, "time"]), max_size=12)


@given(st.booleans(), st.booleans(), client_inputs)
def test_no_input_makes_a_client_raise_or_outlive_its_end(
    invite: bool, reliable: bool, inputs: list[int | str]
) -> None:
    request = INVITE if invite else OPTIONS
    machine = (InviteClient if invite else NonInviteClient)(request, TIMING, reliable=reliable)
    run = Clockwork(machine)
    for item in inputs:
        if machine.state is State.TERMINATED:
            break
        if isinstance(item, int):
            run.receive(response(item, request))
        else:
            run.run(9)
    final = any(isinstance(item, int) and item >= 200 for item in inputs)
    if final or machine.state in {State.CALLING, State.TRYING}:
        run.run(100)
        assert machine.state is State.TERMINATED
        assert [what for _, what in run.done].count("finish") == 1
    assert all(at <= 32 + 9 * 12 for at in run.sent)
