"""A supervised child and the queue before it: the one class other rooms use."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from ringline.core.clock import SECOND, Clock, SystemClock
from ringline.workers.admission import Admission, Busy, Priority
from ringline.workers.lifecycle import Event, Life, State
from ringline.workers.process import ChildProcess
from ringline.workers.protocol import (
    Begin,
    Cancel,
    Done,
    Failed,
    FromChild,
    Item,
    Ping,
    Pong,
    Ready,
    Unusable,
    WorkerProtocolError,
)
from ringline.workers.spec import WorkerFailed, WorkerSpec, WorkerStatus

log = logging.getLogger(__name__)

Answer = bytes | WorkerFailed | None  # a piece, the bad end, the good end


@dataclass(slots=True)
class _Request:
    id: int
    payload: bytes
    heard_ns: int = 0  # when it began or last gave a piece
    started: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Queue[Answer] = field(default_factory=asyncio.Queue)
    abandoned: bool = False

    def end(self, answer: WorkerFailed | None) -> None:
        self.answers.put_nowait(answer)
        self.started.set()


class Worker:
    """One child process at most, started by the first request, restarted after a death with back-off.

    A death fails the requests that were running and no other: the waiting ones go to the next child. Only
    an engine that cannot be loaded fails them too, and new ones until the back-off is over.
    """

    def __init__(self, spec: WorkerSpec, clock: Clock | None = None) -> None:
        self.spec = spec
        self._clock = clock or SystemClock()
        self._life = Life()
        self._admission = Admission(spec.limits)
        self._requests: dict[int, _Request] = {}
        self._next_id = 0
        self._starters = 0
        self._wanted = asyncio.Event()
        self._child: ChildProcess | None = None
        self._loaded = asyncio.Event()
        self._closed = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._killed_because = ""
        self._last_failure = ""
        self._unusable = ""
        self._pinged = 0
        self._ponged = 0
        self._ponged_ns = 0
        self._resident = 0
        self._used_ns = 0

    # ------------------------------------------------------------------ what callers use

    async def call(self, payload: bytes, priority: Priority = Priority.LIVE, wait: float = 10.0) -> bytes:
        """The whole answer to one request; see `stream`."""
        async with contextlib.aclosing(self.stream(payload, priority, wait)) as pieces:
            return b"".join([piece async for piece in pieces])

    async def stream(
        self, payload: bytes, priority: Priority = Priority.LIVE, wait: float = 10.0
    ) -> AsyncGenerator[bytes, None]:
        """The answer piece by piece. Close the generator (`aclosing`) or cancel to give the request up.

        Raises `Busy` when the queue is full or no place came free within `wait` seconds, `WorkerFailed`
        when the engine refuses, breaks or dies.
        """
        request = self._enter(payload, priority)
        try:
            try:
                async with asyncio.timeout(wait):
                    await request.started.wait()
            except TimeoutError:
                if not request.started.is_set():
                    raise Busy(
                        f"no place at {self.spec.name} within {wait:g} s", self._admission.retry_after()
                    ) from None
            while (answer := await request.answers.get()) is not None:
                if isinstance(answer, WorkerFailed):
                    raise answer
                yield answer
        finally:
            self._leave(request)

    async def start(self) -> None:
        """Load the engine now and wait until it is ready; raises `WorkerFailed` when it cannot be."""
        self._open()
        self._starters += 1
        self._wanted.set()
        try:
            await self._loaded.wait()
        finally:
            self._starters -= 1
        if self._life.state is not State.READY:
            raise WorkerFailed(f"{self.spec.name} did not start: {self._last_failure}")

    async def stop(self) -> None:
        """End the child and every request; the worker cannot be used again."""
        self._move(Event.CLOSED)
        self._closed.set()
        self._wanted.set()
        self._loaded.set()
        self._fail_all("the worker was stopped")
        if self._child:
            self._child.stop()
        while self._supervisor and not self._supervisor.done():
            await asyncio.wait({self._supervisor}, timeout=self.spec.stop_within)
            if self._child:
                self._child.kill()

    def evict(self) -> bool:
        """Let the child go if it has nothing to do; the next request starts another. False: it is busy."""
        if self._life.state is not State.READY or self._requests:
            return False
        self._move(Event.EVICTED)
        self._loaded.clear()
        if self._child:
            self._child.stop()
        return True

    def status(self) -> WorkerStatus:
        """The worker at this moment."""
        return WorkerStatus(
            name=self.spec.name,
            state=self._life.state,
            pid=self._child.pid if self._child else None,
            running=self._admission.running,
            waiting=self._admission.waiting,
            deaths=self._life.deaths,
            resident=self._resident if self._child else 0,
            last_failure=self._last_failure,
        )

    # ------------------------------------------------------------------ requests

    def _open(self) -> None:
        if self._life.state is State.STOPPED:
            raise WorkerFailed(f"{self.spec.name} was stopped")
        if self._unusable:
            raise WorkerFailed(f"{self.spec.name} cannot be loaded: {self._unusable}")
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name=f"worker {self.spec.name}")

    def _enter(self, payload: bytes, priority: Priority) -> _Request:
        self._open()
        request = _Request(self._next_id, payload)
        self._admission.join(request.id, priority)
        self._next_id += 1
        self._requests[request.id] = request
        self._wanted.set()
        self._pump()
        return request

    def _leave(self, request: _Request) -> None:
        """The caller has gone; a running request keeps its place until the child has closed it."""
        if request.id not in self._requests:
            return
        if self._admission.withdraw(request.id):
            del self._requests[request.id]
        elif not request.abandoned:
            request.abandoned = True
            if self._child:
                self._child.send(Cancel(request.id))

    def _pump(self) -> None:
        while self._child and self._life.state is State.READY:
            now = self._clock.now_ns()
            taken = self._admission.take(now)
            if taken is None:
                return
            request = self._requests[taken]
            request.heard_ns = now
            request.started.set()
            self._child.send(Begin(request.id, request.payload))

    def _close_request(self, id: int, answer: WorkerFailed | None) -> None:
        request = self._requests.pop(id, None)
        if request is None:
            raise WorkerProtocolError(f"{self.spec.name} answered request {id}, which nobody made")
        now = self._clock.now_ns()
        self._used_ns = now
        self._admission.release(id, now)
        request.end(answer)
        self._pump()

    def _fail_running(self, reason: str) -> None:
        for request in list(self._requests.values()):
            if not request.started.is_set():
                continue
            del self._requests[request.id]
            self._admission.release(request.id, self._clock.now_ns())
            request.end(WorkerFailed(f"{self.spec.name}: {reason}"))

    def _fail_all(self, reason: str) -> None:
        self._fail_running(reason)
        for request in list(self._requests.values()):
            del self._requests[request.id]
            self._admission.withdraw(request.id)
            request.end(WorkerFailed(f"{self.spec.name}: {reason}"))

    # ------------------------------------------------------------------ the child's life

    def _move(self, event: Event) -> None:
        self._life = self._life.move(event, self._clock.now_ns(), self.spec.backoff)

    async def _supervise(self) -> None:
        while await self._wanted.wait() and not self._closed.is_set():
            self._move(Event.WANTED)
            reason = await self._one_child()
            was_loaded = self._loaded.is_set()
            self._move(Event.EXITED)
            match self._life.state:
                case State.BACKOFF if was_loaded:
                    self._loaded.clear()
                    self._fail_running(f"the child ended: {reason}")
                    await self._back_off(reason)
                case State.BACKOFF:
                    self._unusable = reason
                    self._loaded.set()
                    self._fail_all(f"cannot be loaded: {reason}")
                    await self._back_off(reason)
                    self._unusable = ""
                case _:
                    self._fail_running("the child left")
            if self._closed.is_set():
                return
            self._loaded.clear()
            if not self._requests and not self._starters:
                self._wanted.clear()

    async def _back_off(self, reason: str) -> None:
        self._last_failure = reason
        log.warning("worker %s: child ended: %s (%d in a row)", self.spec.name, reason, self._life.deaths)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.spec.backoff.seconds(self._life.deaths)):
                await self._closed.wait()
        if not self._closed.is_set():
            self._move(Event.ELAPSED)

    async def _one_child(self) -> str:
        """Run one child from start to end; returns how it ended."""
        self._killed_because = ""
        try:
            child = await ChildProcess.launch(self.spec)
        except OSError as error:
            return f"cannot start {self.spec.python}: {error}"
        self._child = child
        if self._closed.is_set():
            child.stop()
        heartbeat = asyncio.create_task(self._heartbeat(child), name=f"heartbeat of {self.spec.name}")
        said = ""
        try:
            async with contextlib.aclosing(child.messages()) as messages:
                async for message in messages:
                    if isinstance(message, Unusable):
                        said = message.reason
                    else:
                        self._hear(message)
        except WorkerProtocolError as error:
            said = f"broke the protocol: {error}"
            child.kill()
        finally:
            heartbeat.cancel()
            self._child = None
            ended = await child.reap(self.spec.stop_within)
        return self._killed_because or said or ended

    def _hear(self, message: FromChild) -> None:
        match message:
            case Item(id=id, payload=payload):
                request = self._requests.get(id)
                if request is None:
                    raise WorkerProtocolError(f"{self.spec.name} answered request {id}, which nobody made")
                request.heard_ns = self._clock.now_ns()
                if not request.abandoned:
                    request.answers.put_nowait(payload)
            case Done(id=id):
                self._close_request(id, None)
            case Failed(id=id, reason=reason):
                self._close_request(id, WorkerFailed(f"{self.spec.name}: {reason}"))
            case Pong(number=number, resident=resident):
                self._ponged = number
                self._ponged_ns = self._clock.now_ns()
                self._resident = resident
            case Ready():
                if self._life.state is State.STARTING:
                    self._move(Event.LOADED)
                    self._used_ns = self._ponged_ns = self._clock.now_ns()
                    self._loaded.set()
                    self._pump()
            case Unusable():
                raise WorkerProtocolError("an engine that is loaded cannot become unusable")

    async def _heartbeat(self, child: ChildProcess) -> None:
        """Kill a child that loads, answers or thinks for too long; let an idle one go."""
        try:
            async with asyncio.timeout(self.spec.start_within):
                await self._loaded.wait()
        except TimeoutError:
            self._end(child, f"not ready after {self.spec.start_within:g} s")
            return
        while True:
            self._pinged += 1
            child.send(Ping(self._pinged))
            await asyncio.sleep(self.spec.ping_every)
            if (silent := self._too_late()) is not None:
                self._end(child, silent)
                return
            if (
                self.spec.idle_after is not None
                and self._clock.now_ns() - self._used_ns > self.spec.idle_after * SECOND
            ):
                self.evict()

    def _too_late(self) -> str | None:
        now = self._clock.now_ns()
        if self._ponged < self._pinged and now - self._ponged_ns > self.spec.pong_within * SECOND:
            return f"no pong for {self.spec.pong_within:g} s"
        for request in self._requests.values():
            if request.started.is_set() and now - request.heard_ns > self.spec.answer_within * SECOND:
                return f"no answer for {self.spec.answer_within:g} s"
        return None

    def _end(self, child: ChildProcess, because: str) -> None:
        self._killed_because = because
        child.kill()
