"""Recordings and streams of a leg, by example (spec voice-api §5.3, media-streaming §1, §7)."""

import json
from datetime import timedelta

import pytest

from ringline.calls.commands import (
    Answer,
    Bridge,
    Hangup,
    RecordPause,
    RecordResume,
    RecordStart,
    RecordStop,
    StreamingStart,
    StreamingStop,
    TranscriptionStart,
)
from ringline.calls.effects import (
    BeginStream,
    CloseStream,
    OpenStream,
    PauseRecording,
    PlaceLine,
    StartRecording,
    StopRecording,
    TellStream,
)
from ringline.calls.inputs import (
    DigitHeard,
    RecordingFailed,
    RecordingFinished,
    StreamDown,
    StreamFailed,
    StreamUp,
)
from ringline.calls.options import RecordOptions, StreamOptions, TranscriptionOptions
from ringline.calls.state import Leg, OnAnswer, State
from ringline.core.errors import ApiError
from ringline.webhooks.payloads import CallRecordingSaved, StreamingFailed, encode

from .world import START, World

pytestmark = pytest.mark.unit

WAV = RecordOptions("wav", "dual")
STREAM = StreamOptions("ws://app/media", track="both_tracks")


def finish(world: World, leg: Leg, recording: str) -> None:
    urls = (("wav", "http://here/r.wav"),)
    world.give(leg, RecordingFinished(recording, START, START + timedelta(seconds=2), 2000, urls))


def test_a_recording_is_told_when_its_file_is_safe() -> None:
    world = World()
    leg = world.answered()
    recording = world.order(leg, RecordStart(options=WAV)).recording_id
    assert recording
    world.order(leg, RecordStop())
    assert world.done(StopRecording) == [StopRecording(recording)]
    assert "call.recording.saved" not in world.events()
    finish(world, leg, recording)
    saved = world.last("call.recording.saved")
    assert isinstance(saved, CallRecordingSaved)
    assert (saved.recording_id, saved.channels, saved.recording_urls.wav) == (
        recording,
        "dual",
        "http://here/r.wav",
    )
    assert saved.recording_urls.mp3 is None


def test_a_recording_may_be_saved_after_the_hangup() -> None:
    world = World()
    leg = world.answered()
    recording = world.order(leg, RecordStart(options=WAV)).recording_id or ""
    world.order(leg, Hangup())
    assert leg.state is State.ENDED
    world.advance(3)
    finish(world, leg, recording)
    assert world.events()[-2:] == ["call.hangup", "call.recording.saved"]
    times = [json.loads(encode(one))["occurred_at"] for one in world.payloads()[-2:]]
    assert times == ["2030-01-01T00:00:00Z", "2030-01-01T00:00:03Z"]
    finish(world, leg, recording)
    assert world.events().count("call.recording.saved") == 1


def test_a_leg_is_heard_by_four_at_a_time() -> None:
    world = World()
    leg = world.answered()
    first = world.order(leg, RecordStart(options=WAV)).recording_id or ""
    world.order(leg, TranscriptionStart(options=TranscriptionOptions()))
    world.order(leg, RecordStart(options=WAV))
    world.order(leg, RecordStart(options=WAV))
    before = len(world.effects)
    for one_more in (RecordStart(options=WAV), StreamingStart(options=STREAM)):
        with pytest.raises(ApiError) as refused:
            world.order(leg, one_more)
        assert refused.value.problems[0].code == "10015"
    assert len(world.effects) == before
    world.order(leg, RecordStop(recording_id=first))
    finish(world, leg, first)
    world.order(leg, StreamingStart(options=STREAM))
    assert len(world.done(OpenStream)) == 1


def test_a_bridge_that_would_record_too_much_is_refused_whole() -> None:
    world = World()
    leg, other = world.answered(), world.answered()
    for _ in range(4):
        world.order(leg, RecordStart(options=WAV))
    with pytest.raises(ApiError, match="4 recordings"):
        world.order(leg, Bridge(other=other.id, record=WAV))
    assert leg.peer is None
    assert len(leg.recordings) == 4


def test_pause_and_resume_reach_each_recording_once() -> None:
    world = World()
    leg = world.answered()
    one, two = (world.order(leg, RecordStart(options=WAV)).recording_id or "" for _ in range(2))
    world.order(leg, RecordPause(recording_id=one))
    world.order(leg, RecordPause())
    world.order(leg, RecordResume())
    assert world.done(PauseRecording) == [
        PauseRecording(one, paused=True),
        PauseRecording(two, paused=True),
        PauseRecording(one, paused=False),
        PauseRecording(two, paused=False),
    ]


def test_nothing_to_stop_is_refused() -> None:
    world = World()
    leg = world.answered()
    for command in (RecordStop(), RecordPause(), RecordResume()):
        with pytest.raises(ApiError, match="10015"):
            world.order(leg, command)
    world.order(leg, RecordStart(options=WAV))
    with pytest.raises(ApiError, match="10015"):
        world.order(leg, RecordStop(recording_id="other"))
    with pytest.raises(ApiError, match="90034"):
        world.order(world.incoming(), RecordStart(options=WAV))


def test_a_recording_that_cannot_be_written() -> None:
    world = World()
    leg = world.answered()
    recording = world.order(leg, RecordStart(options=WAV)).recording_id or ""
    world.give(leg, RecordingFailed(recording))
    assert world.events()[-1] == "call.recording.error"


def test_answer_starts_what_was_asked_for_with_it() -> None:
    world = World()
    leg = world.incoming()
    result = world.order(leg, Answer(record=WAV, stream=STREAM))
    assert not world.done(StartRecording)
    world.answered(leg)
    assert world.done(StartRecording) == [StartRecording(result.recording_id or "", WAV)]
    assert world.done(OpenStream) == [OpenStream(result.stream_id or "", STREAM, None)]
    assert leg.first_recording == result.recording_id


def test_a_stream_flows_once_the_app_took_it() -> None:
    world = World()
    leg = world.answered()
    stream = world.order(leg, StreamingStart(options=STREAM)).stream_id or ""
    world.give(leg, StreamUp(stream))
    assert world.done(BeginStream) == [BeginStream(stream, None)]
    world.give(leg, DigitHeard("4", 100, START))
    assert world.done(TellStream) == [TellStream(stream, "4", START)]
    world.order(leg, StreamingStop())
    assert world.done(CloseStream) == [CloseStream(stream)]
    world.give(leg, StreamDown(stream, "server"))
    assert [event for event in world.events() if event.startswith("streaming")] == [
        "streaming.started",
        "streaming.stopped",
    ]


def test_one_stream_at_a_time() -> None:
    world = World()
    leg = world.answered()
    stream = world.order(leg, StreamingStart(options=STREAM)).stream_id or ""
    with pytest.raises(ApiError, match="90045"):
        world.order(leg, StreamingStart(options=STREAM))
    with pytest.raises(ApiError, match="90048"):
        world.order(leg, StreamingStop(stream_id="other"))
    world.give(leg, StreamFailed(stream, "connection_failed"))
    failed = world.last("streaming.failed")
    assert isinstance(failed, StreamingFailed)
    assert (failed.failure_reason, failed.stream_params.track) == ("connection_failed", "both_tracks")
    world.order(leg, StreamingStart(options=STREAM))
    with pytest.raises(ApiError, match="90048"):
        world.order(world.answered(), StreamingStop())


def test_hangup_stops_the_stream_before_it_is_told() -> None:
    world = World()
    leg = world.answered()
    stream = world.order(leg, StreamingStart(options=STREAM)).stream_id or ""
    world.give(leg, StreamUp(stream))
    world.order(leg, Hangup())
    assert world.events()[-2:] == ["streaming.stopped", "call.hangup"]
    world.give(leg, StreamDown(stream, "server"))
    assert world.events().count("streaming.stopped") == 1


def test_a_stream_wanted_first_is_opened_before_the_invite() -> None:
    before = StreamOptions("ws://app/media", before_originate=True)
    for outcome in (StreamUp("s"), StreamFailed("s", "connection_failed")):
        world = World()
        leg = world.outgoing(on_answer=OnAnswer(stream=before, stream_id="s"))
        assert not world.done(PlaceLine)
        world.give(leg, outcome)
        assert len(world.done(PlaceLine)) == 1
        world.answered(leg)
        assert len(world.done(BeginStream)) == (1 if isinstance(outcome, StreamUp) else 0)
        assert len(world.done(OpenStream)) == 1


def test_a_stream_that_comes_up_too_late_is_closed() -> None:
    world = World()
    leg = world.answered()
    stream = world.order(leg, StreamingStart(options=STREAM)).stream_id or ""
    world.order(leg, Hangup())
    world.give(leg, StreamUp(stream))
    assert world.done(CloseStream)
    assert "streaming.started" not in world.events()
