"""Moonshine models on onnxruntime. Runs in a worker child."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ringline.speech.engines.moonshine_drafts import Written, decode
from ringline.speech.engines.moonshine_files import (
    DECODER,
    ENCODER,
    TOKENIZER,
    MoonshineSettings,
    read_vocabulary,
    spell,
)
from ringline.speech.engines.recognition_job import HeardAnswer, read_job, write_answer
from ringline.speech.recognition import RATE

FULL_SCALE = 32768.0
SHORTEST = RATE // 2
"""Less audio than this is made up with silence: the encoder's convolutions want some, and words a frame."""
TOKENS_A_SECOND = 6.5
"""More than anybody says in English; what a model writes beyond it repeats itself (Moonshine's own limit)."""

SURE, SEVERAL = 0.6, 3
"""Confidence and words from which a draft is believed although the good model wrote nothing.

The good model is silent where a second and a half without words comes first. The quick one is not, but makes
single words of noise, or several of which it is not sure.
"""

Floats = NDArray[np.float32]


class Model(Protocol):
    """What writes samples down in tokens of a vocabulary; several threads may use it at once."""

    vocabulary: Sequence[bytes]

    def write(self, samples: Floats, draft: Sequence[int], cancelled: Callable[[], bool]) -> Written:
        """Write samples of ±1.0 down; a draft makes it quicker, never different."""
        ...


class MoonshineModel:
    """One loaded `Model`."""

    def __init__(self, folder: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Every utterance has another length: a plan of memory for each of them is made in vain and kept.
        options.enable_mem_pattern = False
        cpu = ["CPUExecutionProvider"]
        self._encoder = onnxruntime.InferenceSession(str(folder / ENCODER), options, providers=cpu)
        self.decoder = onnxruntime.InferenceSession(str(folder / DECODER), options, providers=cpu)
        self.vocabulary: Sequence[bytes] = read_vocabulary((folder / TOKENIZER).read_bytes())
        self._wants_mask = "attention_mask" in {one.name for one in self._encoder.get_inputs()}
        self.wants_encoder_mask = "encoder_attention_mask" in {one.name for one in self.decoder.get_inputs()}
        # Heads and their width of each layer's keys and values, nothing of them read yet.
        self.nothing_read: dict[str, Floats] = {
            one.name: np.zeros((1, one.shape[1], 0, one.shape[3]), np.float32)
            for one in self.decoder.get_inputs()
            if one.name.startswith("past_key_values")
        }
        self.present = [
            one.name.replace("present", "past_key_values", 1) for one in self.decoder.get_outputs()[1:]
        ]

    def encode(self, samples: Floats) -> Floats:
        """Hidden states (1, frames, width) of samples of ±1.0."""
        given: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {"input_values": samples[None]}
        if self._wants_mask:
            given["attention_mask"] = np.ones((1, len(samples)), np.int64)
        hidden: Floats = self._encoder.run(None, given)[0]
        return hidden

    def write(
        self, samples: Floats, draft: Sequence[int], cancelled: Callable[[], bool] = lambda: False
    ) -> Written:
        """See `Model`."""
        longest = math.ceil(len(samples) / RATE * TOKENS_A_SECOND)
        return decode(_Reading(self, self.encode(samples), len(samples)), draft, longest, cancelled)


class _Reading:
    """A decoder with the hidden states of one passage, and what it has read of the text so far."""

    def __init__(self, model: MoonshineModel, hidden: Floats, samples: int) -> None:
        self._model = model
        self._read = dict(model.nothing_read)
        self._given: dict[str, Floats | NDArray[np.int64]] = {"encoder_hidden_states": hidden}
        if model.wants_encoder_mask:
            # Of the samples, not of the frames: the decoder takes every 384th of it itself.
            self._given["encoder_attention_mask"] = np.ones((1, samples), np.int64)
        self._begun = False

    def feed(self, tokens: Sequence[int]) -> list[tuple[int, float]]:
        """See `Decoder`."""
        logits, *present = self._model.decoder.run(
            None,
            {
                "input_ids": np.array([tokens], np.int64),
                "use_cache_branch": np.array([self._begun]),
                **self._given,
                **self._read,
            },
        )
        for name, value in zip(self._model.present, present, strict=True):
            # With something read, the encoder's keys and values are no longer given out: they stay.
            if not self._begun or ".decoder." in name:
                self._read[name] = value
        self._begun = True
        rows: Floats = logits[0]
        best = rows.argmax(axis=1)
        highest = rows.max(axis=1)
        normal = highest + np.log(np.exp(rows - highest[:, None]).sum(axis=1))
        return [(int(token), float(one)) for token, one in zip(best, highest - normal, strict=True)]

    def keep(self, count: int) -> None:
        """See `Decoder`."""
        for name in self._read:
            if ".decoder." in name:
                self._read[name] = self._read[name][:, :, :count]


@dataclass(frozen=True, slots=True)
class _Text:
    """What one model made of a passage."""

    tokens: list[int]
    text: str
    confidence: float
    passes: int


class MoonshineEngine:
    """The models of one worker, by name."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Answer one `PassageJob`."""
        job = read_job(payload)
        if missing := {job.model, job.drafter} - {"", *self._models}:
            raise ValueError(f"{', '.join(missing)} is not loaded")
        samples = to_samples(job.pcm)
        draft = self._write(job.drafter, samples, (), cancelled) if job.drafter else None
        answer = self._write(job.model, samples, draft.tokens if draft else (), cancelled)
        if draft and not answer.text and draft.confidence >= SURE and len(draft.text.split()) >= SEVERAL:
            answer = draft
        if not cancelled():
            yield write_answer(HeardAnswer(answer.text, answer.confidence, answer.passes))

    def _write(
        self, name: str, samples: Floats, draft: Sequence[int], cancelled: Callable[[], bool]
    ) -> _Text:
        model = self._models[name]
        written = model.write(samples, draft, cancelled)
        text = spell(written.tokens, model.vocabulary)
        return _Text(written.tokens, text, confidence(written.log_probabilities), written.passes)


def to_samples(pcm: bytes) -> Floats:
    """16 bit samples as ±1.0, made up to the shortest passage with silence."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32) / FULL_SCALE
    short = max(0, SHORTEST - len(samples))
    return np.pad(samples, (0, short)) if short else samples


def confidence(log_probabilities: Sequence[float]) -> float:
    """The geometric mean of the tokens' probabilities."""
    return math.exp(sum(log_probabilities) / len(log_probabilities)) if log_probabilities else 0.0


def load(settings: bytes) -> MoonshineEngine:
    """Make the engine from encoded `MoonshineSettings`."""
    wanted = msgspec.msgpack.decode(settings, type=MoonshineSettings)
    return MoonshineEngine(
        {name: MoonshineModel(Path(folder), wanted.threads) for name, folder in wanted.models.items()}
    )
