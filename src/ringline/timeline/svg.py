"""Drawings of a call: lanes over time, and the SIP ladder. Values in, SVG text out, all of it escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise

from ringline.timeline.readers import LadderRow

WIDTH = 1120
GUTTER = 112
PLOT = WIDTH - GUTTER - 8
ROW = 22
MAX_ROWS = 6
"""Rows of one lane; what does not fit lies over the last one, without its label."""

CHAR = 6.3
"""Width of a character of the 11 px labels, near enough."""

MAX_MESSAGES = 400
STEPS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000)

Channels = tuple[tuple[float, ...], ...]
"""For each channel, peaks 0–1 at equal distances."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on a lane: a bar, or a tick when it has no length. `style` is a CSS class."""

    start: datetime
    end: datetime | None
    label: str
    style: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Waveform:
    """The loudness of a recording from `start` to `end`."""

    start: datetime
    end: datetime
    channels: Channels


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the picture, with a name at its left."""

    name: str
    marks: tuple[Mark, ...] = ()
    wave: Waveform | None = None


class Scale:
    """Time to pixels, for a call from `start` to `end`."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start = start
        self.length_ms = max(1.0, (end - start) / timedelta(milliseconds=1))

    def x(self, at: datetime) -> float:
        """Pixels from the left edge of the picture, kept inside of the plot."""
        share = (at - self.start) / timedelta(milliseconds=1) / self.length_ms
        return GUTTER + PLOT * min(1.0, max(0.0, share))

    def ticks(self) -> list[tuple[float, str]]:
        """Where the axis is labelled: at most a dozen places, at round times."""
        step = next((one for one in STEPS_MS if self.length_ms / one <= 12), STEPS_MS[-1])
        while self.length_ms / step > 12:
            step *= 2
        return [
            (GUTTER + PLOT * ms / self.length_ms, clock_text(ms))
            for ms in range(0, int(self.length_ms) + 1, step)
        ]


def clock_text(ms: float) -> str:
    """`0.25`, `12.5 s`, `3:20`: as exact as the size deserves."""
    if ms >= 60_000:
        return f"{int(ms // 60_000)}:{int(ms % 60_000 / 1000):02d}"
    return f"{ms / 1000:g} s"


def lanes(found: Sequence[Lane], scale: Scale) -> str:
    """The lanes under one axis; empty ones are left out."""
    parts: list[str] = []
    y = 26.0
    for lane in found:
        if not lane.marks and lane.wave is None:
            continue
        body, height = _lane(lane, scale, y)
        parts += [f'<text class="lane" x="0" y="{y + 15:.0f}">{escape(lane.name)}</text>', body]
        y += height + 8
        parts.append(f'<line class="rule" x1="0" x2="{WIDTH}" y1="{y - 4:.0f}" y2="{y - 4:.0f}"/>')
    axis = "".join(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="18" y2="{y:.0f}"/>'
        f'<text class="axis" x="{x + 3:.1f}" y="12">{escape(text)}</text>'
        for x, text in scale.ticks()
        if x + 3 + CHAR * len(text) <= WIDTH
    )
    return _svg(y, axis + "".join(parts), "Lanes of the call over time")


def ladder(rows: Sequence[LadderRow]) -> str:
    """The SIP messages as arrows between us and each peer; empty text when there are none."""
    if not rows:
        return ""
    shown = rows[:MAX_MESSAGES]
    columns = _columns(shown)
    height = 44 + len(shown) * 28
    parts = [
        f'<text class="peer" x="{x:.0f}" y="14">{escape(name)}</text>'
        f'<line class="life" x1="{x:.0f}" x2="{x:.0f}" y1="22" y2="{height}"/>'
        for name, x in columns.items()
    ]
    parts += [_message(row, columns, 48 + number * 28) for number, row in enumerate(shown)]
    if len(rows) > len(shown):
        parts.append(f'<text class="axis" x="0" y="{height + 14}">and {len(rows) - len(shown)} more</text>')
        height += 20
    return _svg(height + 4, "".join(parts), "SIP messages")


_US = "ringline"


def _columns(rows: Sequence[LadderRow]) -> dict[str, float]:
    peers = list(dict.fromkeys(row.peer for row in rows))
    names = [*peers[:1], _US, *peers[1:]]
    step = (WIDTH - 2 * GUTTER) / max(1, len(names) - 1)
    return {name: GUTTER + 30 + number * step for number, name in enumerate(names)}


def _message(row: LadderRow, columns: dict[str, float], y: int) -> str:
    ours, theirs = columns[_US], columns[row.peer]
    start, end = (ours, theirs) if row.direction == "out" else (theirs, ours)
    tip = 5 if end > start else -5
    style = _message_style(row.summary)
    return (
        f'<g class="{style}"><title>{escape(row.peer)} {escape(row.summary)}</title>'
        f'<text class="axis" x="0" y="{y + 4}">{escape(f"{row.offset_ms / 1000:.3f}")}</text>'
        f'<text class="msg" x="{(start + end) / 2:.0f}" y="{y - 5}">{escape(_cut(row.summary, 60))}</text>'
        f'<line x1="{start:.0f}" x2="{end - tip:.0f}" y1="{y}" y2="{y}"/>'
        f'<path d="M{end:.0f} {y}l{-1.8 * tip:.0f} -4v8z"/></g>'
    )


def _message_style(summary: str) -> str:
    first = summary[:1]
    return {"1": "m1", "2": "m2"}.get(first, "m3" if first.isdigit() else "m0")


def _lane(lane: Lane, scale: Scale, y: float) -> tuple[str, float]:
    parts: list[str] = []
    height = 0.0
    if lane.wave is not None:
        wave_height = 30.0 * len(lane.wave.channels)
        parts.append(_wave(lane.wave, scale, y))
        height += wave_height
    free: list[float] = []
    for mark in sorted(lane.marks, key=lambda mark: mark.start):
        left = scale.x(mark.start)
        right = scale.x(mark.end) if mark.end is not None else left + 3
        label = _cut(mark.label, 42)
        wanted = max(right, left + 10 + CHAR * len(label))
        row = next((number for number, end in enumerate(free) if end <= left), len(free))
        if row >= MAX_ROWS:
            row, label = MAX_ROWS - 1, ""
        if row == len(free):
            free.append(0.0)
        free[row] = max(free[row], wanted)
        parts.append(_mark(mark, label, left, max(right - left, 3.0), y + height + row * ROW))
    return "".join(parts), height + len(free) * ROW


def _mark(mark: Mark, label: str, x: float, width: float, y: float) -> str:
    # Near the right edge the label stands before the mark, where there is room.
    anchor = ' text-anchor="end"' if x + 6 + CHAR * len(label) > WIDTH else ""
    at = x - 3 if anchor else x + 5
    return (
        f'<g class="{escape(mark.style)}"><title>{escape(mark.hint or mark.label)}</title>'
        f'<rect x="{x:.1f}" y="{y + 2:.1f}" width="{width:.1f}" height="{ROW - 5}" rx="3"/>'
        f'<text x="{at:.1f}" y="{y + 14:.1f}"{anchor}>{escape(label)}</text></g>'
    )


def _wave(wave: Waveform, scale: Scale, y: float) -> str:
    left, right = scale.x(wave.start), scale.x(wave.end)
    return "".join(
        f'<path class="wave w{number % 2}" d="{_outline(peaks, left, right, y + 15 + 30 * number)}"/>'
        for number, peaks in enumerate(wave.channels)
    )


def _outline(peaks: Sequence[float], left: float, right: float, middle: float) -> str:
    """A closed shape around the middle line; no more points than pixels."""
    columns = max(2, min(len(peaks), int(right - left)))
    edges = [len(peaks) * number // columns for number in range(columns + 1)]
    loud = [max((min(1.0, max(0.0, peak)) for peak in peaks[a:b]), default=0.0) for a, b in pairwise(edges)]
    step = (right - left) / columns
    upper = [f"{left + step * i:.1f} {middle - 14 * one:.1f}" for i, one in enumerate(loud)]
    lower = [f"{left + step * i:.1f} {middle + 14 * one:.1f}" for i, one in enumerate(loud)]
    return f"M{left:.1f} {middle:.1f}L" + "L".join(upper) + "L" + "L".join(reversed(lower)) + "Z"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _svg(height: float, body: str, name: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(name)}">{body}</svg>'
