"""`python -m benchmarks.tick KIND LEGS ROUNDS compiled|interpreted`: times the engine, prints JSON."""

import json
import sys
import time
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

KIND, LEGS, ROUNDS, MANNER = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if MANNER == "interpreted":
    # Before anything of ringline is imported: in its folders only `.py` files are modules, not what was
    # compiled from them.
    plain = FileFinder.path_hook((SourceFileLoader, SOURCE_SUFFIXES))

    def ours_only(folder: str) -> FileFinder:
        if "ringline" not in Path(folder).parts:
            raise ImportError(folder)
        return plain(folder)  # type: ignore[return-value]  # typeshed calls it the protocol that it fulfils

    sys.path_hooks.insert(0, ours_only)
    sys.path_importer_cache.clear()

from ringline.media.core import COMPILED  # noqa: E402 - after the finder above
from ringline.media.core.engine import Engine  # noqa: E402 - after the finder above
from ringline.media.core.kinds import (  # noqa: E402 - after the finder above
    Codec,
    Command,
    Direction,
    Packet,
    Target,
    payload_types,
)
from ringline.media.core.rtp import RtpPacket, serialize  # noqa: E402 - after the finder above

LOOPBACK = 0x7F000001
WARM_UP = 25
SLOT_NS = 5_000_000


def opened(kind: str, legs: int) -> Engine:
    """An engine with that many legs, each with a far end."""
    engine = Engine(legs)
    codec, payload_type = (Codec.G722, 9) if kind == "G722" else (Codec.PCMU, 0)
    for leg in range(legs):
        made = engine.add(leg, ssrc=leg, sequence=leg, timestamp=leg)
        source = LOOPBACK << 16 | (4000 + 2 * leg)
        commands = [
            (Command.OPEN, leg),
            (Command.REMOTE, leg, source, 0, codec, 8000, payload_types(payload_type, 101), Direction.BOTH),
            (Command.IDLE_SILENCE, leg, 1),
        ]
        if kind == "bridged":
            commands += [(Command.PHASE, leg, leg >> 1 & 3), (Command.ROUTE, leg, leg ^ 1, 256)]
        if kind == "taps and stream":
            made.tap(0).prepare(Codec.PCMU, 8000, inbound=True, outbound=True, pairs=False, slots=64)
            made.inject.attach(8000)
            commands += [(Command.TAP, leg, 0, 1), (Command.TARGET, leg, Target.SELF)]
        for command in commands:
            if not engine.commands.put(*command):
                engine.tick(0)
                engine.commands.put(*command)
    return engine


def measure(engine: Engine, rounds: int) -> float:
    """CPU nanoseconds per leg and 20 ms, the cheapest of five parts of the run."""
    packets = [
        serialize(RtpPacket(0 if KIND != "G722" else 9, n & 0xFFFF, 160 * n, 7, bytes([40 + n % 60]) * 160))
        for n in range(rounds + WARM_UP)
    ]
    parts: list[float] = []
    spent = done = 0
    for n in range(rounds + WARM_UP):
        now = n * 20_000_000
        data = packets[n]
        begun = time.process_time_ns()
        for leg in range(LEGS):
            engine.receive(leg, Packet.RTP, data, LOOPBACK << 16 | (4000 + 2 * leg), now + 1)
        for slot in range(4):
            engine.tick(now + (slot + 1) * SLOT_NS)
        if n >= WARM_UP:
            spent += time.process_time_ns() - begun
            done += 1
            if done == max(1, rounds // 5):
                parts.append(spent / done / LEGS)
                spent = done = 0
        engine.tx()
        while engine.events.get() is not None:
            pass
    return min(parts)


if __name__ == "__main__":
    print(json.dumps({"ns": measure(opened(KIND, LEGS), ROUNDS), "compiled": int(COMPILED)}))
