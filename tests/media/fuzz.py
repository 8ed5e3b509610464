"""Octets that a hostile network might send; run as a program under sanitizers."""

import os
import random
import sys
import threading
import time

from ringline.media.core import rtcp
from ringline.media.core.kinds import Codec, Command, Direction, Packet
from ringline.media.core.ring import Records
from ringline.media.core.rtp import RtpPacket, serialize
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


def ring(records: int) -> None:
    """One thread writes, another reads; every record arrives whole and in order."""
    shared = Records(64)

    def write() -> None:
        n = 0
        while n < records:
            n += shared.put(n, n, n, n, n, n, n, n)

    writer = threading.Thread(target=write)
    writer.start()
    expected = 0
    while expected < records:
        record = shared.get()
        if record is None:
            time.sleep(0)
            continue
        assert record == (expected,) * 8
        expected += 1
    writer.join()


if __name__ == "__main__":
    rounds = int(os.environ.get("ROUNDS", "20000"))
    if "ring" in sys.argv:
        ring(rounds)
    else:
        receive(int(os.environ.get("SEED", "1")), rounds)
    sys.stdout.write("clean\n")
