"""Passages through a worker whose child may die."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.speech.engines import recognition_job, silero_job
from ringline.speech.engines.local_transcriber import GOOD, QUICK, MoonshineTranscriber
from ringline.speech.recognition import Heard, Passage, RecognitionUnavailable
from ringline.workers import Backoff, Worker, WorkerSpec
from ringline.workers.admission import Limits

pytestmark = pytest.mark.fault

ROOT = str(Path(__file__).parents[2])
Make = Callable[..., MoonshineTranscriber]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[MoonshineTranscriber] = []

    def transcriber(
        deaths: int = 0, models: tuple[str, ...] = (QUICK, GOOD), factory: str = "Mortal"
    ) -> MoonshineTranscriber:
        spec = WorkerSpec(
            "test",
            f"tests.speech.broken_engines:{factory}",
            settings=f"{deaths} {tmp_path}".encode(),
            environment={"PYTHONPATH": ROOT},
            backoff=Backoff(first=0.01, longest=0.05),
            limits=Limits(1, 4),
        )
        made.append(MoonshineTranscriber(models, Worker(spec)))
        return made[-1]

    yield transcriber
    for one in made:
        await one.stop()


def signs(folder: Path, of: str) -> int:
    """What the children left behind."""
    return len(list(folder.glob(f"{of}-*")))


def passage(pcm: bytes = b"abcd", *, is_final: bool = True, model: str | None = None) -> Passage:
    return Passage(pcm, is_final, model=model)


async def test_the_good_model_finishes_what_the_quick_one_drafts(make: Make) -> None:
    transcriber = make()
    assert (await transcriber.transcribe(passage())).text == f"4 by {GOOD} after {QUICK}"
    assert (await transcriber.transcribe(passage(is_final=False))).text == f"4 by {QUICK} after nobody"
    assert (await transcriber.transcribe(passage(model=QUICK))).text == f"4 by {QUICK} after nobody"
    assert (await transcriber.transcribe(passage(model="moonshine"))).text == f"4 by {GOOD} after {QUICK}"


@pytest.mark.parametrize("model", [QUICK, GOOD])
async def test_one_model_does_both(make: Make, model: str) -> None:
    transcriber = make(models=(model,))
    for is_final in (True, False):
        heard = await transcriber.transcribe(passage(is_final=is_final))
        assert heard == Heard(f"4 by {model} after nobody", 0.9)
    assert transcriber.names == ("moonshine", model)


async def test_a_child_that_dies_costs_time_and_no_words(make: Make, tmp_path: Path) -> None:
    heard = await make(deaths=1).transcribe(passage())
    assert heard.text.startswith("4 by")
    assert signs(tmp_path, "died") == 1


async def test_a_passage_that_kills_twice_is_given_up(make: Make, tmp_path: Path) -> None:
    transcriber = make(deaths=2)
    with pytest.raises(RecognitionUnavailable, match="the child ended: killed by signal 9"):
        await transcriber.transcribe(passage())
    assert signs(tmp_path, "died") == 2
    assert (await transcriber.transcribe(passage())).text.startswith("4 by"), "the next one has another child"


async def test_a_refusal_is_not_asked_again(make: Make, tmp_path: Path) -> None:
    with pytest.raises(RecognitionUnavailable, match="not this one"):
        await make().transcribe(passage(b"refuse"))
    assert signs(tmp_path, "refused") == 1


async def test_an_answer_that_is_none(make: Make) -> None:
    with pytest.raises(RecognitionUnavailable, match="no transcription"):
        await make().transcribe(passage(b"nonsense"))


async def test_what_is_made_of_noise_is_no_text(make: Make) -> None:
    assert await make().transcribe(passage(b"noise")) == Heard("", 0.2)


async def test_weights_that_cannot_be_loaded(make: Make) -> None:
    transcriber = make(factory="unloadable")
    with pytest.raises(RecognitionUnavailable, match="the weights are broken"):
        await transcriber.start()


async def test_english_only(make: Make) -> None:
    transcriber = make()
    assert all(map(transcriber.understands, ("en", "en-GB", "auto_detect")))
    assert not transcriber.understands("de")


async def test_room_is_what_nobody_takes(make: Make) -> None:
    transcriber = make()
    assert transcriber.has_room()
    assert transcriber.ready()
    await transcriber.stop()
    assert not transcriber.has_room()
    assert not transcriber.ready()


@given(st.binary(max_size=50), st.text(st.characters(codec="utf-8")), st.floats(0, 1))
@settings(max_examples=30)
def test_jobs_and_answers_survive_the_socket(pcm: bytes, text: str, sure: float) -> None:
    job = recognition_job.PassageJob(pcm, text)
    assert recognition_job.read_job(recognition_job.write_job(job)) == job
    answer = recognition_job.HeardAnswer(text, sure, 2)
    assert recognition_job.read_answer(recognition_job.write_answer(answer)) == answer
    listen = silero_job.WindowsJob(pcm, pcm)
    assert silero_job.read_job(silero_job.write_job(listen)) == listen
    probabilities = silero_job.WindowsAnswer([sure], pcm)
    assert silero_job.read_answer(silero_job.write_answer(probabilities)) == probabilities


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x93\xa1a\xa1b\xa1c\x01", b"\x92\xa1\xff\xa1\xff"])
@pytest.mark.parametrize(
    "read",
    [
        recognition_job.read_job,
        recognition_job.read_answer,
        silero_job.read_job,
        silero_job.read_answer,
    ],
)
def test_other_payloads_are_none(read: Callable[[bytes], object], payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(payload)
