"""Collecting digits, with or without a prompt (spec voice-api §5.2).

A try begins with the prompt, if there is one, and ends with a verdict: `valid`, `invalid` or `timeout`.
A verdict that is not `valid` begins another try while tries remain, otherwise it ends the gather.
"""

from ringline.calls import events, playback
from ringline.calls.commands import CommandResult, Gather, GatherStop
from ringline.calls.context import Context
from ringline.calls.effects import ClearTimer, Effect, SetTimer
from ringline.calls.options import Audio, Utterance
from ringline.calls.state import Gathering, Leg, Playout, PlayoutKind

INITIAL_TIMER = "gather initial"
DIGIT_TIMER = "gather digit"
TOTAL_TIMER = "gather total"

Done = tuple[CommandResult, list[Effect]]


def start(leg: Leg, command: Gather, context: Context) -> Done:
    """Begin to collect; a gather that runs is cancelled."""
    leg.require_answered("gather")
    replaced = end(leg, "cancelled", context)
    gathering = Gathering(
        command.gather_id or context.ids.uuid(),
        command.rules,
        tries_left=command.rules.tries - 1,
        prompt=command.prompt,
        invalid_prompt=command.invalid_prompt,
    )
    leg.gathering = gathering
    return CommandResult(), [*replaced, *_begin_try(leg, gathering, gathering.prompt, context)]


def stop(leg: Leg, _command: GatherStop, context: Context) -> Done:
    """Give up; nothing running is no error."""
    leg.require_alive()
    return CommandResult(), end(leg, "cancelled", context)


def digit(leg: Leg, key: str, context: Context) -> list[Effect]:
    """One more key: it interrupts the prompt and may complete the digits."""
    gathering = leg.gathering
    if gathering is None:
        return []
    rules = gathering.rules
    interrupted = playback.stop_one(leg, gathering.prompting) if gathering.prompting else []
    gathering.prompting = None
    if key == rules.terminator:
        verdict = "valid" if len(gathering.digits) >= rules.minimum else "invalid"
        return [*interrupted, *_judge(leg, gathering, verdict, context)]
    gathering.digits += key
    if key not in rules.valid:
        return [*interrupted, *_judge(leg, gathering, "invalid", context)]
    if len(gathering.digits) >= rules.maximum:
        return [*interrupted, *_judge(leg, gathering, "valid", context)]
    return [*interrupted, ClearTimer(INITIAL_TIMER), SetTimer(DIGIT_TIMER, rules.inter_digit_ms)]


def prompt_ended(leg: Leg, playout_id: str) -> list[Effect]:
    """The prompt was heard to its end: now the caller's time runs."""
    gathering = leg.gathering
    if gathering is None or gathering.prompting != playout_id:
        return []
    gathering.prompting = None
    return _start_timers(gathering)


def timer(leg: Leg, name: str, context: Context) -> list[Effect]:
    """Time is up for the first digit, the next digit, or all of them."""
    gathering = leg.gathering
    if gathering is None:
        return []
    if not gathering.digits:
        verdict = "timeout"
    else:
        verdict = "valid" if len(gathering.digits) >= gathering.rules.minimum else "invalid"
    if name == TOTAL_TIMER and gathering.prompt is None:
        gathering.tries_left = 0
    return _judge(leg, gathering, verdict, context)


def end(leg: Leg, status: str, context: Context) -> list[Effect]:
    """End a gather that runs with this status."""
    gathering = leg.gathering
    if gathering is None:
        return []
    leg.gathering = None
    silenced = playback.stop_one(leg, gathering.prompting) if gathering.prompting else []
    return [
        *silenced,
        ClearTimer(INITIAL_TIMER),
        ClearTimer(DIGIT_TIMER),
        ClearTimer(TOTAL_TIMER),
        events.gather_ended(leg, gathering, status),
    ]


def _judge(leg: Leg, gathering: Gathering, verdict: str, context: Context) -> list[Effect]:
    if verdict == "valid" or gathering.tries_left <= 0:
        return end(leg, verdict, context)
    gathering.tries_left -= 1
    gathering.digits = ""
    prompt = gathering.prompt if verdict == "timeout" else gathering.invalid_prompt or gathering.prompt
    return [ClearTimer(DIGIT_TIMER), *_begin_try(leg, gathering, prompt, context)]


def _begin_try(
    leg: Leg, gathering: Gathering, prompt: Audio | Utterance | None, context: Context
) -> list[Effect]:
    if prompt is None:
        return _start_timers(gathering)
    kind: PlayoutKind = "silent prompt" if isinstance(prompt, Utterance) else "prompt"
    playout = Playout(context.ids.uuid(), kind, prompt)
    gathering.prompting = playout.id
    return [ClearTimer(INITIAL_TIMER), ClearTimer(TOTAL_TIMER), *playback.enqueue(leg, playout)]


def _start_timers(gathering: Gathering) -> list[Effect]:
    timers: list[Effect] = [SetTimer(TOTAL_TIMER, gathering.rules.total_ms)]
    if gathering.rules.initial_ms is not None:
        timers.append(SetTimer(INITIAL_TIMER, gathering.rules.initial_ms))
    return timers
