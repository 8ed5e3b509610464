"""What the media plane tells, as inputs and timeline entries of legs."""

from collections.abc import Callable
from datetime import timedelta

from ringline.calls.inputs import DigitHeard, HungUp, Input, MediaClosed
from ringline.calls.state import Quality
from ringline.core.clock import Clock
from ringline.media import events as media
from ringline.media.events import LegStats, MediaEvent
from ringline.node.players import MediaPlayers
from ringline.node.streams import AppStreams
from ringline.timeline.entries import AnyBody, MediaStats, StatsRow, TalkSpurt

STATS_BATCH = 10
"""Seconds of statistics in one timeline entry."""

Post = Callable[[str, Input | AnyBody], None]


class MediaReporter:
    """Sorts the plane's events."""

    def __init__(
        self,
        *,
        clock: Clock,
        players: MediaPlayers,
        streams: AppStreams,
        post: Post,
        rtp_timeout: bool,
    ) -> None:
        self._clock = clock
        self._players = players
        self._streams = streams
        self._post = post
        self._rtp_timeout = rtp_timeout
        self._seconds: dict[str, list[StatsRow]] = {}
        self._before: dict[str, LegStats] = {}

    def on_event(self, event: MediaEvent) -> None:
        """Take one event."""
        match event:
            case media.PlayoutStarted() | media.PlayoutEnded():
                self._players.on_media(event)
            case media.MarkReached():
                self._streams.on_mark(event)
            case media.DtmfReceived():
                late = timedelta(microseconds=max(0, self._clock.now_ns() - event.at_ns) // 1000)
                self._post(event.leg, DigitHeard(event.digit, event.duration_ms, self._clock.utc() - late))
            case media.TalkStarted():
                self._post(event.leg, TalkSpurt(speaking=True))
            case media.TalkStopped():
                self._post(event.leg, TalkSpurt(speaking=False))
            case media.RtpTimeout() if self._rtp_timeout:
                self._post(event.leg, HungUp("error"))
            case media.StatsTick():
                self._second(event)
            case media.LegClosed():
                self._closed(event)
            case _:
                pass

    def _second(self, event: media.StatsTick) -> None:
        rows = self._seconds.setdefault(event.leg, [])
        rows.append(_row(event.at_ns, event.stats, self._before.get(event.leg)))
        self._before[event.leg] = event.stats
        if len(rows) >= STATS_BATCH:
            self._flush(event.leg)

    def _closed(self, event: media.LegClosed) -> None:
        self._flush(event.leg)
        self._before.pop(event.leg, None)
        self._post(event.leg, MediaClosed(quality_of(event.stats)))

    def _flush(self, leg: str) -> None:
        rows = self._seconds.pop(leg, None)
        if rows:
            self._post(leg, MediaStats(tuple(rows)))


def quality_of(stats: LegStats) -> Quality:
    """A leg's counters as `call_quality_stats` words them (spec webhooks §6.2)."""
    return Quality(
        jitter_max_variance=f"{stats.max_jitter_ms:.2f}",
        jitter_packet_count=str(stats.measured),
        mos=f"{stats.mos:.2f}",
        packets_in=str(stats.packets_received),
        skipped_in=str(stats.lost),
        packets_out=str(stats.packets_sent),
        skipped_out=str(stats.skipped_ms // 20),
    )


def _row(at_ns: int, now: LegStats, before: LegStats | None) -> StatsRow:
    return StatsRow(
        at_ns=at_ns,
        received=now.packets_received - (before.packets_received if before else 0),
        lost=now.lost - (before.lost if before else 0),
        late=now.late + now.duplicates - (before.late + before.duplicates if before else 0),
        jitter_us=round(now.jitter_ms * 1000),
        sent=now.packets_sent - (before.packets_sent if before else 0),
        skipped_ms=now.skipped_ms - (before.skipped_ms if before else 0),
    )
