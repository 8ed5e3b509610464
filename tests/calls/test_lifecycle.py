"""How legs begin and end, by example (spec voice-api §2, webhooks §6.2)."""

from dataclasses import replace

import pytest

from ringline.calls.commands import Answer, ClientStateUpdate, Hangup, Reject, SendDtmf
from ringline.calls.effects import AcceptLine, CancelLine, HangUpLine, PlaceLine, RefuseLine, Ring, SendDigits
from ringline.calls.inputs import (
    Answered,
    Cancelled,
    Failed,
    HoldChanged,
    HungUp,
    MediaClosed,
)
from ringline.calls.options import Header, RecordOptions
from ringline.calls.state import OnAnswer, Quality, RingGroup, State
from ringline.core.errors import ApiError
from ringline.webhooks.payloads import CallHangup, CallInitiated

from .world import APPLICATION, World

pytestmark = pytest.mark.unit


def hangup(world: World) -> CallHangup:
    payload = world.last("call.hangup")
    assert isinstance(payload, CallHangup)
    return payload


def ended_as(world: World) -> tuple[str, str, str]:
    payload = hangup(world)
    return payload.hangup_cause, payload.hangup_source, payload.sip_hangup_cause


def test_an_incoming_call_is_parked_and_announced() -> None:
    world = World()
    leg = world.incoming(headers=(Header("X-Shop", "7"), Header("User-to-User", "00c8")))
    payload = world.last("call.initiated")
    assert isinstance(payload, CallInitiated)
    assert (payload.direction, payload.state) == ("incoming", "parked")
    assert [(h.name, h.value) for h in payload.custom_headers] == [("X-Shop", "7")]
    assert [(h.name, h.value) for h in payload.sip_headers] == [("User-to-User", "00c8")]
    assert leg.state is State.PARKED
    assert world.done(Ring)


def test_answer_accepts_the_line_and_is_told_when_it_is_up() -> None:
    world = World()
    leg = world.incoming()
    world.order(leg, Answer(headers=(Header("X-A", "1"),), codecs=("PCMA",)))
    assert world.done(AcceptLine) == [AcceptLine(("PCMA",), (Header("X-A", "1"),), silence_when_idle=False)]
    assert world.events() == ["call.initiated"]
    world.give(leg, Answered("PCMA", 8000))
    assert world.events() == ["call.initiated", "call.answered"]


def test_a_second_answer_before_the_line_is_up_is_refused() -> None:
    world = World()
    leg = world.incoming()
    first = world.order(leg, Answer(record=RecordOptions("wav", "single")))
    with pytest.raises(ApiError, match="10015"):
        world.order(leg, Answer(record=RecordOptions("mp3", "dual")))
    assert len(world.done(AcceptLine)) == 1
    world.answered(leg)
    assert list(leg.recordings) == [first.recording_id]


def test_a_call_that_is_being_answered_ends_with_bye() -> None:
    world = World()
    leg = world.incoming()
    world.order(leg, Answer())
    with pytest.raises(ApiError, match="10015"):
        world.order(leg, Reject(cause="USER_BUSY"))
    world.order(leg, Hangup())
    assert world.done(HangUpLine)
    assert not world.done(RefuseLine)
    assert ended_as(world) == ("normal_clearing", "callee", "200")


def test_answer_is_not_for_outgoing_or_answered_legs() -> None:
    world = World()
    with pytest.raises(ApiError, match="90102"):
        world.order(world.outgoing(), Answer())
    with pytest.raises(ApiError, match="10015"):
        world.order(world.answered(world.incoming()), Answer())


@pytest.mark.parametrize(
    ("cause", "status", "reported"),
    [
        ("CALL_REJECTED", 603, "call_rejected"),
        ("USER_BUSY", 486, "user_busy"),
        ("NOT_FOUND", 404, "not_found"),
        ("TEMPORARILY_UNAVAILABLE", 480, "call_rejected"),
    ],
)
def test_reject_refuses_with_its_status(cause: str, status: int, reported: str) -> None:
    world = World()
    world.order(world.incoming(), Reject(cause=cause))  # type: ignore[arg-type]
    assert world.done(RefuseLine) == [RefuseLine(status)]
    assert ended_as(world) == (reported, "callee", str(status))


def test_reject_is_only_for_unanswered_incoming_legs() -> None:
    world = World()
    for leg in (world.outgoing(), world.answered()):
        with pytest.raises(ApiError, match="10015"):
            world.order(leg, Reject(cause="USER_BUSY"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (486, ("user_busy", "callee", "486")),
        (600, ("user_busy", "callee", "486")),
        (404, ("not_found", "callee", "404")),
        (604, ("not_found", "callee", "404")),
        (484, ("not_found", "callee", "404")),
        (480, ("no_answer", "callee", "480")),
        (408, ("no_answer", "callee", "480")),
        (403, ("call_rejected", "callee", "603")),
        (487, ("unspecified", "unknown", "487")),
        (603, ("call_rejected", "callee", "603")),
        (500, ("unspecified", "unknown", "500")),
        (0, ("unspecified", "unknown", "unspecified")),
    ],
)
def test_a_refused_dial_says_why(status: int, expected: tuple[str, str, str]) -> None:
    world = World()
    world.give(world.outgoing(), Failed(status, ""))
    assert ended_as(world) == expected


def test_who_hangs_up_is_the_source() -> None:
    for make, source in ((World.incoming, "caller"), (World.outgoing, "callee")):
        world = World()
        world.give(world.answered(make(world)), HungUp("remote"))
        assert ended_as(world) == ("normal_clearing", source, "200")


def test_hangup_by_the_app_takes_the_form_of_the_state() -> None:
    world = World()
    world.order(world.outgoing(), Hangup(reason="changed my mind"))
    assert world.done(CancelLine) == [CancelLine("changed my mind")]
    assert ended_as(world) == ("originator_cancel", "caller", "487")
    world.order(world.answered(world.incoming()), Hangup(headers=(Header("X-B", "2"),)))
    assert world.done(HangUpLine) == [HangUpLine((Header("X-B", "2"),))]
    assert ended_as(world) == ("normal_clearing", "callee", "200")
    world.order(world.incoming(), Hangup())
    assert world.done(RefuseLine) == [RefuseLine(603)]


def test_a_caller_who_gives_up() -> None:
    world = World()
    world.give(world.incoming(), Cancelled())
    assert ended_as(world) == ("originator_cancel", "caller", "487")


def test_nobody_answers_in_time() -> None:
    world = World()
    world.outgoing(ring_timeout_s=20)
    world.advance(19.9)
    assert "call.hangup" not in world.events()
    world.advance(0.2)
    assert ended_as(world)[0] == "timeout"
    assert world.done(CancelLine) == [CancelLine(None)]
    world.outgoing(ring_timeout_s=5, timeout_is_no_answer=True)
    world.advance(5)
    assert ended_as(world)[0] == "no_answer"


def test_the_time_limit_counts_from_the_answer() -> None:
    world = World()
    leg = world.outgoing(time_limit_s=60, ring_timeout_s=100)
    world.advance(50)
    world.answered(leg)
    world.advance(59.9)
    assert leg.alive
    world.advance(0.2)
    assert ended_as(world) == ("time_limit", "unknown", "200")


def test_an_app_that_never_commands_loses_the_call_if_it_said_so() -> None:
    impatient = replace(APPLICATION, first_command_timeout_s=10)
    world = World()
    silent, answered = world.incoming(impatient), world.incoming(impatient)
    world.order(answered, ClientStateUpdate(client_state="eA=="))
    world.advance(11)
    assert not silent.alive
    assert answered.alive


def test_hangup_comes_last_and_with_what_was_measured() -> None:
    world = World(closes_media=False)
    leg = world.answered()
    world.give(leg, HungUp("remote"))
    assert leg.state is State.ENDING
    assert "call.hangup" not in world.events()
    world.give(leg, MediaClosed(Quality("1", "2", "4.5", "3", "0", "5", "0")))
    stats = hangup(world).call_quality_stats
    assert stats is not None
    assert stats.inbound.mos == "4.5"
    assert leg.state is State.ENDED


def test_hangup_is_told_even_if_the_media_never_closes() -> None:
    world = World(closes_media=False)
    world.give(world.answered(), HungUp("remote"))
    world.advance(1.1)
    assert hangup(world).call_quality_stats is None


def test_commands_after_the_end_are_refused() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, Hangup())
    with pytest.raises(ApiError, match="90018"):
        world.order(leg, SendDtmf(digits="1"))


def test_client_state_stays_until_replaced_and_a_refused_command_changes_nothing() -> None:
    world = World()
    leg = world.outgoing()
    world.order(leg, ClientStateUpdate(client_state="b25l"))
    with pytest.raises(ApiError, match="90034"):
        world.order(leg, SendDtmf(digits="1", client_state="dHdv"))
    assert leg.client_state == "b25l"
    world.answered(leg)
    assert world.last("call.answered").client_state == "b25l"
    world.order(leg, SendDtmf(digits="1", client_state=""))
    assert leg.client_state is None


def test_the_first_to_answer_takes_the_call_and_the_others_stop_ringing() -> None:
    world = World()
    group = RingGroup()
    first, second, third = (world.outgoing(group=group) for _ in range(3))
    world.answered(second)
    assert [leg.state for leg in (first, second, third)] == [State.ENDED, State.ANSWERED, State.ENDED]
    assert len(world.done(CancelLine)) == 2


def test_two_answers_that_cross_leave_one() -> None:
    world = World()
    group = RingGroup(winner="somebody else")
    late = world.outgoing(group=group)
    world.answered(late)
    assert late.state is State.ENDED
    assert world.done(HangUpLine) == [HangUpLine()]
    assert "call.answered" not in world.events()


def test_hold_and_unhold_are_told() -> None:
    world = World()
    leg = world.answered()
    world.give(leg, HoldChanged(held=True))
    world.give(leg, HoldChanged(held=False))
    assert world.events()[-2:] == ["call.hold", "call.unhold"]


def test_digits_are_sent_on_answer_and_on_command() -> None:
    world = World()
    leg = world.answered(world.outgoing(on_answer=OnAnswer(digits="1w2")))
    world.order(leg, SendDtmf(digits="3", duration_ms=100))
    assert world.done(SendDigits) == [SendDigits("1w2", 250), SendDigits("3", 100)]


def test_a_dialled_leg_is_placed_at_once() -> None:
    world = World()
    leg = world.outgoing()
    assert [effect.target for effect in world.done(PlaceLine) if isinstance(effect, PlaceLine)] == [
        leg.facts.target
    ]
