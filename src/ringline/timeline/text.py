"""A call as lines of text, for terminals and bug reports."""

from collections.abc import Sequence

from ringline.timeline.entries import (
    AnyBody,
    CommandReceived,
    DtmfReceived,
    DtmfSent,
    Ended,
    Entry,
    MediaSettled,
    MediaStats,
    PlayoutEnded,
    PlayoutStarted,
    SipMessage,
    SpeechResult,
    StreamControl,
    StreamOpened,
    TalkSpurt,
    TimerSet,
    TranscriptionFailed,
    TranscriptionStarted,
    TranscriptionStopped,
    WebhookAttempted,
)
from ringline.timeline.readers import Summary, by_leg, since, summary


def show(entries: Sequence[Entry]) -> str:
    """A head for each leg and a line for each entry; ends with a newline. Text for no entries says so."""
    if not entries:
        return "Nothing is known of this call.\n"
    legs = by_leg(entries)
    names = {leg_id: chr(ord("A") + number % 26) for number, leg_id in enumerate(legs)}
    lines = [line for leg_id, own in legs.items() for line in _head(names[leg_id], summary(own))]
    lines.append("")
    for entry in entries:
        column = f"{names[entry.leg_id]} " if len(legs) > 1 else ""
        lines.append(f"{since(entries, entry.at) / 1000:9.3f}  {column}{describe(entry.body)}".rstrip())
    return "\n".join(lines) + "\n"


def describe(body: AnyBody) -> str:
    """One line on what happened."""
    match body:
        case CommandReceived():
            return f"command   {body.name} {body.body if body.body != '{}' else ''}"
        case SipMessage():
            return f"sip {'→' if body.direction == 'out' else '←'}     {body.summary}  ({body.peer})"
        case MediaSettled():
            return f"media     {body.codec} with {body.remote}"
        case PlayoutStarted():
            return f"play      {body.source or body.playout} begins{' over the rest' if body.overlay else ''}"
        case PlayoutEnded():
            return f"play      {body.playout} {body.reason}, {body.played_ms} ms heard"
        case DtmfReceived():
            return f"dtmf ←    {body.digit} ({body.method}, {body.duration_ms} ms)"
        case DtmfSent():
            return f"dtmf →    {body.digits}"
        case TalkSpurt():
            return f"talk      {'begins' if body.speaking else 'ends'}"
        case SpeechResult():
            known = f" (known {body.lag_ms} ms after)" if body.lag_ms else ""
            return f"speech    {body.track}{'' if body.final else ' (interim)'}: {body.text}{known}"
        case TranscriptionStarted():
            return f"listen    {' and '.join(body.tracks)} for {body.engine} in {body.language}"
        case TranscriptionStopped():
            return "listen    ends"
        case TranscriptionFailed():
            return f"listen    fails: {body.reason}"
        case MediaStats():
            lost, received = sum(row.lost for row in body.rows), sum(row.received for row in body.rows)
            return f"stats     {len(body.rows)} s, {received} packets in, {lost} lost"
        case StreamOpened():
            return f"stream    {body.url} opened ({body.track} {body.codec})"
        case StreamControl():
            return f"stream {'→' if body.direction == 'out' else '←'}  {body.frame} {body.detail}"
        case WebhookAttempted():
            outcome = body.error or f"{body.status}"
            return (
                f"webhook → {body.event_type} attempt {body.attempt} to {body.url}: {outcome}"
                f" in {body.latency_us / 1000:.1f} ms"
            )
        case TimerSet():
            return f"timer     {body.timer} in {body.delay_ms} ms"
        case Ended():
            return f"ended     {body.cause} by {body.source}, SIP {body.sip}"
        case _:
            return f"{str(body.__struct_config__.tag).replace('_', ' '):9} {body.label}"


def _head(name: str, leg: Summary) -> list[str]:
    lines = [
        f"Leg {name}  {leg.leg_id}  (session {leg.session_id})",
        f"  {leg.started_at.isoformat(sep=' ', timespec='milliseconds')}"
        f"  ring {_seconds(leg.ring_ms)}  talk {_seconds(leg.talk_ms)}",
        f"  {leg.who_ended}",
    ]
    if leg.codec:
        heard = leg.quality
        lines.append(
            f"  {leg.codec} with {leg.remote}: {heard.received} packets in, {heard.sent} out,"
            f" {heard.loss:.2%} lost, jitter up to {heard.max_jitter_ms:.1f} ms"
        )
    undelivered = f", {leg.webhooks_undelivered} not delivered" if leg.webhooks_undelivered else ""
    lines.append(f"  {leg.commands} commands, {leg.webhooks} webhooks{undelivered}, {leg.digits} digits")
    return lines


def _seconds(ms: float | None) -> str:
    return "–" if ms is None else f"{ms / 1000:.2f} s"
