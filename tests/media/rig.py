"""An engine in virtual time: packets and commands wait in a heap, the clock jumps from one to the next."""

import heapq
from array import array
from collections.abc import Callable
from itertools import count

from ringline.media.core.coder import Coder
from ringline.media.core.engine import Engine
from ringline.media.core.kinds import Codec, Command, Direction, Event, Packet, payload_types
from ringline.media.core.leg import Leg
from ringline.media.core.rtp import RtpPacket, parse, serialize
from tests.media.signals import fitted

MS = 1_000_000
LOCALHOST = 0x7F000001


def at_port(port: int) -> int:
    return LOCALHOST << 16 | port


def power(pcm: "array[int]", frequency: float, rate: int = 8000) -> float:
    """The peak of the sine of that frequency that fits best."""
    return fitted(pcm, frequency, rate)[0] if any(pcm) else 0.0


class Rig:
    """Legs of one engine, each with a far end at port 4000 + index."""

    def __init__(self, legs: int = 1, *, codecs: tuple[Codec, ...] = (), start_ms: float = 0) -> None:
        self.engine = Engine(max(legs, 2))
        self.now_ns = round(start_ms * MS)
        self.sent: dict[int, list[tuple[int, RtpPacket]]] = {i: [] for i in range(legs)}
        self.reports: dict[int, list[tuple[int, int, bytes]]] = {i: [] for i in range(legs)}
        self.log: list[tuple[int, int, int, int, bytes]] = []
        self.events: list[tuple[int, ...]] = []
        self.targets: dict[int, int] = {}
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self.legs: list[Leg] = []
        for i in range(legs):
            self.legs.append(self.engine.add(i, ssrc=1000 + i, sequence=65530, timestamp=0xFFFFFF00))
            self.command(Command.OPEN, i)
            self.remote(i, codecs[i] if i < len(codecs) else Codec.PCMU)
            self.command(Command.PHASE, i, 0)

    def command(self, kind: Command, leg: int, *arguments: int) -> None:
        assert self.engine.commands.put(kind, leg, *arguments)

    def remote(
        self,
        leg: int,
        codec: Codec = Codec.PCMU,
        *,
        rate: int = 16000,
        port: int = 0,
        rtcp: int = 0,
        direction: Direction = Direction.BOTH,
        events: int = 101,
    ) -> None:
        port = port or 4000 + 2 * leg
        kind = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.G722: 9}.get(codec, 96)
        types = payload_types(kind, events)
        self.command(Command.REMOTE, leg, at_port(port), rtcp or port + 1, codec, rate, types, direction)

    def at(self, ms: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (round(ms * MS), next(self._order), do))

    def packet(self, ms: float, leg: int, packet: RtpPacket, *, port: int = 0) -> None:
        source = at_port(port or 4000 + 2 * leg)
        data = serialize(packet)
        self.at(ms, lambda: self.engine.receive(leg, Packet.RTP, data, source, self.now_ns))

    def stream(
        self,
        leg: int,
        pcm: "array[int]",
        *,
        codec: Codec = Codec.PCMU,
        rate: int = 16000,
        start_ms: float = 1,
        ptime: int = 20,
        sequence: int = 100,
        timestamp: int = 5000,
        ssrc: int = 77,
        delay: Callable[[int], float | None] = lambda n: 0.0,
        port: int = 0,
    ) -> None:
        """Schedule a far end that says `pcm`; `delay(n)` is packet n's in ms, None loses it."""
        coder = Coder()
        coder.choose(codec, rate)
        size = coder.rate * ptime // 1000
        units = coder.clock * ptime // 1000
        kind = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.G722: 9}.get(codec, 96)
        for n in range(len(pcm) // size):
            payload = coder.encode(pcm[n * size : (n + 1) * size])
            late = delay(n)
            if late is None:
                continue
            packet = RtpPacket(
                kind,
                (sequence + n) & 0xFFFF,
                (timestamp + n * units) & 0xFFFFFFFF,
                ssrc,
                payload,
                marker=n == 0,
            )
            self.packet(start_ms + n * ptime + late, leg, packet, port=port)

    def run(self, until_ms: float, *, tick_ms: float = 5) -> "Rig":
        """Advance; between two ticks everything that the heap holds for that time happens."""
        end = round(until_ms * MS)
        step = round(tick_ms * MS)
        while self.now_ns <= end:
            while self._heap and self._heap[0][0] <= self.now_ns:
                heapq.heappop(self._heap)[2]()
            self.tick()
            self.now_ns += step
        return self

    def tick(self) -> None:
        self.engine.tick(self.now_ns)
        for leg, kind, to, data in self.engine.tx():
            self.log.append((self.now_ns, leg, kind, to, data))
            self.targets[leg] = to
            if kind == Packet.RTP and not 200 <= data[1] <= 204:
                self.sent[leg].append((self.now_ns, parse(data)))
            else:
                self.reports[leg].append((self.now_ns, to, data))
        while (record := self.engine.events.get()) is not None:
            self.events.append(record)

    def heard(self, leg: int, codec: Codec = Codec.PCMU, rate: int = 16000) -> "array[int]":
        """What the leg's far end heard, packet after packet."""
        coder = Coder()
        coder.choose(codec, rate)
        out = array("h")
        for _, packet in self.sent[leg]:
            if packet.payload_type != 101:
                out += coder.decode(packet.payload)
        return out

    def told(self, kind: Event, leg: int | None = None) -> list[tuple[int, ...]]:
        return [r for r in self.events if r[0] == kind and leg in {None, r[1]}]
