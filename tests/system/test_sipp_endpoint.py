"""A foreign SIP stack on both sides of the endpoint: sipp, on good wires and on bad ones."""

import asyncio
import shutil
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.sip.endpoint import EndpointSettings, SipEndpoint
from ringline.sip.events import (
    Accept,
    CallAcked,
    CallAnswered,
    CallEnded,
    CallProgress,
    Event,
    IncomingCall,
)
from ringline.sip.stack import StackSettings
from tests.sip.wire import ANSWER, OFFER
from tests.system.lossy_wire import lossy_wire

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        shutil.which("sipp") is None, reason="sipp is not installed (apt-get install sip-tester)"
    ),
]

# Losses spare what sipp's own scenarios cannot do without. ACKs: it takes a second 200 to its INVITE for the
# answer to its BYE, and gives a call up whose BYE comes before the ACK. Its 180: an INVITE that comes again
# for want of one ends its own repetition of the 200. What we do when such are lost, `tests/sip` says.
SPARED = (b"ACK ", b"SIP/2.0 180 ")
SCENARIOS = Path(__file__).parent / "sipp"
DEADLINE_S = 50


class House:
    """Answers every call, counts what happens, and says when something has happened often enough."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.react: Callable[[Event], None] = lambda event: None
        self._changed = asyncio.Event()
        self.sip = SipEndpoint(
            clock=SystemClock(),
            ids=Ids(),
            on_event=self._hear,
            decide_invite=lambda call: Accept(),
            credentials=lambda user: None,
            settings=EndpointSettings(port=0, stack=StackSettings(trace=False, session_expires_s=0)),
        )

    def _hear(self, event: Event) -> None:
        self.counts[type(event).__name__] += 1
        if isinstance(event, CallEnded):
            self.counts[f"ended by {event.by}"] += 1
        self.react(event)
        self._changed.set()

    async def until(self, what: str, times: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.counts[what] < times:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    made = House()
    await made.sip.start()
    try:
        yield made
    finally:
        await made.sip.stop()


def free_port() -> int:
    """A port that was free a moment ago, for sipp, which does not tell the one it takes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def sipp(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "sipp",
        *("-i", "127.0.0.1", "-nostdin", "-timeout", f"{DEADLINE_S}s", "-timeout_error"),
        *("-mp", str(free_port())),
        *arguments,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def success(process: asyncio.subprocess.Process) -> None:
    """sipp saw every one of its calls end as its scenario says."""
    async with asyncio.timeout(DEADLINE_S + 5):
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]


def answering(made: House) -> Callable[[Event], None]:
    def react(event: Event) -> None:
        if isinstance(event, IncomingCall):
            made.sip.ring(event.handle)
            made.sip.accept(event.handle, ANSWER)

    return react


@pytest.mark.parametrize(
    ("transport", "loss", "calls"),
    [("u1", 0, 100), ("t1", 0, 100), ("u1", 0.1, 60)],
    ids=["udp", "tcp", "lossy"],
)
async def test_sipp_calls_us(transport: str, loss: float, calls: int) -> None:
    async with house() as made, lossy_wire(made.sip.port, loss, spared=SPARED) as wire:
        made.react = answering(made)
        process = await sipp(
            *("-sn", "uac", "-t", transport, "-p", str(free_port())),
            *("-m", str(calls), "-r", "50", "-d", "50", f"127.0.0.1:{wire.port if loss else made.sip.port}"),
        )
        await success(process)
        await made.until("CallEnded", calls)
        assert made.counts["IncomingCall"] == calls
        assert made.counts["CallAcked"] == calls
        assert made.counts["ended by remote"] == calls
        assert made.sip.calls == 0
        assert bool(wire.lost) == bool(loss)


@pytest.mark.parametrize("loss", [0, 0.1], ids=["udp", "lossy"])
async def test_we_call_sipp(loss: float) -> None:
    calls, port = 40, free_port()
    async with house() as made, lossy_wire(port, loss, spared=SPARED) as wire:

        def react(event: Event) -> None:
            if isinstance(event, CallAnswered):
                made.sip.bye(event.handle)

        made.react = react
        until = () if loss else ("-m", str(calls))
        process = await sipp("-sn", "uas", "-p", str(port), *until)
        for number in range(calls):
            to = f"sip:uas@127.0.0.1:{wire.port}"
            made.sip.invite(str(number), to, from_uri="sip:us@127.0.0.1", sdp=OFFER)
        await made.until("CallEnded", calls)
        assert made.counts["CallAnswered"] == made.counts["ended by local"] == calls
        assert made.counts["CallFailed"] == 0
        assert bool(wire.lost) == bool(loss)
        if loss:
            process.terminate()
            await process.communicate()
        else:
            await success(process)


async def test_an_answer_that_crosses_our_cancel_orphans_no_call() -> None:
    calls = 20
    async with house() as made:

        def react(event: Event) -> None:
            if isinstance(event, CallProgress):
                made.sip.cancel(event.handle)

        made.react = react
        port = free_port()
        process = await sipp("-sf", str(SCENARIOS / "late_answer.xml"), "-p", str(port), "-m", str(calls))
        for number in range(calls):
            made.sip.invite(str(number), f"sip:uas@127.0.0.1:{port}", from_uri="sip:us@127.0.0.1", sdp=OFFER)
        await success(process)
        await made.until("CallFailed", calls)
        assert made.counts["CallAnswered"] == 0


async def test_a_bye_follows_the_record_routes_of_two_proxies() -> None:
    async with house() as made:

        def react(event: Event) -> None:
            if isinstance(event, IncomingCall):
                made.sip.accept(event.handle, ANSWER)
            elif isinstance(event, CallAcked):
                made.sip.bye(event.handle)

        made.react = react
        process = await sipp(
            *("-sf", str(SCENARIOS / "behind_proxies.xml"), "-p", str(free_port()), "-m", "5"),
            f"127.0.0.1:{made.sip.port}",
        )
        await success(process)
        await made.until("CallEnded", 5)
        assert made.counts["ended by local"] == 5
