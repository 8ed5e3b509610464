"""A trainer outside: an HTTP service that is given task and data, and asked how far it is."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urljoin

import httpx
import msgspec

from ringline.core.errors import RinglineError
from ringline.finetune.errors import TrainingError
from ringline.finetune.task import Finished, Piece, Planned, Refused, Stepped, Task

POLL_S = 2.0
PATIENCE = 30
"""Polls in a row that may fail before the attempt is given up: a restart of the service is bridged."""

MOST_ADAPTER = 4_000_000_000
"""Bytes of an adapter."""

Count = Annotated[int, msgspec.Meta(ge=0)]


class TrainerAway(RinglineError):
    """The service cannot be reached or answers with its own errors: trying again may help."""


class Report(msgspec.Struct, frozen=True):
    """What the service says of a job. `adapter` is where to fetch the GGUF from, once it has succeeded."""

    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    id: str | None = None
    examples: Count = 0
    epochs: Count = 0
    step: Count = 0
    steps: Count = 0
    loss: float | None = None
    tokens: Count = 0
    adapter: str | None = None
    reason: str | None = None


class RemoteTrainer:
    """`POST {url}/jobs` with task and data as a form; `GET {url}/jobs/{id}`; `DELETE` cancels.

    The job's id is the task's own: posting a task again means going on with it, as a ringline that was
    started anew does.
    """

    def __init__(self, url: str, key: str, client: httpx.AsyncClient, *, poll_s: float = POLL_S) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = client
        self._poll_s = poll_s

    async def train(self, task: Task) -> AsyncGenerator[Piece, None]:
        """See `Trainer`."""
        job = f"{self._url}/jobs/{task.id}"
        report = await self._submit(task)
        told, planned = (-1, -1), False
        while True:
            if not planned and report.steps:
                planned = True
                yield Planned(
                    examples=report.examples,
                    epochs=report.epochs or task.epochs or 1,
                    steps=report.steps,
                    step=report.step,
                )
            if report.loss is not None and report.steps and told != (report.step, report.tokens):
                told = (report.step, report.tokens)
                yield Stepped(step=report.step, steps=report.steps, loss=report.loss, tokens=report.tokens)
            match report.status:
                case "succeeded":
                    await self._fetch(report, job, Path(task.adapter))
                    yield Finished(tokens=report.tokens)
                    return
                case "failed" | "cancelled":
                    yield Refused(reason=report.reason or f"the trainer says {report.status}")
                    return
            await asyncio.sleep(self._poll_s)
            report = await self._ask(job)

    async def forget(self, id: str) -> None:
        """Have the service end a job; one that cannot be reached trains for nothing."""
        with contextlib.suppress(httpx.HTTPError):
            await self._client.delete(f"{self._url}/jobs/{id}", headers=self._headers, timeout=10)

    async def stop(self) -> None:
        """Nothing lives on between jobs."""

    async def _submit(self, task: Task) -> Report:
        with await asyncio.to_thread(open, task.data, "rb") as data:
            form: dict[str, Any] = {
                "task": ("task.json", msgspec.json.encode(_abroad(task)), "application/json"),
                "data": ("data.jsonl", data, "application/jsonl"),
            }
            try:
                answer = await self._client.post(
                    f"{self._url}/jobs", files=form, headers=self._headers, timeout=60
                )
            except httpx.HTTPError as error:
                raise TrainerAway(f"the trainer at {self._url} cannot be reached: {error}") from error
        return _report(answer)

    async def _ask(self, job: str) -> Report:
        failed = 0
        while True:
            try:
                return _report(await self._client.get(job, headers=self._headers, timeout=30))
            except (httpx.HTTPError, TrainerAway) as error:
                failed += 1
                if failed >= PATIENCE:
                    raise TrainerAway(f"the trainer at {self._url} has gone: {error}") from error
                await asyncio.sleep(self._poll_s)

    async def _fetch(self, report: Report, job: str, into: Path) -> None:
        url = urljoin(f"{job}/", report.adapter or "adapter")
        # The key is for the trainer; an adapter may lie in somebody else's store.
        ours = httpx.URL(url).host == httpx.URL(self._url).host
        new, size = into.with_suffix(".new"), 0
        try:
            async with self._client.stream("GET", url, headers=self._headers if ours else {}) as answer:
                answer.raise_for_status()
                with await asyncio.to_thread(new.open, "wb") as target:
                    async for piece in answer.aiter_bytes(256 * 1024):
                        size += len(piece)
                        if size > MOST_ADAPTER:
                            raise TrainingError(f"the adapter has more than {MOST_ADAPTER} bytes")
                        await asyncio.to_thread(target.write, piece)
        except httpx.HTTPError as error:
            raise TrainerAway(f"the adapter cannot be fetched from {url}: {error}") from error
        await asyncio.to_thread(new.replace, into)


def _abroad(task: Task) -> dict[str, Any]:
    """The task without the paths of this machine."""
    value: dict[str, Any] = msgspec.to_builtins(task)
    return {name: value[name] for name in value if name not in ("weights", "data", "state", "adapter")}


def _report(answer: httpx.Response) -> Report:
    """Raises `TrainingError` for a refusal (4xx) or nonsense, `TrainerAway` for the service's own errors."""
    if answer.status_code >= 500 or answer.status_code in (408, 429):
        raise TrainerAway(f"the trainer answered {answer.status_code}")
    if not answer.is_success:
        raise TrainingError(f"the trainer refused with {answer.status_code}: {answer.text[:500]}")
    try:
        return msgspec.json.decode(answer.content, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TrainingError(f"the trainer's report cannot be read: {error}") from error
