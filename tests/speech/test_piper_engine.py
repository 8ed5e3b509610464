"""The parts of the Piper runner that need no weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.speech.engines.job import ClauseJob, read_job, to_pcm, write_job

piper = pytest.importorskip("ringline.speech.engines.piper", reason="the extra `speech` is not installed")

pytestmark = pytest.mark.unit

IDS = {"_": [0], "^": [1], "$": [2], "a": [14], "b": [15, 16], "̃": [30]}


@pytest.mark.parametrize(
    ("phonemes", "ids"),
    [
        ("", [1, 0, 2]),
        ("ab", [1, 0, 14, 0, 15, 16, 0, 2]),
        ("a?b", [1, 0, 14, 0, 15, 16, 0, 2]),
        ("ã", [1, 0, 14, 0, 30, 0, 2]),  # taken apart: the model knows letter and mark
    ],
)
def test_a_pad_follows_each_phoneme(phonemes: str, ids: list[int]) -> None:
    assert piper.phoneme_ids(phonemes, IDS) == ids


@pytest.mark.parametrize(("peak", "after"), [(0.1, 0.7), (1.0, 0.7), (3.0, 0.7), (0.01, 0.01), (0.0, 0.0)])
def test_clauses_have_a_common_peak_and_silence_stays(peak: float, after: float) -> None:
    samples = np.array([0.0, peak, -peak / 2], np.float32)
    assert float(np.abs(piper.level(samples)).max()) == pytest.approx(after)


def test_nothing_is_levelled_to_nothing() -> None:
    assert piper.level(np.zeros(0, np.float32)).size == 0


def test_samples_beyond_full_scale_are_clipped() -> None:
    samples = np.array([2.0, -2.0, 0.5], np.float32)
    assert np.frombuffer(to_pcm(samples, 8000, 8000), "<i2").tolist() == [32767, -32768, 16383]


@pytest.mark.parametrize("wanted", [8000, 16000, 48000])
def test_resampling_keeps_length_and_tone(wanted: int) -> None:
    tone = np.sin(np.arange(22050) / 22050 * 2 * np.pi * 1000).astype(np.float32)
    pcm = np.frombuffer(to_pcm(tone, 22050, wanted), "<i2")
    assert len(pcm) == pytest.approx(wanted, abs=2)
    assert np.argmax(np.abs(np.fft.rfft(pcm))) == pytest.approx(1000, abs=2)


@given(
    st.builds(
        ClauseJob,
        st.text(st.characters(codec="utf-8")),
        st.just("v"),
        st.integers(1, 96000),
        st.floats(0.25, 4),
    )
)
@settings(max_examples=30)
def test_jobs_survive_the_socket(job: ClauseJob) -> None:
    assert read_job(write_job(job)) == job


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x93\xa1a\xa1b\xa1c"])
def test_other_payloads_are_no_jobs(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_job(payload)
