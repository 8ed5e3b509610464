"""A phone on a real leg of the real media plane, and ears for both ends of a stream."""

import asyncio
import struct
from array import array
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import numpy as np

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.media import codecs
from ringline.media.core import kinds
from ringline.media.core.coder import Coder
from ringline.media.events import MarkReached, MediaEvent, StatsTick
from ringline.media.plane import MediaPlane, RemoteMedia
from ringline.streams import transport_picows
from ringline.streams.client import Stream
from ringline.streams.request import StreamRequest
from ringline.streams.transport import Dial
from tests.streams.apps import Events, streaming

LOUD = 1000


def coder(codec: str, rate: int, *, little_endian: bool = False) -> Coder:
    """The plane's own coder, which has its tests elsewhere."""
    made = Coder()
    number = kinds.Codec.L16_LITTLE if little_endian and codec == "L16" else kinds.Codec[codec]
    made.choose(number, rate)
    return made


def tone(hz: float, seconds: float, rate: int) -> "array[int]":
    moments = np.arange(round(seconds * rate)) / rate
    return array("h", (8000 * np.sin(2 * np.pi * hz * moments)).astype(np.int16).tobytes())


def pitch(samples: "array[int]", rate: int) -> tuple[float, float]:
    """The strongest frequency, and how many dB it and its neighbourhood are above all the rest."""
    window = np.array(samples, dtype=float) * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(window)) ** 2
    peak = int(np.argmax(spectrum))
    near = spectrum[max(peak - 3, 0) : peak + 4].sum()
    rest = spectrum.sum() - near
    return peak * rate / len(samples), float(10 * np.log10(max(near, 1e-9) / max(rest, 1e-9)))


def ends_with_tone(samples: "array[int]", hz: float, rate: int) -> bool:
    """Whether the last 200 ms are a clear tone of `hz`.

    Clear is 10 dB over all else: a wrong codec or byte order stays under 0 dB, a wrong rate is another pitch.
    The plane gives 30 dB; interpreted on a busy machine it loses a packet now and then, so one waits for 200
    good milliseconds.
    """
    last = samples[-rate // 5 :]
    if len(last) < rate // 5:
        return False
    found, clarity = pitch(last, rate)
    return abs(found - hz) <= 8 and clarity > 10


class Phone(asyncio.DatagramProtocol):
    """Sends a tone for ever and keeps what it hears."""

    def __init__(self, codec: str, hz: float | None) -> None:
        described = codecs.named(codec)
        assert described is not None
        assert described.payload_type is not None
        self.codec = described
        self.payload_type = described.payload_type
        self.heard = array("h")
        """Everything loud, in order of arrival."""
        self._changed = asyncio.Event()
        self._ear = coder(codec, described.sample_rate)
        self._hz = hz
        self._sent = 0
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._destination = ("", 0)
        speech = coder(codec, described.sample_rate).encode(tone(hz or 0, 4.0, described.sample_rate))
        self._speech = [speech[at : at + described.octets] for at in range(0, len(speech), described.octets)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        frame = self._ear.decode(data[12:])
        if max(frame, default=0) > LOUD:
            self.heard += frame
            self._changed.set()

    def talk(self, port: int) -> None:
        self._destination = ("127.0.0.1", port)
        self._began = asyncio.get_running_loop().time()
        if self._hz is not None:
            self._tick()

    def _tick(self) -> None:
        number = self._sent
        self._timer = asyncio.get_running_loop().call_at(self._began + 0.02 * (number + 1), self._tick)
        header = struct.pack(">BBHII", 0x80, self.payload_type, number, 160 * number, 0x1234)
        self.transport.sendto(header + self._speech[number % len(self._speech)], self._destination)
        self._sent += 1

    def hang_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.transport.close()

    @property
    def heard_ms(self) -> float:
        return 1000 * len(self.heard) / self.codec.sample_rate

    async def hears(self, milliseconds: float) -> None:
        """Wait until so much was heard."""
        while self.heard_ms < milliseconds:
            await self._change()

    async def hears_tone(self, hz: float) -> None:
        """Wait until the last that was heard is this tone."""
        while not ends_with_tone(self.heard, hz, self.codec.sample_rate):
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Calls:
    """Phones with legs, and the streams whose marks the plane reports."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.dial: Dial = transport_picows.dial
        self.plane = MediaPlane(
            clock=SystemClock(),
            ids=Ids.seeded(1),
            bind="127.0.0.1",
            ports=range(42000, 43000),
            on_event=self._hear,
        )
        self._phones: list[Phone] = []
        self._second = asyncio.Event()

    def _hear(self, event: MediaEvent) -> None:
        if isinstance(event, MarkReached):
            self.streams[event.stream].mark_reached(event.name)
        elif isinstance(event, StatsTick):
            self._second.set()

    async def phone(self, leg: str, codec: str = "PCMU", hz: float | None = None) -> Phone:
        """A phone that talks on a new leg."""
        _, phone = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Phone(codec, hz), local_addr=("127.0.0.1", 0)
        )
        self._phones.append(phone)
        local = self.plane.open_leg(leg)
        self.plane.set_remote(leg, RemoteMedia("127.0.0.1", phone.port, codec, phone.payload_type))
        phone.talk(local.port)
        return phone

    def streaming(
        self, asked: StreamRequest, events: Events, **options: Any
    ) -> AbstractAsyncContextManager[Stream]:
        """A stream of these calls' plane."""
        return streaming(asked, self.plane, events, dial=self.dial, **options)

    async def packets(self, leg: str, count: int) -> None:
        """Wait until the leg has received so many more."""
        before = self.plane.stats(leg).packets_received
        while self.plane.stats(leg).packets_received < before + count:
            self._second.clear()
            await self._second.wait()

    def begin(self, stream: Stream, leg: str, phone: Phone) -> None:
        self.streams[stream.request.stream_id] = stream
        stream.begin(leg, phone.codec.name, phone.codec.sample_rate, client_state=None)

    def close(self) -> None:
        for phone in self._phones:
            phone.hang_up()


@asynccontextmanager
async def calling() -> AsyncIterator[Calls]:
    calls = Calls()
    await calls.plane.start()
    try:
        yield calls
    finally:
        calls.close()
        await calls.plane.stop()
