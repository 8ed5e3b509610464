"""Piper voices on onnxruntime with espeak-ng's phonemes. Runs in a worker child."""

import threading
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ringline.speech.engines.espeak_library import Espeak
from ringline.speech.engines.job import read_job, to_pcm
from ringline.speech.engines.piper_files import PiperConfig, PiperSettings, read_config

BEGIN, PAD, END = "^", "_", "$"
ENDINGS = ".!?,;:"
# Piper's models differ in loudness: each clause is brought to this peak, but a near silence is left alone.
PEAK = 0.7
QUIETEST_PEAK = 0.05


class PiperVoice:
    """One loaded model."""

    def __init__(self, model: Path, threads: int) -> None:
        self.config: PiperConfig = read_config(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Freed after each clause: sentences differ in length, and an arena keeps room for the longest.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def infer(self, ids: list[int], speed: float) -> NDArray[np.float32]:
        """Samples at the model's rate for phoneme ids."""
        inference = self.config.inference
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(
                [inference.noise_scale, inference.length_scale / speed, inference.noise_w], np.float32
            ),
        }
        if self.config.num_speakers > 1:
            inputs["sid"] = np.array([0], np.int64)
        samples: NDArray[np.float32] = self._session.run(None, inputs)[0].reshape(-1)
        return samples


def phoneme_ids(phonemes: str, ids: dict[str, list[int]]) -> list[int]:
    """The model's input for IPA: a pad after each phoneme; what the model has no sign for is left out."""
    found = [*ids[BEGIN], *ids[PAD]]
    for sign in unicodedata.normalize("NFD", phonemes):
        if sign in ids:
            found += [*ids[sign], *ids[PAD]]
    return [*found, *ids[END]]


def level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples at the common peak."""
    peak = float(np.abs(samples).max(initial=0.0))
    return samples * np.float32(PEAK / peak) if peak >= QUIETEST_PEAK else samples


class PiperEngine:
    """Several voices; the phonemes one request at a time, the inference as many as there are threads."""

    def __init__(self, settings: PiperSettings) -> None:
        self._voices = {model: PiperVoice(Path(model), settings.threads) for model in settings.models}
        self._espeak = Espeak()
        self._one_at_a_time = threading.Lock()

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Say one `ClauseJob`, whose voice is a model's path."""
        job = read_job(payload)
        voice = self._voices.get(job.voice)
        if voice is None:
            raise ValueError(f"{job.voice} is not loaded")
        with self._one_at_a_time:
            self._espeak.use(voice.config.espeak.voice)
            clauses = self._espeak.phonemes(job.text)
        ending = job.text.rstrip()[-1:]
        phonemes = ", ".join(clauses) + (ending if ending in ENDINGS else ".")
        if cancelled():
            return
        samples = voice.infer(phoneme_ids(phonemes, voice.config.phoneme_id_map), job.speed)
        yield to_pcm(level(samples), voice.config.audio.sample_rate, job.rate)


def load(settings: bytes) -> PiperEngine:
    """Make the engine from encoded `PiperSettings`."""
    return PiperEngine(msgspec.msgpack.decode(settings, type=PiperSettings))
