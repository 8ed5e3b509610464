"""An embedding model behind an OpenAI-compatible `POST …/embeddings`, at one or several URLs."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import msgspec
import numpy as np

from ringline.core.clock import Clock
from ringline.core.errors import ProtocolError
from ringline.inference.embedding import Embedded, EmbeddingRequest
from ringline.inference.embedding_job import FLOAT, Vectors
from ringline.inference.errors import EngineFailed, EngineRefused, EngineTimeout, broken
from ringline.inference.gate import Gate
from ringline.inference.openai_wire import failure, retry_after
from ringline.inference.replicas import Balance, Endpoint, Replica, Slot, Tries
from ringline.workers import Busy
from ringline.workers.admission import Limits

MAX_ANSWER = 128 * 1024 * 1024
"""2048 vectors of 4096 numbers in base64, and room to spare."""


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Requests at once, and waiting of each class; seconds for a place, to connect, for the answer."""

    in_flight: int = 64
    waiting: int = 1024
    patience_s: float = 10.0
    connect_s: float = 2.0
    answer_s: float = 60.0


class _Item(msgspec.Struct, frozen=True):
    index: int
    embedding: str | list[float]


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Answer(msgspec.Struct, frozen=True):
    data: list[_Item]
    model: str = ""
    usage: _Usage = _Usage()


_answers = msgspec.json.Decoder(_Answer)


def render(request: EmbeddingRequest, model: str) -> bytes:
    """The body that an engine is sent."""
    body: dict[str, object] = {"model": model, "input": list(request.inputs), "encoding_format": "base64"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.cut is not None:
        body["truncate_prompt_tokens"] = request.cut
    return msgspec.json.encode(body)


def read(body: bytes, request: EmbeddingRequest, model: str) -> Embedded:
    """An engine's answer, numbers or base64; raises `ProtocolError` when it does not fit the request."""
    try:
        answer = _answers.decode(body)
        items = sorted(answer.data, key=lambda item: item.index)
        rows = [_row(item.embedding) for item in items]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ProtocolError(f"no embeddings: {error}") from error
    if [item.index for item in items] != list(range(len(request.inputs))):
        raise ProtocolError(f"{len(items)} embeddings for {len(request.inputs)} inputs")
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or (request.dimensions is not None and lengths != {request.dimensions}):
        raise ProtocolError(f"vectors of {sorted(lengths)} dimensions")
    vectors = np.stack(rows)
    if not np.isfinite(vectors).all():
        raise ProtocolError("vectors that are not finite")
    return Embedded(vectors, answer.usage.prompt_tokens, answer.model or model)


def _row(embedding: str | list[float]) -> Vectors:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), FLOAT)
    return np.array(embedding, FLOAT)


class UpstreamEmbeddings:
    """Asks the least loaded replica, and another one where that cannot answer. The engine makes batches."""

    def __init__(
        self,
        model: str,
        replicas: Sequence[Replica],
        client: httpx.AsyncClient,
        clock: Clock,
        limits: UpstreamLimits = UpstreamLimits(),
    ) -> None:
        """`model` is the engine's own name for it; the client belongs to whoever gave it."""
        self._model = model
        self._balance = Balance(replicas, clock)
        self._client = client
        self._clock = clock
        self._limits = limits
        self._gate = Gate(model, Limits(limits.in_flight, limits.waiting), clock)

    async def embed(self, request: EmbeddingRequest) -> Embedded:
        """Embed all inputs; raises `EngineRefused`, `EngineFailed`, `EngineTimeout` or `Busy`."""
        async with self._gate.place(request.priority, self._limits.patience_s):
            tries = Tries(self._balance, self._model)
            while True:
                slot = tries.next()
                try:
                    return await self._ask(slot, request)
                except (EngineFailed, Busy) as error:
                    if not await tries.go_on(error):
                        raise

    async def stop(self) -> None:
        """There is nothing to end."""

    async def _ask(self, slot: Slot, request: EmbeddingRequest) -> Embedded:
        """One try at one replica, noted at its circuit."""
        slot.in_flight += 1
        works: bool | None = None
        try:
            async with asyncio.timeout(self._limits.answer_s), slot.replica.lease() as endpoint:
                status, body, seconds = await self._post(endpoint, render(request, self._model))
            if status != httpx.codes.OK:
                raise failure(status, body, seconds)
            embedded = read(body, request, self._model)
            works = True
            return embedded
        except (httpx.HTTPError, httpx.InvalidURL, ProtocolError) as error:
            works = False
            raise broken(slot.replica.name, error) from error
        except TimeoutError:
            works = False
            raise EngineTimeout(f"The engine {slot.replica.name} did not answer in time.") from None
        except EngineRefused:
            works = True
            raise
        except EngineFailed:
            works = False
            raise
        finally:
            slot.in_flight -= 1
            now = self._clock.now_ns()
            match works:
                case True:
                    slot.breaker = slot.breaker.succeeded()
                case False:
                    slot.breaker = slot.breaker.failed(now)
                case None:
                    slot.breaker = slot.breaker.abandoned(now)

    async def _post(self, endpoint: Endpoint, content: bytes) -> tuple[int, bytes, int]:
        headers = endpoint.headers() | {"content-type": "application/json"}
        timeout = httpx.Timeout(self._limits.answer_s, connect=self._limits.connect_s)
        async with self._client.stream(
            "POST", f"{endpoint.url}/embeddings", content=content, headers=headers, timeout=timeout
        ) as response:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise ProtocolError(f"an answer is larger than {MAX_ANSWER} bytes")
            return (
                response.status_code,
                bytes(body),
                retry_after(response.headers.get("retry-after", "")),
            )
