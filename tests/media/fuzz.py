"""Octets that a hostile network might send; run as a program under sanitizers."""

import asyncio
import os
import random
import sys

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.media.core import rtcp
from ringline.media.core.kinds import Codec, Command, Direction, Packet
from ringline.media.core.rtp import RtpPacket, serialize
from ringline.media.plane import MediaPlane, RemoteMedia
from tests.media.rig import MS, Rig, at_port

SOURCES = (at_port(4000), at_port(4001), at_port(9999), 0, (1 << 48) - 1)


def datagram(chance: random.Random, sequence: int) -> bytes:
    """A packet of the leg, most often with something wrong in it."""
    kind = chance.choice([0, 8, 9, 96, 101, 101, 13, chance.randrange(72)])
    size = chance.choice([0, 1, 4, 4, 80, 160, 320, 640, 1900, 1921, chance.randrange(2000)])
    packet = RtpPacket(
        kind,
        (sequence + chance.choice([0, 0, 0, 1, -1, 40, -200, 30000])) & 0xFFFF,
        (sequence * 160 + chance.choice([0, 0, 0, 1, -1, 1 << 31, 8000])) & 0xFFFFFFFF,
        chance.choice([7, 7, 7, 7, chance.randrange(1 << 32)]),
        chance.randbytes(size),
        marker=chance.random() < 0.1,
        csrcs=tuple(range(chance.choice([0, 0, 0, 15]))),
        extension=(1, bytes(4 * chance.randrange(9))) if chance.random() < 0.1 else None,
        padding=chance.choice([0, 0, 0, 1, 255]),
    )
    data = bytearray(serialize(packet))
    if chance.random() < 0.2:
        block = rtcp.ReportBlock(1000, 1, 1, 1, 1, chance.randrange(1 << 32), chance.randrange(1 << 32))
        data = bytearray(rtcp.serialize([rtcp.ReceiverReport(7, (block,) * chance.randrange(32))]))
    for _ in range(chance.choice([0, 0, 1, 3])):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.choice([len(data), len(data), chance.randrange(len(data) + 1)])])


def receive(seed: int, rounds: int) -> Rig:
    """Feed `rounds` datagrams to two legs that hear each other, with a change of codec now and then."""
    chance = random.Random(seed)
    rig = Rig(2)
    rig.command(Command.ROUTE, 0, 1, 256)
    rig.command(Command.ROUTE, 1, 0, 256)
    rig.command(Command.DETECT, 0, 1)
    sequence = 65000
    for n in range(rounds):
        if n % 500 == 0:
            rig.remote(
                n % 2,
                chance.choice(list(Codec)[:4]),
                direction=chance.choice([Direction.BOTH] * 3 + [Direction.RECEIVE]),
            )
        sequence += 1
        for leg in (0, 1):
            data = (
                chance.randbytes(chance.randrange(60))
                if chance.random() < 0.1
                else datagram(chance, sequence)
            )
            rig.engine.receive(leg, chance.choice(list(Packet)), data, chance.choice(SOURCES), rig.now_ns)
        if n % 3 == 0:
            rig.now_ns += chance.choice([5, 5, 5, 20, 60, 400]) * MS
            rig.engine.tick(rig.now_ns)
            for _, _, _, made in rig.engine.tx():
                assert 12 <= len(made) <= 800
            while rig.engine.events.get() is not None:
                pass
    return rig


async def plane(rounds: int) -> None:
    """Everything that Python and the media thread share, used by both at once."""
    media = MediaPlane(
        clock=SystemClock(),
        ids=Ids.seeded(1),
        bind="127.0.0.1",
        ports=range(44000, 44100),
        driver="native",
        on_event=lambda _event: None,
        capacity=16,
    )
    await media.start()
    for n in range(rounds):
        legs = [f"{n}-{i}" for i in range(4)]
        local = [media.open_leg(leg) for leg in legs]
        for i, leg in enumerate(legs):
            to = local[i ^ 1]
            codec, kind = (("PCMU", 0), ("G722", 9))[n & 1]
            media.set_remote(leg, RemoteMedia(to.address, to.port, codec, kind, dtmf_payload_type=101))
            tap = media.open_tap(leg, "t", inbound=True, outbound=True, codec="L16", rate=24000)
            tap.set_wakeup(tap.drain)
            inject = media.open_inject(leg, "s", codec="PCMU", rate=8000, target="both")
            inject.write(bytes(range(256)) * 300)
            inject.mark("m")
            media.play(leg, "p").write(bytes(60_000))
            media.play(leg, "o", overlay=True).write(bytes(6_000))
            media.tone(leg, "us")
            media.send_dtmf(leg, "12#", 60, "rfc4733" if i & 1 else "inband")
        media.bridge(legs[0], legs[2])
        await asyncio.sleep(0.3)
        for leg in legs:
            media.tone(leg, "uk")
            media.stop_playout(leg, "p")
            media.stop_all(leg, overlay=True)
        await asyncio.sleep(0.1)
        for leg in legs:
            media.close_leg(leg)
    await media.stop()


if __name__ == "__main__":
    rounds = int(os.environ.get("ROUNDS", "20000"))
    if "plane" in sys.argv:
        asyncio.run(plane(rounds // 1000))
    else:
        receive(int(os.environ.get("SEED", "1")), rounds)
    sys.stdout.write("clean\n")
