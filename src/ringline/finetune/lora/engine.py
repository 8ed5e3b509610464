"""The engine of the training worker: reads the data, trains, saves, writes the adapter."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ringline.finetune import plan, task
from ringline.finetune.conversation import restore
from ringline.finetune.errors import TrainingError
from ringline.finetune.lora import adam, checkpoint, llama
from ringline.finetune.lora.gguf_file import GgufFile, write_adapter
from ringline.finetune.lora.text import BytePairs, JinjaTemplate
from ringline.finetune.masks import example
from ringline.finetune.plan import Plan
from ringline.finetune.task import Finished, Kept, Piece, Planned, Refused, Stepped, Task

Example = tuple[llama.Ints, NDArray[np.bool_]]
"""Five bytes a token: all of them are held."""

RANK = 8
ALPHA = 16.0


class LoraSettings(msgspec.Struct, frozen=True):
    """`save_every`: steps between two savings."""

    save_every: int = 20


@dataclass(frozen=True, slots=True)
class _Base:
    """A loaded model; it stays for the next job of the same base."""

    path: str
    weights: llama.Weights
    tokenizer: BytePairs
    template: JinjaTemplate


class LoraTrainer:
    """Answers a `Task` with `Piece`s; one at a time."""

    def __init__(self, settings: LoraSettings) -> None:
        self._settings = settings
        self._base: _Base | None = None

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """Train; what cannot be trained ends with a `Refused`."""
        try:
            for piece in self._train(task.read_task(payload), cancelled):
                yield task.write(piece)
        except TrainingError as error:
            yield task.write(Refused(reason=str(error), parameter=error.parameter))

    def _train(self, job: Task, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        base = self._loaded(job.weights)
        examples: list[Example] = []
        for one in self._examples(job, base):
            if cancelled():
                return
            examples.append(one)
        epochs = plan.auto_epochs(len(examples)) if job.epochs is None else job.epochs
        course = Plan(len(examples), epochs, job.batch_size, job.learning_rate, job.seed)
        mark = f"{job.id} {course}"
        state = checkpoint.load(Path(job.state), mark) or self._beginning(base, job.seed)
        yield Planned(examples=len(examples), epochs=epochs, steps=course.steps, step=state.step)
        model = llama.Model(base.weights, state.parameters, ALPHA / RANK)
        while state.step < course.steps:
            if cancelled():
                return
            chosen = [examples[number] for number in course.batch_at(state.step)]
            batch = llama.Batch.of(chosen)
            loss, gradients = model.learn(batch)
            adam.update(state.parameters, gradients, state.moments, state.step, course.rate_at(state.step))
            state.step += 1
            state.tokens += len(batch.tokens)
            yield Stepped(step=state.step, steps=course.steps, loss=loss, tokens=state.tokens)
            if state.step % self._settings.save_every == 0 or state.step == course.steps:
                checkpoint.save(Path(job.state), state, mark)
                yield Kept(step=state.step)
        write_adapter(Path(job.adapter), state.parameters, ALPHA)
        yield Finished(tokens=state.tokens)

    def _loaded(self, path: str) -> _Base:
        if self._base is None or self._base.path != path:
            self._base = None  # the old weights first: both at once need twice the memory
            file = GgufFile(Path(path))
            self._base = _Base(path, file.weights(), BytePairs(file), JinjaTemplate(file))
        return self._base

    def _examples(self, job: Task, base: _Base) -> Iterator[Example]:
        longest = min(job.longest, base.weights.shape.context)
        with Path(job.data).open("rb") as lines:
            for line in lines:
                one = example(restore(line), base.template, base.tokenizer, longest)
                yield np.array(one.tokens, np.int32), np.array(one.learn, bool)

    def _beginning(self, base: _Base, seed: int) -> checkpoint.State:
        parameters = llama.new_adapter(base.weights, RANK, seed)
        return checkpoint.State(0, 0, parameters, adam.Moments.none(parameters))


def train(settings: bytes) -> LoraTrainer:
    """The factory for `WorkerSpec`."""
    return LoraTrainer(msgspec.msgpack.decode(settings, type=LoraSettings))
