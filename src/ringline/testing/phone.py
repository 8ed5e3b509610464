"""A scriptable SIP phone on real sockets, built from ringline's own SIP and media rooms.

::

    async with Phone() as phone:
        call = phone.dial("sip:+15551234@127.0.0.1:5060")
        await call.answered()
        call.press("42#")
        await call.ended()
        assert call.heard.tone(600).seconds > 1
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from types import TracebackType
from typing import Literal, Self

from ringline.core.clock import Clock, SystemClock
from ringline.core.ids import Ids
from ringline.media.events import MediaEvent
from ringline.media.plane import MediaPlane
from ringline.sip import events as sip
from ringline.sip.endpoint import EndpointSettings, SipEndpoint
from ringline.sip.stack import StackSettings
from ringline.sip.timers import Timing
from ringline.testing.phone_call import WAIT_S, PhoneCall, PhoneError
from ringline.testing.voice import Voice

Manner = Literal["ask", "answer", "refuse", "ring"]


class Phone:
    """A phone with any number of calls; `manner` says what it does when called."""

    def __init__(
        self,
        *,
        user: str = "alice",
        host: str = "127.0.0.1",
        codecs: Sequence[str] = ("PCMU", "PCMA"),
        manner: Manner = "ask",
        refusal: int = 486,
        transport: str = "udp",
        t1_ms: int = 500,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self.user = user
        self.codecs = tuple(codecs)
        self.manner = manner
        self.refusal = refusal
        self.transport = transport
        self.ids = ids or Ids()
        self.calls: list[PhoneCall] = []
        self._clock = clock or SystemClock()
        self._incoming: asyncio.Queue[PhoneCall] = asyncio.Queue()
        self._registered: asyncio.Queue[sip.RegisterOutcome] = asyncio.Queue()
        self._registration: str | None = None
        self._by_handle: dict[str, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._host = host
        self.plane = MediaPlane(
            clock=self._clock,
            ids=self.ids,
            bind=host,
            ports=range(40000, 60000),
            driver="auto",
            on_event=self._on_media,
            capacity=64,
        )
        self.endpoint = SipEndpoint(
            clock=self._clock,
            ids=self.ids,
            on_event=self._on_sip,
            decide_invite=lambda _call: sip.Accept(),
            credentials=lambda _user: None,
            settings=EndpointSettings(
                host=host,
                port=0,
                stack=StackSettings(timing=Timing(t1_ns=t1_ms * 1_000_000), user_agent="ringline phone"),
            ),
        )
        self.voice = Voice()
        self._local: dict[str, tuple[str, int]] = {}

    @property
    def uri(self) -> str:
        """Where this phone can be called directly."""
        return f"sip:{self.user}@{self.endpoint.address}:{self.endpoint.port}"

    async def __aenter__(self) -> Self:
        """Open the sockets."""
        await self.plane.start()
        await self.endpoint.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang everything up and close the sockets."""
        for call in self.calls:
            call.hang_up()
        if self._registration:
            self.endpoint.unregister(self._registration)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while self.endpoint.calls:  # noqa: ASYNC110 - the endpoint counts, it does not tell
                    await asyncio.sleep(0.01)
        await self.endpoint.stop()
        await self.plane.stop()
        await self.voice.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def register(self, server: str, password: str, expires: int = 300) -> int:
        """Register at `host:port` as this phone's user; returns the lifetime granted, raises on refusal."""
        uri = f"sip:{self.user}@{server}"
        self._registration = self.endpoint.register(
            uri, self.user, password, expires, transport=self.transport
        )
        async with asyncio.timeout(WAIT_S):
            outcome = await self._registered.get()
        if outcome.status != 200:
            raise PhoneError(f"registration refused: {outcome.status} {outcome.reason}")
        return outcome.expires_s

    def dial(
        self,
        uri: str,
        *,
        from_uri: str | None = None,
        headers: Sequence[sip.SipHeader] = (),
        codecs: Sequence[str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> PhoneCall:
        """Place a call; `answered` and `ended` of the result tell what becomes of it."""
        call = PhoneCall(self, self.ids.uuid(), uri, codecs or self.codecs, None)
        self._add(call)
        call._start(
            uri,
            from_uri=from_uri or f"sip:{self.user}@{self.endpoint.address}",
            headers=tuple(headers),
            auth=auth,
            transport=self.transport,
        )
        return call

    async def next_call(self, wait_s: float = WAIT_S) -> PhoneCall:
        """Wait for a call to come in."""
        try:
            async with asyncio.timeout(wait_s):
                return await self._incoming.get()
        except TimeoutError as error:
            raise PhoneError(f"nobody called within {wait_s:g} s") from error

    async def calls_in(self) -> AsyncIterator[PhoneCall]:
        """Every call that comes in, as it comes."""
        while True:
            yield await self._incoming.get()

    def local_media(self, handle: str) -> tuple[str, int]:
        """Where a call receives audio; opened with the first question."""
        if handle not in self._local:
            local = self.plane.open_leg(handle)
            self._local[handle] = (local.address, local.port)
        return self._local[handle]

    def later(self, work: Coroutine[object, object, None]) -> None:
        """Run something soon and see it through."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _add(self, call: PhoneCall) -> None:
        self.calls.append(call)
        self._by_handle[call.handle] = call

    def _on_sip(self, event: sip.Event) -> None:
        match event:
            case sip.IncomingCall():
                self._called(event)
            case sip.RegisterOutcome():
                self._registered.put_nowait(event)
            case sip.SipMessageSeen() | sip.RegistrationChanged():
                pass
            case _:
                call = self._by_handle.get(event.handle)
                if call:
                    call._on_sip(event)

    def _called(self, event: sip.IncomingCall) -> None:
        call = PhoneCall(self, event.handle, event.from_uri, self.codecs, event)
        self._add(call)
        match self.manner:
            case "answer":
                call.answer()
            case "refuse":
                call.refuse(self.refusal)
            case "ring":
                call.ring()
            case "ask":
                pass
        self._incoming.put_nowait(call)

    def _on_media(self, event: MediaEvent) -> None:
        call = self._by_handle.get(event.leg)
        if call:
            call._on_media(event)
