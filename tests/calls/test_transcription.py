"""Live transcription of a leg, move by move (spec voice-api §5.4, webhooks §6.6)."""

import pytest

from ringline.calls.commands import (
    Answer,
    Bridge,
    Hangup,
    RecordStart,
    RecordStop,
    TranscriptionStart,
    TranscriptionStop,
)
from ringline.calls.effects import CloseMedia, Effect, StartTranscription, StopTranscription
from ringline.calls.inputs import (
    HungUp,
    MediaClosed,
    RecordingFinished,
    TranscriptHeard,
    TranscriptionEnded,
    TranscriptionFailed,
    TranscriptionUp,
)
from ringline.calls.lifecycle import LAST_WORDS_MS
from ringline.calls.options import RecordOptions, TranscriptionOptions
from ringline.calls.state import Leg, OnAnswer, Quality, State, TranscriptionState
from ringline.core.errors import ApiError
from ringline.webhooks.payloads import CallHangup, CallTranscription

from .world import START, World

pytestmark = pytest.mark.unit

PLAIN = TranscriptionOptions()
INTERIM = TranscriptionOptions(tracks=("inbound", "outbound"), interim=True)
UNTIL_SILENT = RecordOptions("wav", "dual", timeout_s=5)
WAV = RecordOptions("wav", "dual")
QUALITY = Quality("1", "2", "4.5", "3", "0", "5", "0")


def started(world: World, leg: Leg) -> str:
    """The id of the transcription that was started last."""
    effect = world.done(StartTranscription, leg)[-1]
    assert isinstance(effect, StartTranscription)
    return effect.transcription


def running(world: World, options: TranscriptionOptions = PLAIN) -> tuple[Leg, str]:
    leg = world.answered()
    world.order(leg, TranscriptionStart(options=options))
    transcription = started(world, leg)
    world.give(leg, TranscriptionUp(transcription))
    return leg, transcription


def words(world: World) -> list[tuple[str, bool]]:
    told = [one.transcription_data for one in world.payloads() if isinstance(one, CallTranscription)]
    return [(one.transcript, one.is_final) for one in told]


def state_of(leg: Leg) -> list[TranscriptionState]:
    return [one.state for one in leg.transcriptions.values()]


def test_what_is_heard_is_told() -> None:
    world = World()
    leg, transcription = running(world)
    assert world.done(StartTranscription) == [StartTranscription(transcription, PLAIN)]
    world.give(leg, TranscriptHeard(transcription, "inbound", "Hello.", final=True, confidence=0.9))
    told = world.last("call.transcription")
    assert isinstance(told, CallTranscription)
    assert told.call_control_id == leg.id
    data = told.transcription_data
    assert (data.transcript, data.is_final, data.confidence, data.transcription_track) == (
        "Hello.",
        True,
        0.9,
        "inbound",
    )


def test_words_that_may_change_are_told_to_whom_asked_for_them() -> None:
    for options, expected in (
        (PLAIN, [("Hello you.", True)]),
        (INTERIM, [("Hello", False), ("Hello you.", True)]),
    ):
        world = World()
        leg, transcription = running(world, options)
        world.give(leg, TranscriptHeard(transcription, "outbound", "Hello", final=False))
        world.give(leg, TranscriptHeard(transcription, "outbound", "Hello you.", final=True))
        assert words(world) == expected


def test_it_goes_from_starting_to_running_to_stopping_to_nothing() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, TranscriptionStart(options=PLAIN))
    transcription = started(world, leg)
    assert state_of(leg) == [TranscriptionState.STARTING]
    world.give(leg, TranscriptionUp(transcription))
    assert state_of(leg) == [TranscriptionState.RUNNING]
    world.order(leg, TranscriptionStop())
    assert state_of(leg) == [TranscriptionState.STOPPING]
    world.give(leg, TranscriptHeard(transcription, "inbound", "Bye.", final=True))
    world.give(leg, TranscriptionEnded(transcription))
    assert state_of(leg) == []
    assert words(world) == [("Bye.", True)]
    world.give(leg, TranscriptHeard(transcription, "inbound", "Too late.", final=True))
    assert words(world) == [("Bye.", True)]


def test_an_up_that_crosses_the_stop_changes_nothing() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, TranscriptionStart(options=PLAIN))
    world.order(leg, TranscriptionStop())
    world.give(leg, TranscriptionUp(started(world, leg)))
    assert state_of(leg) == [TranscriptionState.STOPPING]


def test_only_an_answered_leg_is_transcribed_and_only_once() -> None:
    world = World()
    for command in (TranscriptionStart(options=PLAIN), TranscriptionStop()):
        with pytest.raises(ApiError, match="90034"):
            world.order(world.incoming(), command)
    leg, _ = running(world)
    with pytest.raises(ApiError, match="90054"):
        world.order(leg, TranscriptionStart(options=PLAIN))
    world.order(leg, Hangup())
    with pytest.raises(ApiError, match="90018"):
        world.order(leg, TranscriptionStart(options=PLAIN))


def test_stopping_nothing_is_no_mistake_and_stopping_twice_stops_once() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, TranscriptionStop())
    assert world.done(StopTranscription) == []
    leg, transcription = running(world)
    world.order(leg, TranscriptionStop())
    world.order(leg, TranscriptionStop())
    assert world.done(StopTranscription) == [StopTranscription(transcription)]


def test_the_next_one_may_start_while_the_last_words_of_the_former_are_awaited() -> None:
    world = World()
    leg, former = running(world)
    world.order(leg, TranscriptionStop())
    world.order(leg, TranscriptionStart(options=INTERIM))
    latter = started(world, leg)
    assert latter != former
    world.give(leg, TranscriptHeard(former, "inbound", "Last word.", final=True))
    world.give(leg, TranscriptionEnded(former))
    world.give(leg, TranscriptHeard(latter, "inbound", "First", final=False))
    assert words(world) == [("Last word.", True), ("First", False)]
    with pytest.raises(ApiError, match="90054"):
        world.order(leg, TranscriptionStart(options=PLAIN))


def test_a_recording_that_waits_for_silence_and_a_transcription_exclude_each_other() -> None:
    world = World()
    leg, _ = running(world)
    for command, pointer in (
        (RecordStart(options=UNTIL_SILENT), "/timeout_secs"),
        (Bridge(other=world.answered().id, record=UNTIL_SILENT), "/record_timeout_secs"),
    ):
        with pytest.raises(ApiError, match="90053") as refused:
            world.order(leg, command)
        assert refused.value.problems[0].pointer == pointer
    world.order(leg, RecordStart(options=WAV))
    world.order(leg, TranscriptionStop())

    world.order(leg, RecordStart(options=UNTIL_SILENT))
    with pytest.raises(ApiError, match="90053"):
        world.order(leg, TranscriptionStart(options=PLAIN))
    with pytest.raises(ApiError, match="90055"):
        world.order(leg, TranscriptionStop())
    world.order(leg, RecordStop())
    world.order(leg, TranscriptionStart(options=PLAIN))  # the files are not safe yet, but nothing is recorded


def test_a_failure_ends_it_and_the_call_goes_on() -> None:
    world = World()
    leg, transcription = running(world)
    world.give(leg, TranscriptionFailed(transcription, "out of memory"))
    assert (state_of(leg), leg.state) == ([], State.ANSWERED)
    world.order(leg, TranscriptionStart(options=PLAIN))
    assert started(world, leg) != transcription


def test_a_node_without_recognizer_says_so_before_anything_begins() -> None:
    world = World(lacking="No recognizer. Pull one.")
    leg, ringing = world.answered(), world.incoming()
    for one, command in (
        (leg, TranscriptionStart(options=PLAIN)),
        (ringing, Answer(transcription=PLAIN)),
    ):
        with pytest.raises(ApiError, match="Pull one") as refused:
            world.order(one, command)
        assert (refused.value.status, refused.value.problems[0].code) == (422, "10038")
    assert not ringing.accepted
    assert leg.transcriptions == {}


def test_it_may_start_with_the_answer() -> None:
    world = World()
    parked = world.incoming()
    world.order(parked, Answer(transcription=INTERIM))
    assert world.done(StartTranscription) == []
    world.answered(parked)
    dialled = world.answered(world.outgoing(on_answer=OnAnswer(transcription=PLAIN)))
    assert [effect.options for effect in starts(world)] == [INTERIM, PLAIN]
    assert dialled.transcribed
    assert world.events(dialled)[:2] == ["call.initiated", "call.answered"]


def starts(world: World) -> list[StartTranscription]:
    return [effect for effect in world.done(StartTranscription) if isinstance(effect, StartTranscription)]


def test_the_last_words_come_before_the_hangup() -> None:
    world = World(closes_media=False)
    leg, transcription = running(world)
    world.give(leg, HungUp("remote"))
    order = [type(effect) for _, effect in world.effects]
    assert order.index(StopTranscription) < order.index(CloseMedia)
    world.give(leg, MediaClosed(QUALITY))
    assert leg.state is State.ENDING
    world.give(leg, TranscriptHeard(transcription, "inbound", "Goodbye.", final=True))
    world.give(leg, TranscriptionEnded(transcription))
    assert leg.state is State.ENDED
    assert world.events(leg)[-2:] == ["call.transcription", "call.hangup"]
    hangup = world.last("call.hangup")
    assert isinstance(hangup, CallHangup)
    assert hangup.call_quality_stats is not None
    assert hangup.call_quality_stats.inbound.mos == "4.5"


def test_the_words_may_also_come_before_the_media_is_closed() -> None:
    world = World(closes_media=False)
    leg, transcription = running(world)
    world.order(leg, Hangup())
    world.give(leg, TranscriptionEnded(transcription))
    assert leg.state is State.ENDING
    world.give(leg, MediaClosed(None))
    assert leg.state is State.ENDED


@pytest.mark.parametrize("closes_media", [True, False])
def test_the_hangup_does_not_wait_for_ever(closes_media: bool) -> None:
    world = World(closes_media=closes_media)
    leg, transcription = running(world)
    world.order(leg, Hangup())
    world.advance((LAST_WORDS_MS - 1) / 1000)
    assert leg.state is State.ENDING
    world.advance(0.002)
    assert leg.state is State.ENDED
    world.give(leg, TranscriptHeard(transcription, "inbound", "Oh.", final=True))
    world.give(leg, TranscriptionEnded(transcription))
    assert world.events(leg)[-1] == "call.hangup"
    assert world.events(leg).count("call.hangup") == 1
    assert leg.transcriptions == {}


def test_a_failure_at_the_end_lets_the_hangup_go() -> None:
    world = World()
    leg, transcription = running(world)
    world.order(leg, Hangup())
    world.give(leg, TranscriptionFailed(transcription, "the worker died"))
    assert world.events(leg)[-1] == "call.hangup"


def test_a_call_that_was_not_transcribed_ends_at_once() -> None:
    world = World()
    leg, transcription = running(world)
    world.order(leg, TranscriptionStop())
    world.give(leg, TranscriptionEnded(transcription))
    world.order(leg, Hangup())
    assert leg.state is State.ENDED


def test_a_recording_saved_meanwhile_counts_no_more() -> None:
    world = World()
    leg = world.answered()
    recording = world.order(leg, RecordStart(options=UNTIL_SILENT)).recording_id or ""
    world.give(leg, RecordingFinished(recording, START, START, 0, (("wav", "http://here/r.wav"),)))
    world.order(leg, TranscriptionStart(options=PLAIN))
    effects: list[Effect] = world.done(StartTranscription, leg)
    assert len(effects) == 1
