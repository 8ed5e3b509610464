"""Gathers, by example (spec voice-api §5.2, webhooks §6.3)."""

import pytest

from ringline.calls.commands import Gather, GatherStop, Hangup
from ringline.calls.effects import Play, StopPlayout
from ringline.calls.inputs import DigitHeard, PlayoutEnded, PlayoutStarted
from ringline.calls.options import GatherRules, UrlAudio, Utterance
from ringline.calls.state import Leg
from ringline.core.errors import ApiError
from ringline.webhooks.payloads import CallGatherEnded

from .world import START, World

pytestmark = pytest.mark.unit

PROMPT = UrlAudio("http://app/pin.wav")
WRONG = UrlAudio("http://app/wrong.wav")


def press(world: World, leg: Leg, keys: str) -> None:
    for key in keys:
        world.give(leg, DigitHeard(key, 100, START))


def outcome(world: World) -> tuple[str, str]:
    ended = world.last("call.gather.ended")
    assert isinstance(ended, CallGatherEnded)
    return ended.status, ended.digits


def gathering(rules: GatherRules, **options: object) -> tuple[World, Leg]:
    world = World()
    leg = world.answered()
    world.order(leg, Gather(rules=rules, **options))  # type: ignore[arg-type]
    return world, leg


def last_playout(world: World) -> str:
    play = world.done(Play)[-1]
    assert isinstance(play, Play)
    return play.playout


@pytest.mark.parametrize(
    ("rules", "keys", "expected"),
    [
        (GatherRules(maximum=4), "1234", ("valid", "1234")),
        (GatherRules(), "12#", ("valid", "12")),
        (GatherRules(minimum=3), "12#", ("invalid", "12")),
        (GatherRules(terminator="*"), "1#*", ("valid", "1#")),
        (GatherRules(terminator="", maximum=3), "1#2", ("valid", "1#2")),
        (GatherRules(valid="12"), "13", ("invalid", "13")),
    ],
)
def test_digits_complete_a_gather(rules: GatherRules, keys: str, expected: tuple[str, str]) -> None:
    world, leg = gathering(rules)
    press(world, leg, keys)
    assert outcome(world) == expected
    assert world.events().count("call.dtmf.received") == len(keys)


def test_the_pause_between_digits_ends_it() -> None:
    for minimum, status in ((1, "valid"), (3, "invalid")):
        world, leg = gathering(GatherRules(minimum=minimum, inter_digit_ms=2000))
        press(world, leg, "1")
        world.advance(1.9)
        press(world, leg, "2")
        world.advance(2.1)
        assert outcome(world) == (status, "12")


def test_no_digit_at_all_is_a_timeout() -> None:
    world, _ = gathering(GatherRules(initial_ms=3000))
    world.advance(3)
    assert outcome(world) == ("timeout", "")


def test_the_total_time_ends_it() -> None:
    world, leg = gathering(GatherRules(total_ms=4000, inter_digit_ms=3000, minimum=9))
    for _ in range(3):
        world.advance(1.3)
        press(world, leg, "1")
    world.advance(0.2)
    assert outcome(world) == ("invalid", "111")


def test_a_new_gather_cancels_the_old_and_stop_cancels_too() -> None:
    world, leg = gathering(GatherRules())
    press(world, leg, "1")
    world.order(leg, Gather(rules=GatherRules(), gather_id="mine"))
    assert outcome(world) == ("cancelled", "1")
    world.order(leg, GatherStop())
    ended = world.last("call.gather.ended")
    assert isinstance(ended, CallGatherEnded)
    assert (ended.status, ended.gather_id) == ("cancelled", "mine")
    world.order(leg, GatherStop())
    assert world.events().count("call.gather.ended") == 2


def test_hangup_ends_a_gather() -> None:
    world, leg = gathering(GatherRules())
    press(world, leg, "7")
    world.order(leg, Hangup())
    assert outcome(world) == ("call_hangup", "7")


def test_a_key_interrupts_the_prompt() -> None:
    world, leg = gathering(GatherRules(tries=3), prompt=PROMPT)
    prompt = last_playout(world)
    world.give(leg, PlayoutStarted(prompt))
    press(world, leg, "1")
    assert world.done(StopPlayout) == [StopPlayout(prompt)]
    world.give(leg, PlayoutEnded(prompt, "stopped", 60))
    press(world, leg, "#")
    assert outcome(world) == ("valid", "1")
    assert "call.playback.started" in world.events()


def test_a_prompt_that_was_interrupted_before_it_began_has_no_event() -> None:
    world, leg = gathering(GatherRules(), prompt=PROMPT)
    prompt = last_playout(world)
    before = world.events()
    press(world, leg, "1")
    world.give(leg, PlayoutEnded(prompt, "stopped"))
    assert world.events() == [*before, "call.dtmf.received"]


def test_the_time_runs_from_the_end_of_the_prompt() -> None:
    world, leg = gathering(GatherRules(total_ms=5000), prompt=PROMPT)
    world.advance(60)
    assert "call.gather.ended" not in world.events()
    world.give(leg, PlayoutEnded(last_playout(world), "completed", 100))
    world.advance(5)
    assert outcome(world) == ("timeout", "")


def test_tries_repeat_the_prompt_then_give_up() -> None:
    world, leg = gathering(GatherRules(tries=3, total_ms=1000), prompt=PROMPT)
    for _ in range(3):
        world.give(leg, PlayoutEnded(last_playout(world), "completed", 100))
        world.advance(1)
    assert outcome(world) == ("timeout", "")
    assert len(world.done(Play)) == 3


def test_wrong_digits_bring_the_other_prompt() -> None:
    world, leg = gathering(GatherRules(tries=2, valid="1"), prompt=PROMPT, invalid_prompt=WRONG)
    first = last_playout(world)
    press(world, leg, "2")
    world.give(leg, PlayoutEnded(first, "stopped"))
    assert leg.playouts[0].content == WRONG
    press(world, leg, "1#")
    assert outcome(world) == ("valid", "1")


def test_a_spoken_prompt_has_no_events_of_its_own() -> None:
    world, leg = gathering(GatherRules(), prompt=Utterance("your pin", "male"))
    prompt = last_playout(world)
    world.give(leg, PlayoutStarted(prompt))
    world.give(leg, PlayoutEnded(prompt, "completed", 900))
    press(world, leg, "5#")
    assert [event for event in world.events() if "speak" in event] == []
    assert outcome(world) == ("valid", "5")


def test_a_gather_needs_an_answered_call() -> None:
    world = World()
    with pytest.raises(ApiError, match="90034"):
        world.order(world.incoming(), Gather(rules=GatherRules()))
