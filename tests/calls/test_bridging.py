"""Bridges and transfers, by example (spec voice-api §2, §5; webhooks §7)."""

import pytest

from ringline.calls.commands import Answer, Bridge, Hangup, PlaybackStart, Transfer
from ringline.calls.effects import (
    AcceptLine,
    JoinMedia,
    OpenEarlyMedia,
    PartMedia,
    Play,
    Ringback,
    SendDigits,
    StartRecording,
)
from ringline.calls.inputs import (
    DigitHeard,
    Failed,
    HungUp,
    JoinRefused,
    PlayoutEnded,
    PlayoutStarted,
    Ringing,
)
from ringline.calls.options import DialTarget, RecordOptions, Targets, UrlAudio
from ringline.calls.state import JoinOptions, Leg, State
from ringline.core.errors import ApiError

from .world import START, World

pytestmark = pytest.mark.unit


def transferred(world: World, leg: Leg, **options: object) -> Leg:
    target = options.pop("target", DialTarget(to="sip:b@there", from_=""))
    world.order(leg, Transfer(target=target, **options))  # type: ignore[arg-type]
    return list(world.legs.values())[-1]


def test_bridge_joins_both_and_tells_each() -> None:
    world = World()
    a, b = world.bridged()
    assert (a.peer and a.peer.call, b.peer and b.peer.call) == (b.id, a.id)
    assert len(world.done(JoinMedia)) == 1
    assert world.events().count("call.bridged") == 2
    assert [world.events(leg).count("call.bridged") for leg in (a, b)] == [1, 1]


def test_when_one_leaves_the_other_is_hung_up() -> None:
    world = World()
    a, b = world.bridged()
    world.give(a, HungUp("remote"))
    assert (a.state, b.state) == (State.ENDED, State.ENDED)
    assert world.events().count("call.hangup") == 2


@pytest.mark.parametrize(
    ("options", "a_leaves", "b_leaves"),
    [
        ({"park_after_unbridge": True}, False, True),
        ({"hold_after_unbridge": True}, True, True),
        ({}, False, False),
    ],
)
def test_who_stays_parked(options: dict[str, bool], a_leaves: bool, b_leaves: bool) -> None:
    for leaver, other_stays in ((0, a_leaves), (1, b_leaves)):
        world = World()
        legs = world.answered(), world.answered()
        world.order(legs[0], Bridge(other=legs[1].id, **options))
        world.give(legs[leaver], HungUp("remote"))
        assert legs[1 - leaver].alive is other_stays
        assert legs[1 - leaver].peer is None or not legs[1 - leaver].alive


def test_bridge_needs_two_answered_legs_of_one_account() -> None:
    world = World()
    a, ringing = world.answered(), world.outgoing()
    with pytest.raises(ApiError, match="90034"):
        world.order(a, Bridge(other=ringing.id))
    with pytest.raises(ApiError, match="90034"):
        world.order(ringing, Bridge(other=a.id))
    with pytest.raises(ApiError, match="90015"):
        world.order(a, Bridge(other="v3:nobody"))
    with pytest.raises(ApiError, match="10015"):
        world.order(a, Bridge(other=a.id))


def test_bridge_with_ringtone_waits_for_the_answer() -> None:
    world = World()
    a, b = world.answered(), world.outgoing()
    world.order(a, Bridge(other=b.id, play_ringtone=True, ringtone="de"))
    assert world.done(Ringback) == [Ringback("de")]
    world.answered(b)
    assert a.peer is not None
    assert world.done(Ringback, a)[-1] == Ringback(None)


def test_bridge_with_ringtone_waits_until_the_app_answers_a_parked_leg() -> None:
    world = World()
    a, b = world.answered(), world.incoming()
    world.order(a, Bridge(other=b.id, play_ringtone=True))
    assert world.done(Ringback, a) == [Ringback("us")]
    assert not world.done(AcceptLine)
    world.order(b, Answer())
    world.answered(b)
    assert (a.peer and a.peer.call, b.peer and b.peer.call) == (b.id, a.id)
    assert world.done(Ringback, a)[-1] == Ringback(None)


@pytest.mark.parametrize("first", [0, 1])
def test_bridge_with_ringtone_waits_for_both(first: int) -> None:
    world = World()
    a, b = legs = world.outgoing(), world.incoming()
    world.order(a, Bridge(other=b.id, play_ringtone=True, record=RecordOptions("wav", "dual")))
    assert not world.done(StartRecording)
    world.answered(legs[first])
    assert a.peer is None
    assert world.done(Ringback) == ([] if first else [Ringback("us")])
    world.answered(legs[1 - first])
    assert (a.peer and a.peer.call, b.peer and b.peer.call) == (b.id, a.id)
    assert len(world.done(StartRecording, a)) == 1
    assert world.events().count("call.bridged") == 2


def test_who_was_waited_for_and_leaves_leaves_the_other_alone() -> None:
    world = World()
    a, b = world.outgoing(), world.answered()
    world.order(a, Bridge(other=b.id, play_ringtone=True))
    world.give(b, HungUp("remote"))
    world.answered(a)
    assert (a.alive, a.peer) == (True, None)
    assert not world.done(Ringback)
    c = world.incoming()
    world.order(a, Bridge(other=c.id, play_ringtone=True))
    world.order(c, Hangup())
    assert a.alive
    assert world.done(Ringback, a) == [Ringback("us"), Ringback(None)]


def test_ringing_ends_when_the_other_was_gone_already() -> None:
    world = World()
    a, b = world.answered(), world.outgoing()
    world.order(a, Bridge(other=b.id, play_ringtone=True))
    world.give(a, JoinRefused(b.id, taken=False))
    assert a.alive
    assert world.done(Ringback, a)[-1] == Ringback(None)


def test_a_pair_that_is_bridged_again_stays_bridged() -> None:
    world = World()
    a, b = world.bridged()
    world.order(a, Bridge(other=b.id))
    assert (a.peer and a.peer.call, b.peer and b.peer.call) == (b.id, a.id)
    assert world.events().count("call.bridged") == 2


def test_bridging_a_bridged_leg_frees_its_former_peer() -> None:
    world = World()
    a, b = world.bridged()
    c = world.answered()
    world.order(c, Bridge(other=a.id))
    assert (a.peer and a.peer.call, c.peer and c.peer.call) == (c.id, a.id)
    assert b.state is State.ENDED


def test_double_bridge_can_be_prevented() -> None:
    world = World()
    a, b = world.bridged()
    c = world.answered()
    world.order(c, Bridge(other=a.id, prevent_double_bridge=True))
    assert c.state is State.ENDED
    assert (a.peer and a.peer.call) == b.id


def test_transfer_dials_and_bridges_on_answer() -> None:
    world = World()
    a = world.answered(world.incoming())
    b = transferred(world, a, target_client_state="Yg==")
    assert (b.facts.from_, b.facts.session_id, b.client_state) == (a.facts.to, a.facts.session_id, "Yg==")
    world.answered(b)
    assert world.events()[-4:] == ["call.initiated", "call.answered", "call.bridged", "call.bridged"]


def test_transfer_of_an_unanswered_call_answers_it_with_the_target() -> None:
    world = World()
    a = world.incoming()
    b = transferred(world, a)
    world.give(b, Ringing(183, media=True))
    assert world.done(OpenEarlyMedia, a)
    assert not world.done(AcceptLine)
    world.answered(b)
    assert world.done(AcceptLine, a)
    world.answered(a)
    assert a.peer is not None
    assert world.events().count("call.bridged") == 2


def test_failed_transfer_leaves_the_first_leg_up() -> None:
    world = World()
    a = world.answered(world.incoming())
    b = transferred(world, a)
    world.give(b, Ringing(180, media=False))
    assert world.done(Ringback, a) == [Ringback("us")]
    world.give(b, Failed(486, "Busy Here"))
    assert a.alive
    assert a.dialled == []
    assert world.done(Ringback, a)[-1] == Ringback(None)
    assert world.events(a).count("call.hangup") == 0


def test_the_target_stops_ringing_when_the_first_leg_leaves() -> None:
    world = World()
    a = world.answered(world.incoming())
    b = transferred(world, a)
    world.order(a, Hangup())
    assert b.state is State.ENDED


def test_the_target_hears_its_greeting_before_it_is_bridged() -> None:
    world = World()
    a = world.answered(world.incoming())
    b = transferred(world, a, target=DialTarget(to="sip:b@there", from_="", audio=UrlAudio("http://x/a.wav")))
    world.answered(b)
    assert a.peer is None
    playing = world.done(Play, b)[-1]
    assert isinstance(playing, Play)
    world.give(b, PlayoutStarted(playing.playout))
    world.give(b, PlayoutEnded(playing.playout, "completed", 500))
    assert a.peer is not None


def test_dial_with_bridge_on_answer_joins_the_linked_leg() -> None:
    world = World()
    a = world.answered(world.incoming())
    b = world.answered(world.outgoing(link=a.id))
    assert (a.peer and a.peer.call) == b.id


def test_dial_that_would_double_bridge_hangs_up() -> None:
    world = World()
    a, _ = world.bridged()
    c = world.answered(world.outgoing(link=a.id, link_options=JoinOptions(prevent_double=True)))
    assert c.state is State.ENDED


def test_keys_cross_the_bridge_unless_muted() -> None:
    for muted, expected in (("none", 1), ("opposite", 0), ("self", 1)):
        world = World()
        a, b = world.answered(), world.answered()
        world.order(a, Bridge(other=b.id, mute_dtmf=muted))  # type: ignore[arg-type]
        world.give(a, DigitHeard("5", 120, START))
        assert len(world.done(SendDigits, b)) == expected
        assert world.events(a)[-1] == "call.dtmf.received"


@pytest.mark.parametrize(("targets", "reached"), [("self", "a"), ("opposite", "b"), ("both", "ab")])
def test_playback_can_reach_the_other_side(targets: Targets, reached: str) -> None:
    world = World()
    a, b = world.bridged()
    world.order(a, PlaybackStart(audio=UrlAudio("http://x/a.wav"), targets=targets))
    names = {a.id: "a", b.id: "b"}
    assert "".join(names[call] for call in a.playouts[0].targets) == reached


def test_parting_takes_the_media_apart() -> None:
    world = World()
    a, _ = world.bridged()
    world.order(a, Hangup())
    assert world.done(PartMedia, a)
