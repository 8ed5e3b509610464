"""The page of a call: one HTML file that needs nothing else, neither script nor network.

Everything that came from outside is escaped; a content security policy forbids what might slip through.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import escape
from importlib import resources

from ringline.timeline import readers, svg
from ringline.timeline.entries import (
    CommandReceived,
    DtmfReceived,
    DtmfSent,
    Entry,
    SipMessage,
    SpeechResult,
    StateChanged,
    StreamControl,
    TimerFired,
)
from ringline.timeline.readers import Span, Summary, WebhookTimes
from ringline.timeline.sound import Sound
from ringline.timeline.svg import Lane, Mark, Scale, Waveform
from ringline.timeline.text import describe

_STYLE = resources.files("ringline.timeline").joinpath("call.css").read_text("utf-8")

_NO_TEXT = dict.fromkeys([*range(9), 11, 12, *range(14, 32)], "\ufffd")
"""Control characters, which HTML and SVG do not allow."""


def page(entries: Sequence[Entry], *, sounds: Sequence[Sound] = ()) -> str:
    """The whole page, with its recordings if `sounds` are given: then it can be listened to as well.

    Redact `entries` before, and give no sound, unless the reader may see everything.
    """
    recorded = f"<section><h2>Recordings</h2>{''.join(map(_player, sounds))}</section>" if sounds else ""
    if not entries:
        return _document("No such call", f"<h1>Nothing is known of this call.</h1>{recorded}")
    legs = readers.by_leg(entries)
    scale = Scale(entries[0].at, max(entry.at for entry in entries))
    title = f"Call {entries[0].session_id}"
    rows = readers.ladder(entries)
    peaks = {one.recording_id: one.peaks for one in sounds if one.peaks}
    parts = [f"<h1>{escape(title)}</h1>", '<div class="cards">']
    parts += [_card(readers.summary(own)) for own in legs.values()]
    parts.append("</div>")
    for leg_id, own in legs.items():
        head = f"Leg {escape(leg_id)}" if len(legs) > 1 else "Timeline"
        parts.append(f"<section><h2>{head}</h2>{svg.lanes(_lanes(own, scale, peaks), scale)}</section>")
    parts.append(recorded)
    if rows:
        parts.append(f"<section><h2>SIP</h2>{svg.ladder(rows)}</section>")
    if sent := readers.webhooks(entries):
        parts.append(f"<section><h2>Webhooks</h2>{_webhook_table(sent, entries)}</section>")
    parts.append(f"<section><h2>Log</h2>{_log_table(entries)}</section>")
    return _document(title, "".join(parts))


def _card(leg: Summary) -> str:
    facts = [
        ("started", leg.started_at.isoformat(sep=" ", timespec="milliseconds")),
        ("rang", _seconds(leg.ring_ms)),
        ("talked", _seconds(leg.talk_ms)),
        ("end", leg.who_ended),
    ]
    if leg.codec:
        heard = leg.quality
        facts += [
            ("media", f"{leg.codec} with {leg.remote}"),
            (
                "heard",
                f"{heard.received} packets, {heard.loss:.2%} lost, jitter ≤ {heard.max_jitter_ms:.1f} ms",
            ),
        ]
    webhooks = f"{leg.webhooks - leg.webhooks_undelivered} of {leg.webhooks} delivered"
    facts.append(("webhooks", webhooks))
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f'<article class="card"><h2>{escape(leg.leg_id)}</h2><dl>{rows}</dl></article>'


def _player(sound: Sound) -> str:
    name = escape(sound.recording_id)
    if not sound.content:
        return f"<p>{name}: {escape(sound.note)}</p>"
    return f'<p>{name}</p><audio controls preload="metadata" src="{escape(sound.uri)}"></audio>'


def _lanes(entries: Sequence[Entry], scale: Scale, peaks: Mapping[str, svg.Channels]) -> list[Lane]:
    end = scale.start + timedelta(milliseconds=scale.length_ms)
    recorded = readers.recordings(entries)
    return [
        Lane("state", tuple(_states(entries, scale))),
        Lane("commands", _ticks(entries, CommandReceived, "cmd")),
        Lane("SIP", _ticks(entries, SipMessage, "sip")),
        Lane("webhooks", tuple(_webhook_mark(one) for one in readers.webhooks(entries))),
        Lane(
            "bridge", tuple(_bar(span, scale, "bridge", label="bridged") for span in readers.bridges(entries))
        ),
        Lane(
            "playout",
            tuple(_bar(span, scale, "play", label=_file(span.label)) for span in readers.playouts(entries)),
        ),
        Lane("far end", tuple(_bar(span, scale, "talk", label="") for span in readers.talk(entries))),
        Lane("recognizer", tuple(_bar(span, scale, "stream") for span in readers.transcriptions(entries))),
        Lane("speech", tuple(_words(entry) for entry in entries if isinstance(entry.body, SpeechResult))),
        Lane("DTMF", _ticks(entries, (DtmfReceived, DtmfSent), "dtmf")),
        Lane("streams", tuple(_bar(span, scale, "stream") for span in readers.streams(entries))),
        Lane("frames", _ticks(entries, StreamControl, "frame")),
        Lane("timers", _ticks(entries, TimerFired, "timer")),
        *(
            Lane(
                "recording",
                (_bar(span, scale, "rec"),),
                Waveform(span.started_at, span.ended_at or end, peaks[span.id]) if span.id in peaks else None,
            )
            for span in recorded
        ),
    ]


def _states(entries: Sequence[Entry], scale: Scale) -> list[Mark]:
    changes = [entry for entry in entries if isinstance(entry.body, StateChanged)]
    end = scale.start + timedelta(milliseconds=scale.length_ms)
    ends = [entry.at for entry in changes[1:]] + [end] * bool(changes)
    return [
        Mark(entry.at, until, entry.body.label, f"state s-{number % 4}")
        for number, (entry, until) in enumerate(zip(changes, ends, strict=True))
        if entry.body.label != "ended"
    ]


def _ticks(entries: Sequence[Entry], kinds: type | tuple[type, ...], style: str) -> tuple[Mark, ...]:
    return tuple(
        Mark(entry.at, None, _tick_label(entry), style, describe(entry.body))
        for entry in entries
        if isinstance(entry.body, kinds)
    )


def _words(entry: Entry) -> Mark:
    begin, end = readers.said(entry)
    return Mark(begin, end if end > begin else None, _tick_label(entry), "speech", describe(entry.body))


def _tick_label(entry: Entry) -> str:
    match entry.body:
        case SipMessage() as message:
            return message.summary.partition(" sip:")[0]
        case DtmfReceived() as key:
            return key.digit
        case DtmfSent() as keys:
            return keys.digits
        case SpeechResult() as words:
            return words.text
        case body:
            return body.label


def _file(source: str) -> str:
    """The last part of a URL's path; anything else as it is."""
    scheme, _, rest = source.partition("://")
    name = rest.partition("?")[0].rstrip("/").rpartition("/")[2]
    return name or source if scheme in {"http", "https"} else source


def _bar(span: Span, scale: Scale, style: str, label: str | None = None) -> Mark:
    end = span.ended_at or scale.start + timedelta(milliseconds=scale.length_ms)
    length = (end - span.started_at).total_seconds()
    heard = f", {span.played_ms} ms heard" if span.played_ms is not None else ""
    hint = f"{span.label}: {length:.2f} s {span.outcome}{heard}"
    style = f"{style} over" if span.overlay else style
    return Mark(span.started_at, end, span.label if label is None else label, style, hint)


def _webhook_mark(one: WebhookTimes) -> Mark:
    end = one.queued_at
    if one.delivered_ms is not None:
        end += timedelta(milliseconds=one.delivered_ms)
    hint = f"{one.event_type}: {_webhook_outcome(one)}"
    return Mark(one.queued_at, end, one.event_type, f"hook-{one.state}", hint)


def _webhook_outcome(one: WebhookTimes) -> str:
    if one.delivered_ms is not None:
        return f"delivered after {one.delivered_ms:.1f} ms, attempt {len(one.attempts)}"
    if one.attempts:
        return f"not delivered, {len(one.attempts)} attempts; last: {one.attempts[-1].error}"
    return "not sent yet"


def _webhook_table(sent: Sequence[WebhookTimes], entries: Sequence[Entry]) -> str:
    rows = "".join(
        f"<tr><td>{readers.since(entries, one.queued_at) / 1000:.3f}</td><td>{escape(one.event_type)}</td>"
        f'<td class="hook-{one.state}">{escape(one.state)}</td>'
        f"<td>{'' if one.first_sent_ms is None else f'{one.first_sent_ms:.1f}'}</td>"
        f"<td>{_attempts(one)}</td></tr>"
        for one in sent
    )
    head = "<tr><th>at</th><th>event</th><th>state</th><th>sent after ms</th><th>attempts</th></tr>"
    return f'<div class="scroll"><table>{head}{rows}</table></div>'


def _attempts(one: WebhookTimes) -> str:
    return "<br>".join(
        f"{tried.attempt}: {escape(tried.url)} "
        f"{escape(tried.error or str(tried.status))} ({tried.latency_us / 1000:.1f} ms)"
        for tried in one.attempts
    )


def _log_table(entries: Sequence[Entry]) -> str:
    rows = []
    for entry in entries:
        raw = entry.body.raw if isinstance(entry.body, SipMessage) else None
        more = f"<details><summary>message</summary><pre>{escape(raw)}</pre></details>" if raw else ""
        rows.append(
            f"<tr><td>{readers.since(entries, entry.at) / 1000:.3f}</td><td>{entry.seq or ''}</td>"
            f"<td>{escape(entry.leg_id[:8])}</td><td>{escape(entry.kind)}</td>"
            f"<td>{escape(describe(entry.body))}{more}</td></tr>"
        )
    head = "<tr><th>at</th><th>seq</th><th>leg</th><th>kind</th><th>what</th></tr>"
    return f'<div class="scroll"><table class="log">{head}{"".join(rows)}</table></div>'


def _seconds(ms: float | None) -> str:
    return "–" if ms is None else f"{ms / 1000:.2f} s"


def _document(title: str, body: str) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'; media-src data:"
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
    return text.translate(_NO_TEXT).encode("utf-8", "replace").decode()
