"""What can be known of a call from its entries. Pure: a list of entries in, values out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from ringline.store.events import Event
from ringline.timeline.entries import (
    Bridged,
    CommandReceived,
    DtmfReceived,
    Ended,
    Entry,
    MediaSettled,
    MediaStats,
    PlayoutEnded,
    PlayoutStarted,
    RecordingFailed,
    RecordingSaved,
    RecordingStarted,
    SipMessage,
    SpeechResult,
    StateChanged,
    StatsRow,
    StreamClosed,
    StreamFailed,
    StreamOpened,
    TalkSpurt,
    TranscriptionFailed,
    TranscriptionStarted,
    TranscriptionStopped,
    Unbridged,
    WebhookAttempted,
    WebhookQueued,
)


class CallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `GET /call_events` (spec voice-api §4), as it is sent."""

    call_leg_id: str
    call_session_id: str
    event_timestamp: str
    name: str
    type: Literal["command", "webhook"]
    metadata: dict[str, Any]
    record_type: Literal["call_event"] = "call_event"


def call_events(entries: Iterable[Entry], events: Mapping[str, Event]) -> list[CallEvent]:
    """Commands, and webhooks attempt by attempt. `events` by id; one that is gone leaves no payload."""
    rows = []
    for entry in entries:
        match entry.body:
            case CommandReceived() as command:
                rows.append(_call_event(entry, command.name, "command", _command_metadata(command)))
            case WebhookAttempted() as tried:
                metadata = {
                    "attempt": tried.attempt,
                    "delivered_to": tried.url,
                    "event": _event(tried, events.get(tried.event_id)),
                    "status": "failed" if tried.error else "delivered",
                    "http_status": tried.status,
                    "error": tried.error or None,
                }
                rows.append(_call_event(entry, tried.event_type, "webhook", metadata))
            case _:
                pass
    return rows


@dataclass(frozen=True, slots=True)
class LadderRow:
    """One SIP message between us and a peer."""

    at: datetime
    offset_ms: float
    """Since the first entry."""
    leg_id: str
    peer: str
    direction: Literal["in", "out"]
    summary: str
    raw: str | None


def ladder(entries: Sequence[Entry]) -> list[LadderRow]:
    """The SIP messages in order."""
    return [
        LadderRow(
            entry.at,
            since(entries, entry.at),
            entry.leg_id,
            entry.body.peer,
            entry.body.direction,
            entry.body.summary,
            entry.body.raw,
        )
        for entry in entries
        if isinstance(entry.body, SipMessage)
    ]


@dataclass(frozen=True, slots=True)
class Span:
    """Something with a beginning and an end; `ended_at` is None when the timeline does not say."""

    leg_id: str
    id: str
    label: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str = ""
    overlay: bool = False
    played_ms: int | None = None


def playouts(entries: Iterable[Entry]) -> list[Span]:
    """Playbacks and speech, with what was sent of each."""
    return _spans(entries, PlayoutStarted, (PlayoutEnded,), "playout")


def recordings(entries: Iterable[Entry]) -> list[Span]:
    """Recordings, each from its start until it was stored or failed."""
    return _spans(entries, RecordingStarted, (RecordingSaved, RecordingFailed), "recording_id")


def streams(entries: Iterable[Entry]) -> list[Span]:
    """Media streams."""
    return _spans(entries, StreamOpened, (StreamClosed, StreamFailed), "stream_id")


def transcriptions(entries: Iterable[Entry]) -> list[Span]:
    """When a recognizer listened."""
    return _spans(
        entries, TranscriptionStarted, (TranscriptionStopped, TranscriptionFailed), "transcription_id"
    )


def said(entry: Entry) -> tuple[datetime, datetime]:
    """When the words of a speech result were said, from and to; the moment it came for any other entry."""
    if not isinstance(entry.body, SpeechResult):
        return entry.at, entry.at
    end = entry.at - timedelta(milliseconds=entry.body.lag_ms)
    return end - timedelta(milliseconds=entry.body.length_ms), end


def bridges(entries: Iterable[Entry]) -> list[Span]:
    """When a leg was bridged, and to which."""
    return _spans(entries, Bridged, (Unbridged, Ended), "peer")


def talk(entries: Iterable[Entry]) -> list[Span]:
    """When the far end spoke."""
    found: list[Span] = []
    open_: dict[str, datetime] = {}
    for entry in entries:
        ends = isinstance(entry.body, Ended) or (
            isinstance(entry.body, TalkSpurt) and not entry.body.speaking
        )
        if ends and entry.leg_id in open_:
            found.append(Span(entry.leg_id, "", "speaks", open_.pop(entry.leg_id), entry.at))
        elif isinstance(entry.body, TalkSpurt) and entry.body.speaking:
            open_.setdefault(entry.leg_id, entry.at)
    return found + [Span(leg_id, "", "speaks", at, None) for leg_id, at in open_.items()]


@dataclass(frozen=True, slots=True)
class WebhookTimes:
    """One event's way to the app."""

    event_type: str
    event_id: str
    leg_id: str
    queued_at: datetime
    attempts: tuple[WebhookAttempted, ...]
    first_sent_ms: float | None
    """From the event to its first attempt."""
    delivered_ms: float | None
    """From the event to the app's 2xx."""

    @property
    def state(self) -> Literal["waiting", "delivered", "failing"]:
        """`failing` covers both a delivery that goes on and one that was given up."""
        if self.delivered_ms is not None:
            return "delivered"
        return "failing" if self.attempts else "waiting"


def webhooks(entries: Sequence[Entry]) -> list[WebhookTimes]:
    """Every event queued, with its attempts."""
    tried: dict[str, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry.body, WebhookAttempted):
            tried.setdefault(entry.body.event_id, []).append(entry)
    return [
        _times(entry, entry.body, tried.get(entry.body.event_id, []))
        for entry in entries
        if isinstance(entry.body, WebhookQueued)
    ]


@dataclass(frozen=True, slots=True)
class Quality:
    """Sums over a leg's seconds of media."""

    received: int = 0
    sent: int = 0
    lost: int = 0
    late: int = 0
    max_jitter_ms: float = 0.0
    skipped_ms: int = 0

    @property
    def loss(self) -> float:
        """Share of the far end's packets that could not be played, 0–1."""
        expected = self.received + self.lost
        return (self.lost + self.late) / expected if expected else 0.0


@dataclass(frozen=True, slots=True)
class Summary:
    """One leg in a few numbers; None is not known or did not happen."""

    leg_id: str
    session_id: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    source: str | None
    sip: str | None
    codec: str | None
    remote: str | None
    quality: Quality
    commands: int
    digits: int
    playouts: int
    webhooks: int
    webhooks_undelivered: int

    @property
    def ring_ms(self) -> float | None:
        """From the first entry to the answer, or to the end of a call that was not answered."""
        until = self.answered_at or self.ended_at
        return None if until is None else _ms(self.started_at, until)

    @property
    def talk_ms(self) -> float | None:
        """From the answer to the end."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return _ms(self.answered_at, self.ended_at)

    @property
    def who_ended(self) -> str:
        """One sentence on the end: who, why, with which SIP status."""
        if self.ended_at is None:
            return "The call is still up, or its node died."
        who = {"caller": "The caller ended it", "callee": "The callee ended it"}.get(
            self.source or "", "Neither party ended it"
        )
        status = f", SIP {self.sip}" if self.sip and self.sip != "unspecified" else ""
        return f"{who}: {self.cause}{status}."


def summary(entries: Sequence[Entry]) -> Summary:
    """One leg's entries, summed up; ValueError for none at all."""
    if not entries:
        raise ValueError("no entries, no summary")
    bodies = [entry.body for entry in entries]
    ended = next((entry for entry in entries if isinstance(entry.body, Ended)), None)
    end = ended.body if ended is not None and isinstance(ended.body, Ended) else None
    settled = next((body for body in reversed(bodies) if isinstance(body, MediaSettled)), None)
    sent = webhooks(entries)
    return Summary(
        leg_id=entries[0].leg_id,
        session_id=entries[0].session_id,
        started_at=entries[0].at,
        answered_at=next(
            (
                entry.at
                for entry in entries
                if isinstance(entry.body, StateChanged) and entry.body.state == "answered"
            ),
            None,
        ),
        ended_at=ended.at if ended else None,
        cause=end.cause if end else None,
        source=end.source if end else None,
        sip=end.sip if end else None,
        codec=settled.codec if settled else None,
        remote=settled.remote if settled else None,
        quality=quality(entries),
        commands=sum(isinstance(body, CommandReceived) for body in bodies),
        digits=sum(isinstance(body, DtmfReceived) for body in bodies),
        playouts=sum(isinstance(body, PlayoutStarted) for body in bodies),
        webhooks=len(sent),
        webhooks_undelivered=sum(one.delivered_ms is None for one in sent),
    )


def quality(entries: Iterable[Entry]) -> Quality:
    """The media statistics of a leg, summed."""
    rows = stats(entries)
    return Quality(
        received=sum(row.received for row in rows),
        sent=sum(row.sent for row in rows),
        lost=sum(row.lost for row in rows),
        late=sum(row.late for row in rows),
        max_jitter_ms=max((row.jitter_us for row in rows), default=0) / 1000,
        skipped_ms=sum(row.skipped_ms for row in rows),
    )


def stats(entries: Iterable[Entry]) -> list[StatsRow]:
    """The seconds of a leg's media, oldest first."""
    return [row for entry in entries if isinstance(entry.body, MediaStats) for row in entry.body.rows]


def by_leg(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries of a session, leg by leg, legs in the order in which they appear."""
    legs: dict[str, list[Entry]] = {}
    for entry in entries:
        legs.setdefault(entry.leg_id, []).append(entry)
    return legs


def since(entries: Sequence[Entry], at: datetime) -> float:
    """Milliseconds from the first entry to `at`."""
    return _ms(entries[0].at, at)


def iso(moment: datetime) -> str:
    """ISO-8601 UTC with microseconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _ms(start: datetime, end: datetime) -> float:
    return (end - start) / timedelta(milliseconds=1)


def _call_event(
    entry: Entry, name: str, kind: Literal["command", "webhook"], metadata: dict[str, Any]
) -> CallEvent:
    return CallEvent(
        call_leg_id=entry.leg_id,
        call_session_id=entry.session_id,
        event_timestamp=iso(entry.at),
        name=name,
        type=kind,
        metadata=metadata,
    )


def _command_metadata(command: CommandReceived) -> dict[str, Any]:
    body = msgspec.json.decode(command.body)
    return {"command_id": command.command_id, "body": body}


def _event(tried: WebhookAttempted, event: Event | None) -> dict[str, Any]:
    return {
        "record_type": "event",
        "event_type": tried.event_type,
        "id": tried.event_id,
        "occurred_at": iso(event.occurred_at) if event else None,
        "payload": msgspec.json.decode(event.payload) if event else None,
    }


def _spans(entries: Iterable[Entry], opens: type[Any], closes: tuple[type[Any], ...], key: str) -> list[Span]:
    found: list[Span] = []
    open_: dict[tuple[str, str], int] = {}
    for entry in entries:
        body: Any = entry.body
        if isinstance(body, opens):
            ident = str(getattr(body, key))
            open_[entry.leg_id, ident] = len(found)
            found.append(
                Span(
                    entry.leg_id,
                    ident,
                    entry.body.label or ident,
                    entry.at,
                    None,
                    overlay=getattr(body, "overlay", False),
                )
            )
        elif isinstance(body, Ended):
            for leg_id, ident in [place for place in open_ if place[0] == entry.leg_id and Ended in closes]:
                _close(found, open_.pop((leg_id, ident)), entry)
        elif isinstance(body, closes) and (place := (entry.leg_id, str(getattr(body, key)))) in open_:
            _close(found, open_.pop(place), entry)
    return found


def _close(found: list[Span], index: int, entry: Entry) -> None:
    span = found[index]
    found[index] = Span(
        span.leg_id,
        span.id,
        span.label,
        span.started_at,
        entry.at,
        outcome=entry.body.label,
        overlay=span.overlay,
        played_ms=getattr(entry.body, "played_ms", None),
    )


def _times(entry: Entry, queued: WebhookQueued, tried: Sequence[Entry]) -> WebhookTimes:
    attempts = [(one, one.body) for one in tried if isinstance(one.body, WebhookAttempted)]
    heard = next(((one, body) for one, body in attempts if not body.error), None)
    return WebhookTimes(
        queued.event_type,
        queued.event_id,
        entry.leg_id,
        entry.at,
        tuple(body for _, body in attempts),
        _ms(entry.at, attempts[0][0].at) if attempts else None,
        _ms(entry.at, heard[0].at) + heard[1].latency_us / 1000 if heard else None,
    )
