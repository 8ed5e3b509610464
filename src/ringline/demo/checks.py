"""What was measured, judged: values in, rows of the table out. Pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ringline.testing.heard import Heard, Span
from ringline.timeline import readers
from ringline.timeline.entries import Entry

Samples = NDArray[np.int16]

PIECE_S = 0.4
ALIKE = 0.7
"""Least correlation of speech with the same speech as it was heard, through G.711 and jitter buffers.

A piece of other speech comes to 0.2 to 0.5, the right one to more than 0.9 on an idle machine.
"""

EARLY_S = 0.1
LATE_S = 0.5
"""Most that the ways there and back, with a jitter buffer on each, may add to the echo's second."""

SIGNALLED_S = 1.0
"""Most that signalling may add to the time that a phone rings, and that the news of its answer may take."""

NOT_PLAYED = 0.02
"""Largest share of packets that may come too late; more than none only where Python moves the sound."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check: what was done, what was measured, whether it held."""

    step: str
    measured: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Match:
    """How much like the reference something sounds: `score` 0 to 1, and `start` in seconds."""

    score: float
    start: float


def find(heard: Heard, reference: Samples) -> Match:
    """Find speech in what was heard, piece by piece, so that one lost packet costs one piece.

    The score is that of the median piece, the start the median of where the pieces say that it is.
    """
    size = round(PIECE_S * heard.rate)
    loud = float(np.sqrt(np.mean(reference.astype(np.float64) ** 2))) if len(reference) else 0.0
    found = []
    for at in range(0, len(reference) - size + 1, size):
        piece = reference[at : at + size]
        if np.sqrt(np.mean(piece.astype(np.float64) ** 2)) <= loud / 3:  # a pause is like any other pause
            continue
        likeness = heard.likeness(piece)
        found.append((likeness.score, likeness.start - at / heard.rate))
    if not found:
        return Match(0.0, 0.0)
    scores, starts = zip(*found, strict=True)
    return Match(float(np.median(scores)), float(np.median(starts)))


def speech(step: str, who: str, match: Match) -> Row:
    """Whether speech was heard."""
    return Row(step, f"{who} hears it, correlation {match.score:.2f}", match.score >= ALIKE)


def answered(step: str, codec: str, ring_s: float) -> Row:
    """Whether the call was answered, and how long that took."""
    return Row(step, f"after {ring_s * 1000:.0f} ms, {codec}", bool(codec))


def echo(step: str, match: Match, wanted_s: float) -> Row:
    """Whether the echo was heard, and when: `match.start` counts from the first word that was said."""
    ok = match.score >= ALIKE and wanted_s - EARLY_S <= match.start <= wanted_s + LATE_S
    return Row(step, f"correlation {match.score:.2f}, {match.start:.2f} s later", ok)


def marks(step: str, times_s: Sequence[float], wanted_s: float) -> Row:
    """Whether marks came back when the audio before them had been played: most of them, as the app saw it."""
    if not times_s:
        return Row(step, "none came back", False)
    middle = median(times_s)
    spread = f"{min(times_s):.2f}–{max(times_s):.2f} s"
    ok = wanted_s - EARLY_S <= middle <= wanted_s + LATE_S
    return Row(step, f"{len(times_s)} came back after {spread}, median {middle:.2f} s", ok)


def frames(step: str, numbers: Sequence[int], seconds: dict[str, float]) -> Row:
    """Whether both tracks came, no frame missing or out of order."""
    gaps = sum(later != sooner + 1 for sooner, later in itertools.pairwise(numbers))
    inbound, outbound = seconds.get("inbound", 0.0), seconds.get("outbound", 0.0)
    tracks = f"{inbound:.1f} s in, {outbound:.1f} s out"
    order = "none missing" if not gaps else f"{gaps} gaps"
    return Row(step, f"{len(numbers)} frames, {order}: {tracks}", not gaps and min(inbound, outbound) > 1)


def digits(step: str, pressed: str, gathered: str, streamed: str) -> Row:
    """Whether the keys that were pressed are those that the app was told of, both ways."""
    measured = f"pressed {pressed}, gathered {gathered or '–'}, on the stream {streamed or '–'}"
    return Row(step, measured, pressed == gathered == streamed)


def notes(step: str, wanted_hz: Sequence[float], wanted_s: float, heard: Sequence[Span]) -> Row:
    """Whether each note was heard for as long as it lasts, one after the other."""
    measured = ", ".join(
        f"{hertz:.0f} Hz {span.seconds:.2f} s" for hertz, span in zip(wanted_hz, heard, strict=True)
    )
    long_enough = all(abs(span.seconds - wanted_s) <= 0.1 for span in heard)
    in_order = all(later.start > sooner.start for sooner, later in itertools.pairwise(heard))
    return Row(step, measured, long_enough and in_order)


def dialled(step: str, wanted_s: float, rang_s: float, answered_after_s: float, cause: str) -> Row:
    """Whether the phone that the app dialled rang for as long as it wanted, and how the call ended.

    `rang_s` is what the server says: from the leg's beginning to its answer.
    """
    measured = f"rang {rang_s:.2f} s, app told after {answered_after_s * 1000:.0f} ms, ended {cause}"
    rang = wanted_s - EARLY_S <= rang_s <= wanted_s + SIGNALLED_S
    return Row(step, measured, rang and cause == "normal_clearing" and answered_after_s < SIGNALLED_S)


def ended(step: str, cause: str, source: str, other_ended_by: str) -> Row:
    """Whether the end was told rightly, and took the other phone with it."""
    ok = (cause, source, other_ended_by) == ("normal_clearing", "caller", "them")
    other = "the other phone got BYE" if other_ended_by == "them" else "the other phone is still up"
    return Row(step, f"{cause} by {source}; {other}", ok)


def recording_length(step: str, seconds: float, wanted_s: float, channels: int) -> Row:
    """Whether the file is as long as the recording lasted."""
    ok = abs(seconds - wanted_s) <= 0.3 and channels == 2
    return Row(step, f"{seconds:.2f} s for {wanted_s:.2f} s of call, {channels} channels", ok)


def recording_sides(step: str, caller: Match, greeting: Match) -> Row:
    """Whether the caller's words are in the left channel and the app's in the right."""
    measured = f"caller left {caller.score:.2f}, app right {greeting.score:.2f}"
    return Row(step, measured, caller.score >= ALIKE and greeting.score >= ALIKE)


def webhooks(step: str, entries: Sequence[Entry]) -> Row:
    """Whether each event reached the app with its first attempt."""
    sent = readers.webhooks(entries)
    late = [one.delivered_ms for one in sent if one.delivered_ms is not None]
    again = sum(len(one.attempts) > 1 for one in sent)
    slow = f", median {median(late):.1f} ms" if late else ""
    tried = "none repeated" if not again else f"{again} repeated"
    return Row(
        step, f"{len(late)} of {len(sent)} delivered, {tried}{slow}", 0 < len(sent) == len(late) and not again
    )


def packets(step: str, entries: Sequence[Entry]) -> Row:
    """Whether the server could play what the phones sent."""
    of_legs = [readers.quality(own) for own in readers.by_leg(entries).values()]
    received, lost = sum(one.received for one in of_legs), sum(one.lost + one.late for one in of_legs)
    jitter = max((one.max_jitter_ms for one in of_legs), default=0.0)
    ok = received > 0 and lost <= received * NOT_PLAYED
    return Row(step, f"{received} RTP packets, {lost} not played, jitter ≤ {jitter:.1f} ms", ok)


def failed(step: str, why: str) -> Row:
    """A step that did not get so far."""
    return Row(step, why, False)
