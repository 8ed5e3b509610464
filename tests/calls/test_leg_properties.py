"""Any sequence of things may happen to some legs: none raises, and what follows the end is only the end."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringline.calls import commands as c
from ringline.calls import inputs as i
from ringline.calls.effects import Emit
from ringline.calls.options import (
    GatherRules,
    RecordOptions,
    StreamOptions,
    TranscriptionOptions,
    UrlAudio,
    Utterance,
)
from ringline.calls.state import JoinOptions, Leg, OnAnswer, State, TranscriptionState
from ringline.core.errors import ApiError

from .world import START, World

pytestmark = pytest.mark.unit

SONG = UrlAudio("http://app/a.wav")
RULES = GatherRules(maximum=2, tries=2, initial_ms=500)


def playout(leg: Leg) -> str:
    return leg.playouts[0].id if leg.playouts else "none"


def stream(leg: Leg) -> str:
    return leg.streaming.id if leg.streaming else "none"


def recording(leg: Leg) -> str:
    return next(iter(leg.recordings), "none")


def transcription(leg: Leg) -> str:
    return next(iter(leg.transcriptions), "none")


HAPPENINGS = [
    lambda leg, other: c.Answer(record=RecordOptions("mp3", "single")),
    lambda leg, other: c.Reject(cause="USER_BUSY"),
    lambda leg, other: c.Hangup(),
    lambda leg, other: c.Bridge(other=other.id),
    lambda leg, other: c.Bridge(other=other.id, play_ringtone=True, park_after_unbridge=True),
    lambda leg, other: c.Transfer(target=other.facts.target or _target()),
    lambda leg, other: c.PlaybackStart(audio=SONG),
    lambda leg, other: c.PlaybackStart(audio=SONG, overlay=True, stop="all"),
    lambda leg, other: c.PlaybackStop(),
    lambda leg, other: c.Speak(utterance=Utterance("a", "male"), stop="current", targets="both"),
    lambda leg, other: c.Gather(rules=RULES, prompt=SONG),
    lambda leg, other: c.Gather(rules=RULES),
    lambda leg, other: c.GatherStop(),
    lambda leg, other: c.RecordStart(options=RecordOptions("wav", "dual")),
    lambda leg, other: c.RecordStop(),
    lambda leg, other: c.RecordPause(),
    lambda leg, other: c.SendDtmf(digits="12"),
    lambda leg, other: c.StreamingStart(options=StreamOptions("ws://app")),
    lambda leg, other: c.StreamingStop(),
    lambda leg, other: c.RecordStart(options=RecordOptions("wav", "single", timeout_s=2)),
    lambda leg, other: c.TranscriptionStart(options=TranscriptionOptions(interim=True)),
    lambda leg, other: c.TranscriptionStop(),
    lambda leg, other: i.TranscriptionUp(transcription(leg)),
    lambda leg, other: i.TranscriptHeard(transcription(leg), "inbound", "well", final=False),
    lambda leg, other: i.TranscriptHeard(transcription(leg), "outbound", "well, then", final=True),
    lambda leg, other: i.TranscriptionFailed(transcription(leg), "why"),
    lambda leg, other: i.TranscriptionEnded(transcription(leg)),
    lambda leg, other: i.Ringing(180, media=True),
    lambda leg, other: i.Answered("PCMU", 8000),
    lambda leg, other: i.Failed(486, "busy"),
    lambda leg, other: i.Cancelled(),
    lambda leg, other: i.HungUp("remote"),
    lambda leg, other: i.HoldChanged(held=True),
    lambda leg, other: i.MediaClosed(None),
    lambda leg, other: i.PlayoutStarted(playout(leg)),
    lambda leg, other: i.PlayoutEnded(playout(leg), "completed", 10),
    lambda leg, other: i.PlayoutEnded(playout(leg), "failed", 0, "why"),
    lambda leg, other: i.DigitHeard("1", 100, START),
    lambda leg, other: i.DigitHeard("#", 100, START),
    lambda leg, other: i.RecordingFinished(recording(leg), START, START, 0, ()),
    lambda leg, other: i.StreamUp(stream(leg)),
    lambda leg, other: i.StreamDown(stream(leg), "app"),
    lambda leg, other: i.StreamFailed(stream(leg), "connection_lost"),
    lambda leg, other: i.PeerLeft(other.id),
    lambda leg, other: i.Superseded(),
]


def _target() -> c.DialTarget:
    return c.DialTarget(to="sip:x@y", from_="")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(HAPPENINGS), st.floats(0, 20)),
        max_size=40,
    ),
    st.booleans(),
)
def test_whatever_happens_the_tables_hold(
    happenings: list[tuple[int, int, object, float]], closes_media: bool
) -> None:
    world = World(closes_media=closes_media)
    world.incoming()
    world.outgoing(on_answer=OnAnswer(stream=StreamOptions("ws://a", before_originate=True)))
    world.outgoing(on_answer=OnAnswer(transcription=TranscriptionOptions()))
    first = world.answered()
    world.outgoing(link=first.id, link_options=JoinOptions(prevent_double=True))
    for which, whom, make, wait in happenings:
        legs = list(world.legs.values())
        leg, other = legs[which % len(legs)], legs[whom % len(legs)]
        thing = make(leg, other)  # type: ignore[operator]
        if isinstance(thing, c.Command):
            try:
                world.order(leg, thing)
            except ApiError as refusal:
                assert refusal.status == 422  # noqa: PT017  # not the subject: most sequences raise nothing
        else:
            world.give(leg, thing)
        world.advance(wait)
    for leg in world.legs.values():
        _check(world, leg)


def _check(world: World, leg: Leg) -> None:
    events = world.events(leg)
    assert events.count("call.hangup") == (leg.state is State.ENDED)
    if leg.state is State.ENDED:
        after = events[events.index("call.hangup") + 1 :]
        assert set(after) <= {"call.recording.saved", "call.recording.error"}
        assert not any(call == leg.id for call, _ in world.timers)
        assert leg.peer is None
    assert sum(one.state is not TranscriptionState.STOPPING for one in leg.transcriptions.values()) <= 1
    assert events.count("call.initiated") == 1
    assert events.count("call.answered") <= 1
    if leg.peer:
        other = world.legs[leg.peer.call]
        assert other.peer is not None
        assert other.peer.call == leg.id
    emitted = [effect for call, effect in world.effects if call == leg.id and isinstance(effect, Emit)]
    assert all(effect.payload.call_leg_id == leg.facts.leg_id for effect in emitted)
