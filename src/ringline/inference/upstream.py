"""One engine behind one or several URLs: the I/O around `openai_wire`."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

import httpx

from ringline.core.clock import SECOND, Clock
from ringline.core.errors import ProtocolError
from ringline.inference.breaker import Trip
from ringline.inference.cards import Dialect
from ringline.inference.chat import ChatRequest, Delta, Sampling, Usage
from ringline.inference.errors import EngineFailed, EngineTimeout, broken, words
from ringline.inference.openai_wire import DONE, Offered, Reader, failure, read_models, render, retry_after
from ringline.inference.replicas import Balance, Endpoint, Replica, Slot, Tries
from ringline.inference.sse import MAX_EVENT, Events
from ringline.workers import Busy

MAX_ANSWER = 8 * MAX_EVENT
MAX_ERROR = 64 * 1024
LINGER_S = 0.05
"""Longest wait for the end of a body after `[DONE]`."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds: to connect, to the first event, between two events, and for everything."""

    connect_s: float = 2.0
    first_s: float = 60.0
    idle_s: float = 30.0
    total_s: float = 600.0


class Upstream:
    """Asks the least loaded replica; asks another when one fails before its first event."""

    def __init__(
        self,
        name: str,
        replicas: Sequence[Replica],
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        dialect: Dialect = Dialect.OPENAI,
        deadlines: Deadlines = Deadlines(),
        trip: Trip = Trip(),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.balance = Balance(replicas, clock, trip)
        self._client = client
        self._clock = clock
        self._deadlines = deadlines
        self._chance = chance

    async def stream(
        self, request: ChatRequest, model: str, until_ns: int | None = None
    ) -> AsyncGenerator[Delta | Usage, None]:
        """The answer as it comes, its usage last; closing the generator ends the engine's work.

        `model` is the engine's own name for it. Raises `EngineRefused`, `EngineFailed`, `Busy`.
        """
        until_ns = until_ns or self._clock.now_ns() + round(self._deadlines.total_s * SECOND)
        tries = Tries(self.balance, self.name, self._chance)
        while True:
            slot = tries.next()
            begun = False
            try:
                async with aclosing(self._ask(slot, request, model, until_ns)) as answer:
                    async for piece in answer:
                        begun = True
                        yield piece
                return
            except (EngineFailed, Busy) as error:
                if begun or self._clock.now_ns() >= until_ns or not await tries.go_on(error):
                    raise

    async def offered(self) -> tuple[Offered, ...]:
        """What the engine says it has, by the first replica that answers; raises `EngineFailed`.

        Every replica is asked, whatever its circuit says: the answer sets it.
        """
        answers = await asyncio.gather(*(self._offered(slot) for slot in self.balance.slots))
        for answer in answers:
            if not isinstance(answer, EngineFailed):
                return answer
        raise EngineFailed(f"No engine of {self.name} lists its models: {answers[0]}")

    async def _offered(self, slot: Slot) -> tuple[Offered, ...] | EngineFailed:
        try:
            async with asyncio.timeout(self._deadlines.connect_s * 2), slot.replica.lease() as endpoint:
                response = await self._client.get(f"{endpoint.url}/models", headers=endpoint.headers())
                if response.status_code != httpx.codes.OK:
                    raise EngineFailed(f"{slot.replica.name} answered {response.status_code}")
                models = read_models(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ProtocolError, EngineFailed) as error:
            slot.breaker = slot.breaker.failed(self._clock.now_ns())
            return EngineFailed(f"{slot.replica.name}: {words(error)}")
        slot.breaker = slot.breaker.succeeded()
        return models

    async def _ask(
        self, slot: Slot, request: ChatRequest, model: str, until_ns: int
    ) -> AsyncGenerator[Delta | Usage, None]:
        """One try at one replica, noted at its circuit."""
        slot.in_flight += 1
        told = False
        try:
            async with (
                slot.replica.lease() as endpoint,
                self._open(endpoint, request, model, until_ns) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise await self._refusal(response, until_ns)
                async for piece in self._read(response, request.sampling, until_ns):
                    if not told:
                        told = True
                        slot.breaker = slot.breaker.succeeded()
                    yield piece
        except (httpx.HTTPError, httpx.InvalidURL, ProtocolError) as error:
            told = True
            slot.breaker = slot.breaker.failed(self._clock.now_ns())
            raise broken(slot.replica.name, error) from error
        except EngineFailed as error:
            told = True
            if error.status is None or error.status >= httpx.codes.INTERNAL_SERVER_ERROR:
                slot.breaker = slot.breaker.failed(self._clock.now_ns())
            raise
        finally:
            slot.in_flight -= 1
            if not told:
                slot.breaker = slot.breaker.abandoned(self._clock.now_ns())

    @asynccontextmanager
    async def _open(
        self, endpoint: Endpoint, request: ChatRequest, model: str, until_ns: int
    ) -> AsyncIterator[httpx.Response]:
        sent = self._client.build_request(
            "POST",
            f"{endpoint.url}/chat/completions",
            content=render(request, model, self.dialect),
            headers=endpoint.headers() | {"content-type": "application/json", "accept": "text/event-stream"},
            timeout=httpx.Timeout(None, connect=self._deadlines.connect_s),
        )
        try:
            async with asyncio.timeout(self._left(self._deadlines.first_s, until_ns)):
                response = await self._client.send(sent, stream=True)
        except TimeoutError:
            raise EngineTimeout(f"The engine {endpoint.url} did not begin to answer in time.") from None
        try:
            yield response
        finally:
            await response.aclose()

    async def _read(
        self, response: httpx.Response, asked: Sampling, until_ns: int
    ) -> AsyncGenerator[Delta | Usage, None]:
        reader, events, wait = Reader(asked), Events(), self._deadlines.first_s
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        whole = bytearray()
        ended = False
        async with aclosing(cast(AsyncGenerator[bytes, None], response.aiter_raw())) as pieces:
            while not ended:
                try:
                    async with asyncio.timeout(self._left(wait, until_ns)):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    raise EngineTimeout("The engine did not go on in time.") from None
                if piece is None:
                    break
                if not streamed:
                    whole += piece
                    if len(whole) > MAX_ANSWER:
                        raise ProtocolError(f"an answer is larger than {MAX_ANSWER} bytes")
                    continue
                wait = self._deadlines.idle_s
                for event in events.feed(piece):
                    if event == DONE:
                        ended = True
                        break
                    for delta in reader.read(event):
                        yield delta
            if whole:
                for delta in reader.read(bytes(whole)):
                    yield delta
            elif not ended and not reader.is_complete:
                raise ProtocolError("the engine's stream ended before its answer did")
            yield reader.usage()
            if ended:
                await self._finish(pieces)

    async def _finish(self, pieces: AsyncGenerator[bytes, None]) -> None:
        """Read to the end of the body, so that the connection is used again; the answer is whole already."""
        with suppress(TimeoutError, httpx.HTTPError):
            async with asyncio.timeout(LINGER_S):
                async for _ in pieces:
                    pass

    async def _refusal(self, response: httpx.Response, until_ns: int) -> Exception:
        body = bytearray()
        try:
            async with asyncio.timeout(self._left(self._deadlines.idle_s, until_ns)):
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > MAX_ERROR:
                        break
        except TimeoutError:
            body.clear()
        seconds = retry_after(response.headers.get("retry-after", ""))
        return failure(response.status_code, bytes(body), seconds)

    def _left(self, seconds: float, until_ns: int) -> float:
        return min(seconds, max(0.0, (until_ns - self._clock.now_ns()) / SECOND))
