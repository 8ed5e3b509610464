"""One call for people: who called whom and how it ended, then what happened, in sections. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ringline.cli.output import seconds
from ringline.timeline import readers
from ringline.timeline.entries import DtmfReceived, DtmfSent, Entry
from ringline.timeline.export import CallRecord, ExportedLeg
from ringline.timeline.readers import Span, Summary, WebhookTimes
from ringline.timeline.text import describe

Row = tuple[str, ...]

SPANS: tuple[tuple[str, Callable[[Sequence[Entry]], list[Span]]], ...] = (
    ("play", readers.playouts),
    ("record", readers.recordings),
    ("stream", readers.streams),
    ("bridge", readers.bridges),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title."""

    title: str
    heads: Row
    rows: tuple[Row, ...]


class Letters:
    """Short names of legs: A, B, … in the order in which they began."""

    def __init__(self, record: CallRecord) -> None:
        order = list(dict.fromkeys([*readers.by_leg(record.entries), *(leg.leg_id for leg in record.legs)]))
        self._letters = {leg_id: _letter(number) for number, leg_id in enumerate(order)}
        self.several = len(order) > 1

    def of(self, leg_id: str) -> str:
        """The letter of a leg."""
        return self._letters[leg_id]


def heads(record: CallRecord) -> list[str]:
    """A few lines for each leg: parties, times, media, who ended it and why."""
    letters = Letters(record)
    by_leg = readers.by_leg(record.entries)
    lines: list[str] = []
    for leg in record.legs:
        lines += [""] if lines else []
        lines.append(f"Leg {letters.of(leg.leg_id)}  {leg.direction}  {leg.from_} → {leg.to}  {leg.state}")
        lines.append(f"  leg {leg.leg_id}  session {record.session_id}")
        lines.append(f"  call_control_id {leg.call_control_id}")
        lines += _story(leg, by_leg.get(leg.leg_id, []))
    return lines


def sections(record: CallRecord) -> list[Section]:
    """SIP ladder, webhooks, sound, keys; those that are empty are left out."""
    letters = Letters(record)
    found = (
        _ladder(record, letters),
        _webhooks(record, letters),
        _spans(record, letters),
        _keys(record, letters),
    )
    return [section for section in found if section.rows]


def line(entry: Entry, offset_ms: float, letters: Letters) -> str:
    """One entry of the log."""
    column = f"{letters.of(entry.leg_id)} " if letters.several else ""
    return f"{offset_ms / 1000:9.3f}  {column}{describe(entry.body)}".rstrip()


def _story(leg: ExportedLeg, entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        yield "  Its timeline is gone (timeline.retention_days)."
        if leg.hangup_cause:
            source, status = leg.hangup_source or "unknown", leg.sip_hangup_cause or "unspecified"
            yield f"  ended by {source}: {leg.hangup_cause}, SIP {status}"
        return
    one: Summary = readers.summary(entries)
    began = leg.started_at.astimezone().isoformat(sep=" ", timespec="milliseconds")
    yield f"  began {began}  rang {_seconds_of(one.ring_ms)}  talked {_seconds_of(one.talk_ms)}"
    if one.codec:
        heard = one.quality
        spoken = f"{one.codec} with {one.remote}" if one.remote else one.codec
        yield (
            f"  {spoken}: {heard.received} packets in, {heard.sent} out, "
            f"{heard.loss:.2%} lost, jitter up to {heard.max_jitter_ms:.1f} ms"
        )
    undelivered = f", {one.webhooks_undelivered} of them not delivered" if one.webhooks_undelivered else ""
    yield f"  {one.commands} commands, {one.webhooks} webhooks{undelivered}, {one.digits} keys"
    yield f"  {one.who_ended}"


def _ladder(record: CallRecord, letters: Letters) -> Section:
    rows = tuple(
        _lettered(
            letters,
            row.leg_id,
            f"{row.offset_ms / 1000:.3f}",
            row.peer,
            "◀── ringline" if row.direction == "out" else "──▶ ringline",
            row.summary,
        )
        for row in readers.ladder(record.entries)
    )
    return Section("SIP", _lettered(letters, None, "s", "peer", "", "message"), rows)


def _webhooks(record: CallRecord, letters: Letters) -> Section:
    rows = tuple(
        _lettered(
            letters,
            one.leg_id,
            f"{readers.since(record.entries, one.queued_at) / 1000:.3f}",
            one.event_type,
            one.state,
            _ms(one.first_sent_ms),
            _ms(one.delivered_ms),
            str(len(one.attempts)),
            _last_answer(one),
            one.event_id,
        )
        for one in readers.webhooks(record.entries)
    )
    names = ("s", "event", "state", "sent ms", "delivered ms", "tries", "last answer", "id")
    return Section("Webhooks", _lettered(letters, None, *names), rows)


def _spans(record: CallRecord, letters: Letters) -> Section:
    found = sorted(
        ((kind, span) for kind, read in SPANS for span in read(record.entries)),
        key=lambda pair: pair[1].started_at,
    )
    rows = tuple(
        _lettered(
            letters,
            span.leg_id,
            f"{readers.since(record.entries, span.started_at) / 1000:.3f}",
            f"{kind} over the rest" if span.overlay else kind,
            "–" if span.ended_at is None else seconds((span.ended_at - span.started_at).total_seconds()),
            "–" if span.played_ms is None else f"{span.played_ms} ms",
            span.outcome or ("goes on" if span.ended_at is None else "–"),
            span.label,
        )
        for kind, span in found
    )
    return Section(
        "Sound", _lettered(letters, None, "s", "what", "lasted", "heard", "outcome", "which"), rows
    )


def _keys(record: CallRecord, letters: Letters) -> Section:
    rows = []
    for entry in record.entries:
        at = f"{readers.since(record.entries, entry.at) / 1000:.3f}"
        match entry.body:
            case DtmfReceived() as key:
                rows.append(
                    _lettered(
                        letters,
                        entry.leg_id,
                        at,
                        "received",
                        key.digit,
                        f"{key.method}, {key.duration_ms} ms",
                    )
                )
            case DtmfSent() as keys:
                rows.append(_lettered(letters, entry.leg_id, at, "sent", keys.digits, ""))
            case _:
                pass
    return Section("Keys", _lettered(letters, None, "s", "", "keys", "how"), tuple(rows))


def _lettered(letters: Letters, leg_id: str | None, *cells: str) -> Row:
    """The cells, with the leg in front where there are several; no leg makes the head of that column."""
    if not letters.several:
        return cells
    return ("leg" if leg_id is None else letters.of(leg_id), *cells)


def _last_answer(one: WebhookTimes) -> str:
    if not one.attempts:
        return "–"
    last = one.attempts[-1]
    return f"{last.error or last.status} in {last.latency_us / 1000:.1f} ms from {last.url}"


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26) * (1 + number // 26)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _seconds_of(ms: float | None) -> str:
    return seconds(None if ms is None else ms / 1000)
