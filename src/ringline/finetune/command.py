"""A trainer outside: a program that is given the task and tells its progress on standard output."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from ringline.core.errors import RinglineError
from ringline.finetune.errors import NoTrainer, TrainingError
from ringline.finetune.task import LONGEST_PIECE, Finished, Piece, Refused, Task, read_piece, write

STOP_WITHIN_S = 5.0
"""From SIGTERM to SIGKILL."""

LAST_LINES = 5
"""Of standard error, told when the program fails."""


class TrainerDied(RinglineError):
    """The program ended without a word: trying again may help."""


class CommandTrainer:
    """Starts the program once for each job.

    In its arguments, `{task}` stands for a file with the task, `{data}`, `{adapter}`, `{model}` and `{id}`
    for the task's own. The task also comes on standard input. A line of standard output is a `task.Piece`.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = tuple(arguments)
        self._ending: set[asyncio.Task[None]] = set()

    async def train(self, task: Task) -> AsyncGenerator[Piece, None]:
        """See `Trainer`."""
        file = Path(task.data).with_name("task.json")
        await asyncio.to_thread(file.write_bytes, write(task))
        process = await self._launch(task, file)
        errors: deque[str] = deque(maxlen=LAST_LINES)
        listening = asyncio.create_task(_keep_last(process.stderr, errors), name=f"stderr of {task.id}")
        ended = False
        try:
            async for line in _lines(process.stdout):
                piece = read_piece(line)
                ended = isinstance(piece, Finished | Refused)
                if ended:
                    await self._end(process)  # it has said its last word: what it wrote must be whole now
                yield piece
                if ended:
                    return
            status = await process.wait()
            await listening
            raise TrainerDied(
                f"the trainer ended with status {status}: {' | '.join(errors) or 'no word why'}"
            )
        finally:
            if not ended:
                await self._end(process, at_once=True)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def forget(self, id: str) -> None:
        """The program has ended with `train`."""

    async def stop(self) -> None:
        """Wait for the programs that were told to leave."""
        await asyncio.gather(*self._ending)

    async def _end(self, process: asyncio.subprocess.Process, *, at_once: bool = False) -> None:
        """Wait for the program, which `at_once` is told to leave; whoever cancels us does not stop that."""
        ending = asyncio.create_task(_ended(process, at_once=at_once), name=f"end of {process.pid}")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)

    async def _launch(self, task: Task, file: Path) -> asyncio.subprocess.Process:
        named = {
            "{task}": str(file),
            "{data}": task.data,
            "{adapter}": task.adapter,
            "{model}": task.model,
            "{id}": task.id,
        }
        arguments = [_filled(argument, named) for argument in self._arguments]
        try:
            with file.open("rb") as given:
                return await asyncio.create_subprocess_exec(
                    *arguments,
                    stdin=given,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    limit=LONGEST_PIECE,
                    start_new_session=True,  # a launcher's children are ended with it
                )
        except OSError as error:
            raise NoTrainer(f"the trainer {arguments[0]} cannot be started: {error.strerror}") from error


def _filled(argument: str, named: dict[str, str]) -> str:
    for name, value in named.items():
        argument = argument.replace(name, value)
    return argument


async def _lines(stream: asyncio.StreamReader | None) -> AsyncGenerator[bytes, None]:
    assert stream is not None
    while True:
        try:
            line = await stream.readline()
        except ValueError as error:
            raise TrainingError(f"the trainer said a line of more than {LONGEST_PIECE} bytes") from error
        if not line:
            return
        if line.strip():
            yield line


async def _keep_last(stream: asyncio.StreamReader | None, lines: deque[str]) -> None:
    assert stream is not None
    rest = b""
    while data := await stream.read(LONGEST_PIECE):
        *whole, rest = (rest[-LONGEST_PIECE:] + data).split(b"\n")
        lines.extend(line.decode(errors="replace")[:500] for line in whole if line.strip())
    if rest.strip():
        lines.append(rest.decode(errors="replace")[:500])


async def _ended(process: asyncio.subprocess.Process, *, at_once: bool) -> None:
    """Wait for the end, by force when it takes too long."""
    if at_once:
        _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
