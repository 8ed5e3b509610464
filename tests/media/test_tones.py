import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.tones import BEEP, RINGBACK, Tone, ToneSource
from tests.media.signals import fitted, floats, level

pytestmark = pytest.mark.unit

# Spec voice-api §5.1, `ringtone`.
COUNTRIES = (
    *(
        "at",
        "au",
        "be",
        "bg",
        "br",
        "ch",
        "cl",
        "cn",
        "cz",
        "de",
        "dk",
        "ee",
        "es",
        "fi",
        "fr",
        "gr",
        "hu",
        "il",
    ),
    *(
        "in",
        "it",
        "jp",
        "lt",
        "mx",
        "my",
        "nl",
        "no",
        "nz",
        "ph",
        "pl",
        "pt",
        "ru",
        "se",
        "sg",
        "th",
        "tw",
        "uk",
    ),
    *("us-old", "us", "ve", "za"),
)


def test_every_country_of_the_api_has_its_tone() -> None:
    assert sorted(RINGBACK) == sorted(COUNTRIES)


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_a_ringback_keeps_its_cadence(country: str, rate: int) -> None:
    tone = RINGBACK[country]
    source = ToneSource(tone, rate)
    pcm = source.generate(round(sum(tone.cadence_ms) * rate / 1000) + rate // 2)
    loud = [level(pcm[i : i + rate // 50]) > -40 for i in range(0, len(pcm), rate // 50)]
    runs = [(key, 20 * len(list(group))) for key, group in itertools.groupby(loud)]

    assert [sounding for sounding, _ in runs[:2]] == [True, False]
    for (_, heard_ms), told_ms in zip(runs, tone.cadence_ms, strict=False):
        assert abs(heard_ms - told_ms) <= 20


def test_the_american_ringback_is_440_and_480_hz() -> None:
    pcm = ToneSource(RINGBACK["us"], 8000).generate(16_000)
    spectrum = np.abs(np.fft.rfft(floats(pcm)))
    strongest = sorted(np.argsort(spectrum)[-2:] / 2)

    assert strongest == [440, 480]
    others = np.delete(spectrum, [880, 960])
    assert others.max() < spectrum.max() / 1000


def test_a_single_tone_is_as_loud_as_it_says() -> None:
    pcm = ToneSource(Tone((1000,), (1000,), level=-16), 8000).generate(8000)
    peak, ratio = fitted(pcm, 1000, 8000)
    assert 20 * np.log10(peak / 32767) == pytest.approx(-16, abs=0.05)
    assert ratio > 60


def test_two_tones_at_full_level_do_not_clip() -> None:
    pcm = ToneSource(Tone((440, 480), (1000,), level=0), 8000).generate(8000)
    assert fitted(pcm, 440, 8000)[0] == pytest.approx(16_383, rel=0.01)
    assert max(pcm) < 32767


def test_the_beep_sounds_once() -> None:
    source = ToneSource(BEEP, 16_000)
    assert len(source.generate(16_000)) == 3200
    assert len(source.generate(320)) == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=20))
def test_blocks_of_any_size_give_the_same_sound(sizes: list[int]) -> None:
    tone = Tone((425.0,), (30, 20, 10, 40))
    source = ToneSource(tone, 8000)
    pieces = [sample for size in sizes for sample in source.generate(size)]
    assert pieces == list(ToneSource(tone, 8000).generate(sum(sizes)))


@pytest.mark.parametrize(
    "tone",
    [Tone((), (100,)), Tone((1, 2, 3), (100,)), Tone((4000,), (100,)), Tone((440,), ()), Tone((440,), (0,))],
)
def test_a_tone_that_cannot_be_played_is_refused(tone: Tone) -> None:
    with pytest.raises(ValueError, match=r"cannot play|no length"):
        ToneSource(tone, 8000)
