"""Playback and speech: one queue per leg, and overlays mixed on top (spec voice-api §5.1)."""

from ringline.calls import errors, events
from ringline.calls.commands import CommandResult, PlaybackStart, PlaybackStop, Speak
from ringline.calls.context import Context
from ringline.calls.effects import Effect, OpenEarlyMedia, Play, Prepare, StopPlayout
from ringline.calls.inputs import PlayoutEnded, PlayoutStarted
from ringline.calls.options import Targets
from ringline.calls.state import Leg, Playout, State

Done = tuple[CommandResult, list[Effect]]


def start_playback(leg: Leg, command: PlaybackStart, context: Context) -> Done:
    """Queue audio, or lay it over what plays."""
    early = _open_for_audio(leg, "playback_start")
    if command.overlay and not leg.playouts:
        raise errors.bad_request("An overlay needs a playback that is running.", "/overlay")
    playout = Playout(
        context.ids.uuid(),
        "playback",
        command.audio,
        loop=command.loop,
        overlay=command.overlay,
        targets=_targets(leg, command.targets),
    )
    stopping = stop(leg, command.stop, overlays=command.overlay) if command.stop else []
    return CommandResult(), [*early, *stopping, *enqueue(leg, playout)]


def start_speaking(leg: Leg, command: Speak, context: Context) -> Done:
    """Queue speech."""
    early = _open_for_audio(leg, "speak")
    playout = Playout(
        context.ids.uuid(),
        "speak",
        command.utterance,
        loop=command.loop,
        targets=_targets(leg, command.targets),
    )
    stopping = stop(leg, command.stop, overlays=False) if command.stop else []
    return CommandResult(), [*early, *stopping, *enqueue(leg, playout)]


def stop_playback(leg: Leg, command: PlaybackStop, _context: Context) -> Done:
    """Stop the current playout or all; nothing playing is no error."""
    leg.require_alive()
    effects = stop(leg, command.stop, overlays=command.overlay)
    if command.stop == "all" and not command.overlay:
        effects += stop(leg, "all", overlays=True)
    return CommandResult(), effects


def enqueue(leg: Leg, playout: Playout) -> list[Effect]:
    """Put a playout into its queue; the first of a queue plays, every overlay plays at once."""
    queue = leg.overlays if playout.overlay else leg.playouts
    queue.append(playout)
    prepare = Prepare(playout.id, playout.content)
    if playout.overlay or len(queue) == 1:
        return [prepare, _play(leg, playout)]
    return [prepare]


def stop(leg: Leg, which: str, *, overlays: bool) -> list[Effect]:
    """Stop the current one, or all; those that never began vanish without an event."""
    queue = leg.overlays if overlays else leg.playouts
    if not queue:
        return []
    running = queue[:] if overlays else queue[:1]
    if which == "current":
        running = running[:1]
    elif not overlays:
        forgotten = queue[1:]
        del queue[1:]
        return [*[StopPlayout(playout.id) for playout in forgotten], *_ask_to_stop(running)]
    return _ask_to_stop(running)


def stop_one(leg: Leg, playout_id: str) -> list[Effect]:
    """Stop the playout of this id if it is still there."""
    return _ask_to_stop([playout for playout in leg.playouts if playout.id == playout_id])


def started(leg: Leg, event: PlayoutStarted, context: Context) -> list[Effect]:
    """The first sample was sent: now it is true to say so, once however often it loops."""
    playout = _find(leg, event.playout)
    if playout is None or playout.started or not leg.alive:
        return []
    playout.started = True
    return events.playout_started(leg, playout)


def ended(leg: Leg, event: PlayoutEnded, context: Context) -> list[Effect]:
    """Report the end and play the next."""
    playout = _find(leg, event.playout)
    if playout is None:
        return []
    queue = leg.overlays if playout.overlay else leg.playouts
    was_current = bool(queue) and queue[0] is playout
    queue.remove(playout)
    if not leg.alive:
        return []
    following: list[Effect] = []
    if not playout.overlay and was_current and leg.playouts:
        following = [_play(leg, leg.playouts[0])]
    return [*_told_of_the_end(leg, playout, event), *following]


def end_all(leg: Leg, context: Context) -> list[Effect]:
    """At hang-up, what had begun ends with `call_hangup`; the rest vanishes."""
    running = [*leg.playouts, *leg.overlays]
    leg.playouts.clear()
    leg.overlays.clear()
    effects: list[Effect] = []
    for playout in running:
        effects.append(StopPlayout(playout.id))
        if playout.started:
            effects += events.playout_hung_up(leg, playout)
    return effects


def _told_of_the_end(leg: Leg, playout: Playout, event: PlayoutEnded) -> list[Effect]:
    """What was stopped before it began has no event, empty audio has both; failures are always told."""
    if playout.started or event.outcome in ("missing", "failed"):
        return events.playout_ended(leg, playout, event)
    if event.outcome == "stopped":
        return []
    return [*events.playout_started(leg, playout), *events.playout_ended(leg, playout, event)]


def _open_for_audio(leg: Leg, command: str) -> list[Effect]:
    leg.require_alive()
    if leg.state is State.ANSWERED:
        return []
    if leg.state is State.DIALLING:
        raise errors.not_answered(command)
    opening: list[Effect] = [] if leg.early else [OpenEarlyMedia()]
    leg.early = True
    return opening


def _targets(leg: Leg, targets: Targets) -> tuple[str, ...]:
    peer = leg.peer.call if leg.peer else leg.id
    return {"self": (leg.id,), "opposite": (peer,), "both": tuple(dict.fromkeys((leg.id, peer)))}[targets]


def _play(leg: Leg, playout: Playout) -> Effect:
    return Play(playout.id, playout.targets or (leg.id,), playout.loop, playout.overlay)


def _ask_to_stop(playouts: list[Playout]) -> list[Effect]:
    fresh = [playout for playout in playouts if not playout.asked_to_stop]
    for playout in fresh:
        playout.asked_to_stop = True
    return [StopPlayout(playout.id) for playout in fresh]


def _find(leg: Leg, playout_id: str) -> Playout | None:
    return next((p for p in (*leg.playouts, *leg.overlays) if p.id == playout_id), None)
