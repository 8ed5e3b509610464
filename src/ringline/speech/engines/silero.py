"""Silero's voice detector (version 6) on onnxruntime. Runs in a worker child."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ringline.core.errors import ProtocolError
from ringline.speech.engines.silero_job import SileroSettings, WindowsAnswer, read_job, write_answer
from ringline.speech.vad import WINDOW_BYTES, WINDOW_SAMPLES

FULL_SCALE = 32768.0
CONTEXT = 64
"""Samples of the window before, which the model wants before each window."""
CELL = 128
MEMORY = CONTEXT + 2 * CELL
"""Numbers: the last samples, then the hidden and the cell state of the model's recurrent layer."""


class SileroEngine:
    """One model for all tracks."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Answer one `WindowsJob`."""
        job = read_job(payload)
        memory = np.frombuffer(job.memory, np.float32) if job.memory else np.zeros(MEMORY, np.float32)
        if len(job.pcm) % WINDOW_BYTES or len(memory) != MEMORY:
            raise ProtocolError(f"{len(job.pcm)} bytes of samples and {len(memory)} numbers of memory")
        samples = np.frombuffer(job.pcm, np.int16).astype(np.float32) / FULL_SCALE
        probabilities, memory = self._listen(samples.reshape(-1, WINDOW_SAMPLES), memory)
        yield write_answer(WindowsAnswer(probabilities.tolist(), memory.tobytes()))

    def _listen(
        self, windows: NDArray[np.float32], memory: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        context, hidden, cell = np.split(memory, (CONTEXT, CONTEXT + CELL))
        before = np.vstack((context, windows[:, -CONTEXT:]))
        probabilities, hidden, cell = self._session.run(
            None,
            {
                "input": np.hstack((before[:-1], windows)),
                "h": hidden.reshape(1, 1, CELL),
                "c": cell.reshape(1, 1, CELL),
            },
        )
        return probabilities.reshape(-1), np.concatenate((before[-1], hidden.reshape(-1), cell.reshape(-1)))


def load(settings: bytes) -> SileroEngine:
    """Make the engine from encoded `SileroSettings`."""
    return SileroEngine(Path(msgspec.msgpack.decode(settings, type=SileroSettings).model))
