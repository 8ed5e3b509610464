"""The voice detector's child may die, hang or talk nonsense: loudness answers in its place."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ringline.speech.engines import silero_detection
from ringline.speech.engines.recognition_choice import RecognitionChoice, Vad, make_recognizer
from ringline.speech.engines.silero_detection import SileroDetection, SileroDetector
from ringline.speech.recognition import Listening, RecognitionUnavailable
from ringline.speech.vad import WINDOW_BYTES, level
from ringline.workers import Worker, WorkerSpec
from ringline.workers.admission import Limits
from tests.speech.hearing import quiet, tone

pytestmark = pytest.mark.fault

ROOT = str(Path(__file__).parents[2])
LOUD, SILENT = tone(440, 96), quiet(96)
Make = Callable[[bytes], SileroDetector]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    workers: list[Worker] = []

    def detector(how: bytes) -> SileroDetector:
        spec = WorkerSpec(
            "test",
            "tests.speech.broken_engines:Deaf",
            settings=how,
            environment={"PYTHONPATH": ROOT},
            limits=Limits(1, 8),
        )
        workers.append(Worker(spec))
        return SileroDetector(workers[-1])

    yield detector
    for one in workers:
        await one.stop()


async def heard(detector: SileroDetector, pcm: bytes) -> list[float]:
    levels = [level(pcm[at : at + WINDOW_BYTES]) for at in range(0, len(pcm), WINDOW_BYTES)]
    return await detector.listen(pcm, levels)


async def test_the_memory_of_a_track_travels(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero_detection, "PATIENCE_S", 30.0)  # the child is slow to start on a busy machine
    detector = make(b"well")
    assert await heard(detector, SILENT) == [0.1] * 3
    assert await heard(detector, SILENT + SILENT) == [0.2] * 6
    assert await heard(detector, SILENT) == [0.3] * 3


@pytest.mark.parametrize("how", [b"die", b"hang", b"nonsense", b"few"])
async def test_a_child_in_trouble_is_stood_in_for(
    make: Make, monkeypatch: pytest.MonkeyPatch, how: bytes
) -> None:
    monkeypatch.setattr(silero_detection, "PATIENCE_S", 0.2 if how == b"hang" else 30.0)
    detector = make(how)
    assert all(one < 0.1 for one in await heard(detector, SILENT))
    assert all(one > 0.9 for one in await heard(detector, LOUD))


async def test_without_weights_the_choice_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecognitionUnavailable, match="ringline models pull silero-vad"):
        SileroDetection(tmp_path / "none.onnx", 1).detector()


@pytest.mark.parametrize(
    ("vad", "pulled", "detector"),
    [
        (Vad.AUTO, False, "energy"),
        (Vad.AUTO, True, "silero"),
        (Vad.ENERGY, True, "energy"),
        (Vad.SILERO, True, "silero"),
        (Vad.SILERO, False, "silero"),
    ],
)
async def test_who_finds_speech(tmp_path: Path, vad: Vad, pulled: bool, detector: str) -> None:
    if pulled:
        model = tmp_path / silero_detection.MODEL
        model.parent.mkdir()
        model.touch()
    service = make_recognizer(RecognitionChoice(tmp_path, vad))
    assert service.status().detector == detector
    with pytest.raises(RecognitionUnavailable):
        await service.open(Listening(), print, print)  # there is no engine
    await service.stop()
