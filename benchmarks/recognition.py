"""Live recognition: decoding with and without a draft, and how long after the last word its text is there."""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.programs import Unavailable
from benchmarks.report import Result, Table, percentile, verdict
from benchmarks.usage import children_of, process_ms
from ringline.speech.engines.choice import SynthesisSettings, make_service
from ringline.speech.engines.local_transcriber import GOOD, QUICK
from ringline.speech.engines.moonshine import MoonshineModel
from ringline.speech.engines.moonshine_drafts import Written
from ringline.speech.engines.moonshine_files import spell
from ringline.speech.engines.recognition_choice import RecognitionChoice, make_recognizer
from ringline.speech.recognition import RATE, Listening, Recognition, Transcript
from ringline.speech.recognition_service import RecognitionService
from ringline.speech.synthesis import SpeechRequest

NEEDED = ("piper-joe", QUICK, GOOD, "silero-vad")
SENTENCES = (
    "Please confirm your appointment on Tuesday at the main office.",
    "Our agent will call you back in the afternoon.",
    "I would like to change the address of my order.",
    "Could you tell me when the next train to the airport leaves?",
    "My package was delivered yesterday, but one of the items is broken.",
    "Thank you very much for your help.",
    "I have been waiting on this line for almost half an hour.",
    "Yes, that is right, please send it to my email address.",
)
SILENCE_MS = 500
PAUSE_S = 1.5
"""Between two sentences of a track."""
SENTENCE_S = 4.0
PRE_ROLL_S = 0.4
"""So much before its first word an utterance may begin."""
QUIET = 0.01
"""Peak below which the ends of a sentence are cut off, so that it ends with its last word."""
FRAME_S = 0.02
GOAL_OF_PLAIN = 1 / 3
GOAL_MS = 800.0

Samples = NDArray[np.float32]


def models_folder() -> Path:
    """Where the weights are; raises `Unavailable`."""
    folder = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models")).absolute()
    if not all((folder / name).is_dir() for name in NEEDED):
        raise Unavailable(
            f"no weights: `ringline models pull {' '.join(NEEDED)}`, then set RINGLINE_TEST_MODELS"
        )
    return folder


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """First the models one by one, then tracks in real time."""
    del programs, scratch
    folder = models_folder()
    sentences = await _spoken(folder, SENTENCES[:2] if quick else SENTENCES)
    decodes = await asyncio.to_thread(_decodes, folder, sentences)
    lives = [await _live(folder, sentences, tracks) for tracks in ((1,) if quick else (1, 2, 4, 8))]
    lives.append(await _live(folder, sentences, 1, early=False))
    return _result(decodes, lives, sum(len(one) for one in sentences.values()) / RATE)


async def _spoken(folder: Path, texts: tuple[str, ...]) -> dict[str, Samples]:
    """The sentences from their first sound to their last, as a telephone line carries them."""
    service = make_service(SynthesisSettings(models=folder))
    spoken = {}
    for text in texts:
        async with contextlib.aclosing(service.synthesize(SpeechRequest(text=text, rate=8000))) as chunks:
            pcm = b"".join([chunk.pcm async for chunk in chunks])
        narrow = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768
        loud = np.flatnonzero(np.abs(narrow) > QUIET)
        spoken[text] = soxr.resample(narrow[loud[0] : loud[-1] + 1], 8000, RATE).astype(np.float32)
    await service.stop()
    return spoken


# ---------------------------------------------------------------------- decoding


@dataclass(slots=True)
class Decodes:
    """What one way of decoding took for all sentences."""

    name: str
    cpu_s: float = 0.0
    passes: int = 0
    tokens: list[list[int]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)

    def add(
        self, written: Written, model: MoonshineModel, reference: str, began: tuple[float, float]
    ) -> None:
        """One more sentence, begun at these wall and CPU times."""
        self.ms.append(1000 * (time.perf_counter() - began[0]))
        self.cpu_s += time.thread_time() - began[1]
        self.passes += written.passes
        self.tokens.append(written.tokens)
        self.errors.append(word_errors(reference, spell(written.tokens, model.vocabulary)))


def _decodes(folder: Path, sentences: dict[str, Samples]) -> list[Decodes]:
    quick, good = (MoonshineModel(folder / name, 1) for name in (QUICK, GOOD))
    ways = [Decodes(QUICK), Decodes(GOOD), Decodes(f"{GOOD} reading the draft of {QUICK}")]
    for text, samples in sentences.items():
        for model in (quick, good):
            model.write(samples, ())  # memory for sentences of this length is there from now on
        began = _now()
        draft = quick.write(samples, ())
        ways[0].add(draft, quick, text, began)
        began = _now()
        ways[1].add(good.write(samples, ()), good, text, began)
        began = _now()
        drafted = good.write(samples, quick.write(samples, ()).tokens)
        ways[2].add(drafted, good, text, began)
    return ways


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


# ---------------------------------------------------------------------- tracks in real time


@dataclass(slots=True)
class Live:
    """What some tracks found in real time; `cpu` is parts of a core for each track, by process."""

    tracks: int
    early: bool
    late_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    interims: int = 0
    errors: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)


async def _live(folder: Path, sentences: dict[str, Samples], tracks: int, *, early: bool = True) -> Live:
    service = make_recognizer(RecognitionChoice(folder, early=early))
    live = Live(tracks, early)
    warm = await service.open(Listening(), lambda _: None, _failed)
    warm.hear(_pcm(next(iter(sentences.values()))))
    await warm.close()
    ours = os.getpid()
    pids = {"loop": ours, "models": children_of(ours, "moonshine")[0], "vad": children_of(ours, "silero")[0]}
    before = {name: process_ms(pid) for name, pid in pids.items()}
    began = time.perf_counter()
    # Callers do not speak in chorus: each begins a part of a sentence behind the one before.
    await asyncio.gather(
        *(_track(service, live, sentences, SENTENCE_S * number / tracks) for number in range(tracks))
    )
    took_ms = 1000 * (time.perf_counter() - began)
    live.cpu = {name: (process_ms(pid) - before[name]) / took_ms / tracks for name, pid in pids.items()}
    await service.stop()
    return live


def _failed(why: str) -> None:
    raise Unavailable(f"recognition failed: {why}")


async def _track(
    service: RecognitionService, live: Live, sentences: dict[str, Samples], after_s: float
) -> None:
    """Say all sentences to a recognition of their own, and note when their texts came."""
    heard: list[tuple[float, Transcript]] = []
    await asyncio.sleep(after_s)
    listening = Listening(interim=True, silence_ms=SILENCE_MS)
    recognition = await service.open(listening, lambda one: heard.append((time.perf_counter(), one)), _failed)
    began = time.perf_counter()
    pause = np.zeros(int(PAUSE_S * RATE), np.float32)
    await _say(recognition, np.concatenate([part for said in sentences.values() for part in (said, pause)]))
    await recognition.close()
    first = 0.0
    for text, samples in sentences.items():
        last = first + len(samples) / RATE
        own = [(at, one) for at, one in heard if first <= one.started_ms / 1000 + PRE_ROLL_S < last + PAUSE_S]
        finals = [(at, one) for at, one in own if one.is_final]
        interims = [at for at, one in own if not one.is_final]
        live.errors.append(word_errors(text, " ".join(one.text for _, one in finals)))
        live.late_ms += [1000 * (at - began - last) for at, _ in finals[-1:]]
        live.first_ms += [1000 * (at - began - first) for at in interims[:1]]
        live.interims += len(interims)
        first = last + PAUSE_S


async def _say(recognition: Recognition, samples: Samples) -> None:
    pcm, size = _pcm(samples), int(FRAME_S * RATE) * 2
    began = time.perf_counter()
    for number, at in enumerate(range(0, len(pcm), size), 1):
        recognition.hear(pcm[at : at + size])
        await asyncio.sleep(max(0.0, began + number * FRAME_S - time.perf_counter()))


def _pcm(samples: Samples) -> bytes:
    return (samples * 32767).clip(-32768, 32767).astype(np.int16).tobytes()


# ---------------------------------------------------------------------- what was found


def word_errors(reference: str, text: str) -> float:
    """Words put for others, left out and put in, in parts of the reference's words."""
    right, heard = words_of(reference), words_of(text)
    row = list(range(len(heard) + 1))
    for at, word in enumerate(right, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1] / len(right)


def words_of(text: str) -> list[str]:
    """The words of a text without case and punctuation."""
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign == " ").split()


def _result(decodes: list[Decodes], lives: list[Live], seconds: float) -> Result:
    plain, drafted = decodes[1], decodes[2]
    one = next(live for live in lives if live.early)
    return Result(
        "recognition",
        [
            Table(
                (
                    "decoding",
                    "CPU s/s of audio",
                    "× plain",
                    "ms a sentence p50 / max",
                    "runs/token",
                    "word errors %",
                ),
                [_decode_row(way, plain, seconds) for way in decodes],
            ),
            Table(
                (
                    "tracks",
                    "asked for at",
                    "final text, ms after the last word p50 / p90 / max",
                    "first text, ms after the first word p50",
                    "unfinished texts a sentence",
                    "cores a track: models / vad / loop",
                    "word errors %",
                ),
                [_live_row(live) for live in lives],
            ),
        ],
        [
            verdict(
                f"a draft takes {drafted.cpu_s / plain.cpu_s:.2f} × the CPU of plain decoding "
                f"(goal {GOAL_OF_PLAIN:.2f})",
                drafted.cpu_s <= GOAL_OF_PLAIN * plain.cpu_s,
            ),
            verdict("a draft changes no text", drafted.tokens == plain.tokens),
            verdict(
                f"one track: its text is there {percentile(one.late_ms, 0.5):.0f} ms after the last word "
                f"(goal {GOAL_MS:g}, of which {SILENCE_MS} are the silence that ends it)",
                percentile(one.late_ms, 0.5) <= GOAL_MS,
            ),
        ],
        "sentences of one clean synthetic voice, so the word errors say that it works and not how well it "
        "does with callers; the callers run in the same process as the loop.",
        [
            f"Up to {len(SENTENCES)} sentences, {seconds:.0f} s of Piper at 8 kHz; models on onnxruntime, a "
            "thread a decode, as many at once as there are cores; in real time with unfinished texts, "
            f"{PAUSE_S:g} s between two sentences, each caller a part of a sentence behind the one before."
        ],
    )


def _decode_row(way: Decodes, plain: Decodes, seconds: float) -> list[str]:
    tokens = sum(map(len, way.tokens))
    return [
        way.name,
        f"{way.cpu_s / seconds:.3f}",
        f"{way.cpu_s / plain.cpu_s:.2f}",
        f"{percentile(way.ms, 0.5):.0f} / {max(way.ms):.0f}",
        f"{way.passes / tokens:.2f}",
        f"{100 * sum(way.errors) / len(way.errors):.1f}",
    ]


def _live_row(live: Live) -> list[str]:
    late = live.late_ms or [0.0]
    return [
        str(live.tracks),
        "its first silence" if live.early else "its end",
        f"{percentile(late, 0.5):.0f} / {percentile(late, 0.9):.0f} / {max(late):.0f}",
        f"{percentile(live.first_ms, 0.5):.0f}",
        f"{live.interims / len(live.errors):.1f}",
        " / ".join(f"{live.cpu[name]:.3f}" for name in ("models", "vad", "loop")),
        f"{100 * sum(live.errors) / len(live.errors):.1f}",
    ]
