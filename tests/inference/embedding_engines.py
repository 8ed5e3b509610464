"""A small embedding engine that runs in real children of the tests: a text's vector tells what it was."""

import os
import time
from collections.abc import Callable, Iterator

import numpy as np

from ringline.inference.embedding_job import EmbeddingAnswer, read_job, too_long, write_answer

DIMENSIONS = 4
CONTEXT = 16


def vector_of(text: str | list[int], batch: int) -> list[float]:
    """Length, first sign, place of the work, texts of the batch."""
    first = ord(text[0]) if isinstance(text, str) else text[0]
    return [float(len(text)), float(first), float(isinstance(text, str)), float(batch)]


class Small:
    """One token a character. Words that are orders: `die`, `garbage`, `short`, `slow`."""

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        job = read_job(payload)
        if "die" in job.inputs:
            os.kill(os.getpid(), 9)
        if "garbage" in job.inputs:
            yield b"\xff"
            return
        if "slow" in job.inputs:
            time.sleep(0.2)
        kept = job.inputs[:-1] if "short" in job.inputs else job.inputs
        texts = [text[:cut] if cut else text for text, cut in zip(kept, job.cut, strict=False)]
        refused = {n: too_long(len(text), CONTEXT) for n, text in enumerate(texts) if len(text) > CONTEXT}
        rows = np.array([vector_of(text, len(texts)) for text in texts], np.float32)
        yield write_answer(
            EmbeddingAnswer([len(text) for text in texts], DIMENSIONS, rows.tobytes(), refused)
        )


def load(settings: bytes) -> Small:
    return Small()
