"""Joining two legs: bridge, transfer, and what becomes of a pair (spec voice-api §2, §5).

The leg that is asked joins first and tells the other; so each side changes only itself, and a leg that
ended in between refuses instead of being dragged into a bridge.
"""

from ringline.calls import errors, events, playback, recording
from ringline.calls.commands import Bridge, CommandResult, Transfer
from ringline.calls.context import Context
from ringline.calls.effects import (
    AcceptLine,
    DialLeg,
    Effect,
    JoinMedia,
    OpenEarlyMedia,
    PartMedia,
    Ringback,
    SendDigits,
    Tell,
)
from ringline.calls.inputs import DigitHeard, Joined, JoinRefused, PeerFailed, PeerLeft, PeerRings, Relayed
from ringline.calls.options import WebhookOptions
from ringline.calls.state import (
    Facts,
    JoinAsked,
    JoinOptions,
    JoinWanted,
    Leg,
    OnAnswer,
    Peer,
    Playout,
    State,
)

Done = tuple[CommandResult, list[Effect]]

RINGBACK_COUNTRY = "us"


def bridge(leg: Leg, command: Bridge, context: Context) -> Done:
    """Ask another leg to join this one; with a ringtone, once both are answered."""
    leg.require_alive()
    if not command.play_ringtone:
        leg.require_answered("bridge")
    other = context.find(command.other)
    if other is None or other.facts.application.account_id != leg.facts.application.account_id:
        raise errors.unknown_call()
    if other is leg:
        raise errors.bad_request("A call cannot be bridged to itself.", "/call_control_id")
    other.require_alive()
    if not command.play_ringtone:
        other.require_answered("bridge")
    if command.record:
        recording.require_fit(leg, command.record, "/record_timeout_secs")
    own, theirs = _bridge_options(command)
    wanted = JoinWanted(other.id, own, theirs, command.ringtone, command.record)
    if leg.state is State.ANSWERED:
        return CommandResult(), _ask(leg, wanted, context)
    leg.join_wanted = wanted
    return CommandResult(), []


def transfer(leg: Leg, command: Transfer, context: Context) -> Done:
    """Dial a target on behalf of this leg; the two are bridged when it answers."""
    leg.require_alive()
    if leg.state is State.DIALLING:
        raise errors.not_answered("transfer")
    target = command.target
    facts = Facts(
        call_control_id=context.ids.call_control_id(),
        leg_id=context.ids.uuid(),
        session_id=leg.facts.session_id,
        direction="outgoing",
        from_=target.from_ or leg.facts.to,
        to=target.to,
        application=leg.facts.application,
        started=context.now,
        caller_name=target.display_name or "",
        target=target,
        time_limit_s=target.time_limit_s,
        ring_timeout_s=target.timeout_s,
        timeout_is_no_answer=target.timeout_is_no_answer,
        link=leg.id,
        link_options=JoinOptions(mute_dtmf=command.mute_dtmf in ("both", "opposite")),
        owner_options=JoinOptions(
            park_after=command.park_after_unbridge, mute_dtmf=command.mute_dtmf in ("both", "self")
        ),
        early_media=command.early_media,
    )
    on_answer = OnAnswer(record=command.record, digits=target.send_digits, audio=target.audio)
    leg.dialled.append(facts.call_control_id)
    dialling = DialLeg(facts, on_answer, command.target_client_state, command.webhooks or WebhookOptions())
    return CommandResult(), [dialling]


def join_on_answer(leg: Leg, context: Context) -> list[Effect]:
    """Join the leg that waits for this one, after the greeting if there is one."""
    greeting = leg.on_answer.audio
    if greeting is not None:
        playout = Playout(context.ids.uuid(), "playback", greeting)
        leg.greeting = playout.id
        return playback.enqueue(leg, playout)
    return _join_link(leg)


def greeting_ended(leg: Leg, playout_id: str) -> list[Effect]:
    """The greeting was heard: now join."""
    if leg.greeting != playout_id:
        return []
    leg.greeting = None
    return _join_link(leg)


def join_pending(leg: Leg, context: Context) -> list[Effect]:
    """Answered at last: agree to the bridge that was asked for meanwhile, ask for the one that was wanted."""
    asked, leg.join_pending = leg.join_pending, None
    wanted, leg.join_wanted = leg.join_wanted, None
    agreed = join_asked(leg, asked, context) if asked else []
    return [*agreed, *(_ask(leg, wanted, context) if wanted else [])]


def join_asked(leg: Leg, event: JoinAsked, context: Context) -> list[Effect]:
    """Agree to a bridge, now or when this leg is answered."""
    taken = leg.peer is not None and event.theirs.prevent_double
    if taken or not leg.alive:
        return [Tell(event.by, JoinRefused(leg.id, taken))]
    if event.by in leg.dialled:
        leg.dialled.remove(event.by)
    if leg.state is not State.ANSWERED:
        leg.join_pending = event
        if event.waits or leg.state is not State.PARKED or leg.accepted:
            return []
        leg.accepted = True
        return [AcceptLine((), (), silence_when_idle=False)]
    parted = part(leg)
    leg.peer = Peer(event.by, event.own)
    return [
        *parted,
        Ringback(None),
        JoinMedia(event.by),
        events.bridged(leg),
        Tell(event.by, Joined(leg.id, event.theirs)),
    ]


def joined(leg: Leg, event: Joined, context: Context) -> list[Effect]:
    """The other leg agreed."""
    if not leg.alive:
        return [Tell(event.peer, PeerLeft(leg.id))]
    if leg.peer and leg.peer.call == event.peer:
        return []
    former = [Tell(leg.peer.call, PeerLeft(leg.id))] if leg.peer else []
    leg.peer = Peer(event.peer, event.own)
    return [*former, Ringback(None), events.bridged(leg)]


def part(leg: Leg) -> list[Effect]:
    """Leave the bridge, and disappoint who waits for this leg."""
    effects: list[Effect] = []
    leg.join_wanted = None
    if leg.join_pending:
        effects.append(Tell(leg.join_pending.by, PeerFailed(leg.id)))
        leg.join_pending = None
    if leg.peer:
        effects += [PartMedia(leg.peer.call), Tell(leg.peer.call, PeerLeft(leg.id))]
        leg.peer = None
    return effects


def peer_rings(leg: Leg, event: PeerRings) -> list[Effect]:
    """Let the leg hear its transfer ring: the far end's own sound, or a ringing tone."""
    if not leg.alive or leg.peer:
        return []
    if not event.media:
        return [Ringback(RINGBACK_COUNTRY)] if leg.state is State.ANSWERED else []
    opening: list[Effect] = []
    if leg.state is State.PARKED and not leg.early:
        leg.early = True
        opening = [OpenEarlyMedia()]
    return [*opening, Ringback(None), JoinMedia(event.peer)]


def peer_failed(leg: Leg, event: PeerFailed) -> list[Effect]:
    """The leg that was waited for will not come: this one stays where it is."""
    if event.peer in leg.dialled:
        leg.dialled.remove(event.peer)
    if not leg.alive or leg.peer:
        return []
    return [Ringback(None), PartMedia(event.peer)]


def relay(leg: Leg, event: DigitHeard) -> list[Effect]:
    """Pass a key on to the bridged leg."""
    return [Tell(leg.peer.call, Relayed(event.digit, event.duration_ms))] if leg.peer else []


def relayed(leg: Leg, event: Relayed) -> list[Effect]:
    """Play the other side's key to this leg's far end, unless that is muted."""
    if not leg.alive or leg.peer is None or leg.peer.options.mute_dtmf:
        return []
    return [SendDigits(event.digit, max(100, min(event.duration_ms, 500)))]


def _ask(leg: Leg, wanted: JoinWanted, context: Context) -> list[Effect]:
    record = recording.begin(leg, context.ids.uuid(), wanted.record, context) if wanted.record else []
    other = context.find(wanted.other)
    if other is None or not other.alive or (leg.peer and leg.peer.call == wanted.other):
        return record
    ringing: list[Effect] = [] if other.state is State.ANSWERED else [Ringback(wanted.ringtone)]
    asking = Tell(other.id, JoinAsked(leg.id, own=wanted.theirs, theirs=wanted.own, waits=True))
    return [*record, *ringing, asking]


def _join_link(leg: Leg) -> list[Effect]:
    facts = leg.facts
    if facts.link is None:
        return []
    return [Tell(facts.link, JoinAsked(leg.id, own=facts.owner_options, theirs=facts.link_options))]


def _bridge_options(command: Bridge) -> tuple[JoinOptions, JoinOptions]:
    own = JoinOptions(
        park_after=command.park_after_unbridge or command.hold_after_unbridge,
        mute_dtmf=command.mute_dtmf in ("both", "self"),
        prevent_double=command.prevent_double_bridge,
    )
    theirs = JoinOptions(
        park_after=command.hold_after_unbridge, mute_dtmf=command.mute_dtmf in ("both", "opposite")
    )
    return own, theirs
