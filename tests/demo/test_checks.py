"""What the demo's table says of what was measured."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ringline.demo import checks
from ringline.demo.checks import Match
from ringline.testing import Heard, Span
from ringline.timeline.entries import AnyBody, Entry, MediaStats, StatsRow, WebhookAttempted, WebhookQueued

pytestmark = pytest.mark.unit

RATE = 8000


def noise(seconds: float, seed: int) -> checks.Samples:
    """Words, as far as correlation is concerned: like nothing but themselves."""
    shape = np.random.default_rng(seed).normal(0, 3000, round(seconds * RATE))
    return shape.astype(np.int16)


def heard(*parts: checks.Samples) -> Heard:
    found = Heard(RATE)
    for part in parts:
        found.add(part)
    return found


def silence(seconds: float) -> checks.Samples:
    return np.zeros(round(seconds * RATE), np.int16)


def test_words_are_found_where_they_were_said() -> None:
    words = noise(2, seed=1)
    match = checks.find(heard(silence(1.5), words, silence(1)), words)
    assert match.score > 0.99
    assert match.start == pytest.approx(1.5, abs=0.001)


def test_other_words_are_not_found() -> None:
    match = checks.find(heard(silence(1), noise(2, seed=2), silence(1)), noise(2, seed=1))
    assert match.score < checks.ALIKE / 2


def test_a_lost_packet_costs_one_piece_and_moves_nothing() -> None:
    words = noise(2, seed=3)
    cut = np.concatenate([words[:7000], words[7160:]])
    match = checks.find(heard(silence(1), cut), words)
    assert match.score > 0.9
    assert match.start == pytest.approx(1.0, abs=0.03)


def test_pauses_between_words_are_not_searched_for() -> None:
    first, second = noise(0.8, seed=4), noise(0.8, seed=5)
    said = np.concatenate([first, silence(0.8), second])
    assert checks.find(heard(said), said).score > 0.99


@pytest.mark.parametrize("reference", [silence(0), silence(1), noise(0.1, seed=6)])
def test_what_holds_no_piece_of_sound_is_not_found(reference: checks.Samples) -> None:
    assert checks.find(heard(noise(1, seed=7)), reference) == Match(0.0, 0.0)


@pytest.mark.parametrize(
    ("score", "start", "ok"),
    [(1.0, 1.05, True), (1.0, 0.2, False), (1.0, 1.8, False), (0.3, 1.05, False)],
)
def test_an_echo_must_be_alike_and_a_second_late(score: float, start: float, *, ok: bool) -> None:
    row = checks.echo("echo", Match(score, start), 1.0)
    assert row.ok is ok
    assert f"{start:.2f} s later" in row.measured


@pytest.mark.parametrize(
    ("times", "ok"),
    [([1.0, 1.02], True), ([1.0, 1.9, 1.0], True), ([0.0, 0.1], False), ([2, 2], False), ([], False)],
)
def test_marks_come_back_when_their_audio_was_played(times: list[float], *, ok: bool) -> None:
    assert checks.marks("marks", times, 1.0).ok is ok


@pytest.mark.parametrize(
    ("numbers", "seconds", "ok"),
    [
        ([1, 2, 3], {"inbound": 5.0, "outbound": 5.0}, True),
        ([1, 3], {"inbound": 5.0, "outbound": 5.0}, False),
        ([1, 2, 3], {"inbound": 5.0}, False),
        ([2, 1], {"inbound": 5.0, "outbound": 5.0}, False),
    ],
)
def test_frames_must_be_whole_and_of_both_tracks(
    numbers: list[int], seconds: dict[str, float], *, ok: bool
) -> None:
    assert checks.frames("frames", numbers, seconds).ok is ok


@pytest.mark.parametrize(("gathered", "streamed"), [("2580", "258"), ("", "2580"), ("2508", "2580")])
def test_digits_must_be_the_same_everywhere(gathered: str, streamed: str) -> None:
    assert checks.digits("digits", "2580", "2580", "2580").ok
    assert not checks.digits("digits", "2580", gathered, streamed).ok


def test_notes_are_judged_by_length_and_order() -> None:
    right = [Span(0.0, 0.4), Span(0.4, 0.42)]
    assert checks.notes("file", (523.0, 659.0), 0.4, right).ok
    assert not checks.notes("file", (523.0, 659.0), 0.4, right[::-1]).ok
    assert not checks.notes("file", (523.0, 659.0), 0.4, [right[0], Span(0.4, 0.1)]).ok


@pytest.mark.parametrize(
    ("rang", "told", "cause", "ok"),
    [
        (0.71, 0.01, "normal_clearing", True),
        (0.2, 0.01, "normal_clearing", False),
        (1.8, 0.01, "normal_clearing", False),
        (0.71, 1.5, "normal_clearing", False),
        (0.71, 0.01, "user_busy", False),
    ],
)
def test_a_dialled_phone_rings_as_long_as_it_wants(rang: float, told: float, cause: str, *, ok: bool) -> None:
    row = checks.dialled("dial", 0.7, rang, told, cause)
    assert row.ok is ok
    assert row.measured == f"rang {rang:.2f} s, app told after {told * 1000:.0f} ms, ended {cause}"


def test_an_end_must_be_told_rightly_and_reach_both() -> None:
    assert checks.ended("end", "normal_clearing", "caller", "them").ok
    alone = checks.ended("end", "normal_clearing", "caller", "")
    assert not alone.ok
    assert "still up" in alone.measured
    assert not checks.ended("end", "user_busy", "caller", "them").ok


@pytest.mark.parametrize(("seconds", "channels", "ok"), [(19.9, 2, True), (18.0, 2, False), (20.0, 1, False)])
def test_a_recording_is_as_long_as_it_lasted(seconds: float, channels: int, *, ok: bool) -> None:
    assert checks.recording_length("recording", seconds, 20.0, channels).ok is ok


def test_both_sides_must_be_recorded() -> None:
    assert checks.recording_sides("sides", Match(0.9, 0), Match(0.9, 0)).ok
    assert not checks.recording_sides("sides", Match(0.9, 0), Match(0.1, 0)).ok


def test_events_must_arrive_with_their_first_attempt() -> None:
    queued, arrived = WebhookQueued("call.answered", "e1"), _attempt(1)
    assert checks.webhooks("webhooks", _entries(queued, arrived)).ok
    assert not checks.webhooks("webhooks", _entries(queued)).ok
    assert not checks.webhooks("webhooks", _entries(queued, _attempt(1, "timeout"), _attempt(2))).ok
    assert not checks.webhooks("webhooks", []).ok


@pytest.mark.parametrize(
    ("received", "lost", "late", "ok"), [(500, 2, 3, True), (500, 20, 0, False), (0, 0, 0, False)]
)
def test_packets_must_be_played(received: int, lost: int, late: int, *, ok: bool) -> None:
    stats = MediaStats((StatsRow(0, received, lost, late, 1500, received, 0),))
    row = checks.packets("sound", _entries(stats))
    assert row.ok is ok
    assert f"{lost + late} not played" in row.measured


def _attempt(number: int, error: str = "") -> WebhookAttempted:
    return WebhookAttempted("call.answered", "e1", number, "http://app", None if error else 200, 900, error)


def _entries(*bodies: AnyBody) -> list[Entry]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Entry(number, number, start + timedelta(milliseconds=number), "leg", "session", body)
        for number, body in enumerate(bodies, 1)
    ]
