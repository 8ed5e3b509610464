"""Playback and speech, by example (spec voice-api §5.1, webhooks §6.4)."""

import pytest

from ringline.calls.commands import Hangup, PlaybackStart, PlaybackStop, Speak
from ringline.calls.effects import OpenEarlyMedia, Play, Prepare, StopPlayout
from ringline.calls.inputs import PlayoutEnded, PlayoutStarted
from ringline.calls.options import InlineAudio, StoredAudio, UrlAudio, Utterance
from ringline.calls.state import Leg
from ringline.core.errors import ApiError
from ringline.webhooks.payloads import CallPlaybackEnded, CallPlaybackStarted, CallSpeakEnded

from .world import World

pytestmark = pytest.mark.unit

SONG = UrlAudio("http://app/song.mp3")
HELLO = Utterance("hello", "female")


def playing(world: World, leg: Leg) -> list[str]:
    return [effect.playout for effect in world.done(Play, leg) if isinstance(effect, Play)]


def heard(world: World, leg: Leg, playout: str) -> None:
    world.give(leg, PlayoutStarted(playout))
    world.give(leg, PlayoutEnded(playout, "completed", 100))


def test_playback_is_told_when_it_begins_and_when_it_ends() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, PlaybackStart(audio=SONG))
    (playout,) = playing(world, leg)
    assert world.events()[-1] == "call.answered"
    heard(world, leg, playout)
    started, ended = world.payloads()[-2:]
    assert isinstance(started, CallPlaybackStarted)
    assert isinstance(ended, CallPlaybackEnded)
    assert started.media_url == ended.media_url == SONG.url
    assert ended.status == "completed"


def test_commands_queue_and_are_fetched_ahead() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, PlaybackStart(audio=SONG))
    world.order(leg, Speak(utterance=HELLO))
    assert len(world.done(Prepare)) == 2
    (first,) = playing(world, leg)
    heard(world, leg, first)
    assert len(playing(world, leg)) == 2
    heard(world, leg, playing(world, leg)[1])
    assert world.events()[-2:] == ["call.speak.started", "call.speak.ended"]


def test_stop_current_goes_on_with_the_next() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, PlaybackStart(audio=SONG))
    world.order(leg, PlaybackStart(audio=StoredAudio("bell")))
    first = playing(world, leg)[0]
    world.give(leg, PlayoutStarted(first))
    world.order(leg, PlaybackStop(stop="current"))
    assert world.done(StopPlayout) == [StopPlayout(first)]
    world.give(leg, PlayoutEnded(first, "stopped", 40))
    ended = world.last("call.playback.ended")
    assert isinstance(ended, CallPlaybackEnded)
    assert ended.status == "cancelled"
    assert len(playing(world, leg)) == 2


def test_stop_all_forgets_the_queue_without_events() -> None:
    world = World()
    leg = world.answered()
    for _ in range(3):
        world.order(leg, PlaybackStart(audio=SONG))
    first = playing(world, leg)[0]
    world.give(leg, PlayoutStarted(first))
    world.order(leg, PlaybackStop())
    assert len(world.done(StopPlayout)) == 3
    world.give(leg, PlayoutEnded(first, "stopped", 40))
    assert world.events().count("call.playback.ended") == 1
    assert leg.playouts == []


@pytest.mark.parametrize("command", [PlaybackStart(audio=SONG), Speak(utterance=HELLO)])
def test_what_is_stopped_before_it_began_has_no_event(command: PlaybackStart | Speak) -> None:
    world = World()
    leg = world.answered()
    before = world.events()
    world.order(leg, command)
    world.order(leg, PlaybackStart(audio=SONG))
    world.order(leg, PlaybackStop(stop="current"))
    first = playing(world, leg)[0]
    world.give(leg, PlayoutEnded(first, "stopped"))
    assert world.events() == before
    assert len(playing(world, leg)) == 2


def test_audio_of_no_length_begins_and_ends() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, Speak(utterance=HELLO))
    world.give(leg, PlayoutEnded(playing(world, leg)[0], "completed"))
    assert world.events()[-2:] == ["call.speak.started", "call.speak.ended"]


def test_stopping_nothing_is_no_error() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, PlaybackStop())
    assert world.done(StopPlayout) == []


def test_stop_within_a_command_makes_room_for_it() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, PlaybackStart(audio=SONG))
    first = playing(world, leg)[0]
    world.order(leg, PlaybackStart(audio=SONG, stop="all"))
    world.give(leg, PlayoutEnded(first, "stopped"))
    assert len(playing(world, leg)) == 2


def test_an_overlay_needs_something_to_lie_over() -> None:
    world = World()
    leg = world.answered()
    with pytest.raises(ApiError, match="10015"):
        world.order(leg, PlaybackStart(audio=SONG, overlay=True))
    world.order(leg, PlaybackStart(audio=SONG))
    world.order(leg, PlaybackStart(audio=SONG, overlay=True))
    overlay = world.done(Play)[-1]
    assert isinstance(overlay, Play)
    assert overlay.overlay
    world.order(leg, PlaybackStop(overlay=True))
    assert world.done(StopPlayout) == [StopPlayout(overlay.playout)]


def test_a_file_that_is_not_there() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, PlaybackStart(audio=SONG))
    world.give(leg, PlayoutEnded(playing(world, leg)[0], "missing", 0, "404 from app"))
    ended = world.last("call.playback.ended")
    assert isinstance(ended, CallPlaybackEnded)
    assert (ended.status, ended.status_detail) == ("file_not_found", "404 from app")
    assert "call.playback.started" not in world.events()


def test_hangup_ends_what_was_heard_and_only_that() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, Speak(utterance=HELLO))
    world.order(leg, PlaybackStart(audio=InlineAudio(b"x")))
    world.give(leg, PlayoutStarted(playing(world, leg)[0]))
    world.order(leg, Hangup())
    ended = world.last("call.speak.ended")
    assert isinstance(ended, CallSpeakEnded)
    assert ended.status == "call_hangup"
    assert "call.playback.ended" not in world.events()
    assert world.events()[-1] == "call.hangup"


def test_speech_stopped_counts_as_completed_and_failed_speech_has_no_word() -> None:
    world = World()
    leg = world.answered()
    for outcome, status in (("stopped", "completed"), ("failed", None)):
        world.order(leg, Speak(utterance=HELLO))
        world.give(leg, PlayoutStarted(playing(world, leg)[-1]))
        world.give(leg, PlayoutEnded(playing(world, leg)[-1], outcome))  # type: ignore[arg-type]
        ended = world.last("call.speak.ended")
        assert isinstance(ended, CallSpeakEnded)
        assert ended.status == status


def test_a_parked_caller_hears_early_media_once_opened() -> None:
    world = World()
    leg = world.incoming()
    world.order(leg, PlaybackStart(audio=SONG))
    world.order(leg, Speak(utterance=HELLO))
    assert len(world.done(OpenEarlyMedia)) == 1
    with pytest.raises(ApiError, match="90034"):
        world.order(world.outgoing(), PlaybackStart(audio=SONG))


def test_looping_is_one_playback() -> None:
    world = World()
    leg = world.answered()
    world.order(leg, PlaybackStart(audio=SONG, loop=3))
    playout = playing(world, leg)[0]
    for _ in range(3):
        world.give(leg, PlayoutStarted(playout))
    world.give(leg, PlayoutEnded(playout, "completed", 900))
    assert world.events().count("call.playback.started") == 1
