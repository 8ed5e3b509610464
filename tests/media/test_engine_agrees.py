"""A random scenario makes the same packets and events interpreted and compiled, octet by octet."""

import hashlib
import os
import random
import subprocess
import sys
from array import array

import pytest

from ringline.media.core import COMPILED
from ringline.media.core.kinds import Codec, Command, Cue, Direction, Method, Target
from ringline.media.core.rtp import RtpPacket
from ringline.media.core.tones import RINGBACK
from tests.media.rig import MS, Rig, at_port

pytestmark = pytest.mark.unit

SEED = 20_261
LEGS = 4
END_MS = 1700


def speech(chance: random.Random, samples: int) -> "array[int]":
    """Something with loud and quiet parts, and no pattern that hides an error."""
    out, value, peak = array("h"), 0.0, 9000
    for i in range(samples):
        if i % 1600 == 0:
            peak = chance.choice([0, 300, 9000, 32000])
        value = 0.9 * value + 0.1 * chance.randint(-peak, peak)
        out.append(round(value))
    return out


def far_ends(rig: Rig, chance: random.Random) -> None:
    """Lossy, late, reordered, doubled packets; strangers; digits; octets that mean nothing."""
    for leg in range(LEGS):
        codec = list(Codec)[leg]
        rate = 8000 if leg < 2 else 16000
        loss, spread = chance.choice([0, 0.05, 0.3]), chance.choice([0, 15, 90])

        def delay(_n: int, loss: float = loss, spread: float = spread) -> float | None:
            return None if chance.random() < loss else chance.uniform(0, spread)

        ptime = chance.choice([10, 20, 30])
        rig.stream(leg, speech(chance, 3 * rate // 2), codec=codec, delay=delay, ptime=ptime, ssrc=70 + leg)
        rig.stream(leg, speech(chance, rate // 4), codec=codec, start_ms=1500, sequence=9000, ssrc=170 + leg)
        for _ in range(20):
            ms = chance.uniform(0, END_MS)
            rig.packet(ms, leg, RtpPacket(chance.randrange(72), chance.randrange(65536), 1, 2, b"x"), port=9)
            junk = chance.randbytes(chance.randrange(200))
            source = at_port(4000 + 2 * leg)

            def throw(leg: int = leg, junk: bytes = junk, source: int = source) -> None:
                rig.engine.receive(leg, chance.randrange(2), junk, source, rig.now_ns)

            rig.at(ms, throw)
        for i in range(9):
            payload = bytes((leg + 3, (0x80 if i > 5 else 0) | 10)) + (min(i + 1, 6) * 160).to_bytes(2)
            rig.packet(900 + 20 * i, leg, RtpPacket(101, 600 + i, 70000, 70 + leg, payload))


def commands(rig: Rig, chance: random.Random) -> None:
    """Everything that Python can ask for, at random times."""
    number = 0

    def ask() -> None:
        nonlocal number
        number += 1
        leg = chance.randrange(LEGS)
        core = rig.legs[leg]
        other = (leg + 1 + chance.randrange(LEGS - 1)) % LEGS
        match chance.randrange(13):
            case 0 | 1:
                queue = chance.choice([core.play, core.overlay, core.inject])
                queue.attach(chance.choice([8000, 16000]))
                queue.cue(Cue.START, number)
                queue.push(speech(chance, chance.randrange(6000)))
                queue.cue(Cue.MARK, number + 1000)
                queue.cue(Cue.END, number)
            case 2:
                rig.command(Command.STOP, leg, chance.randrange(3), chance.randint(1, number))
            case 3:
                queues = (core.play, core.overlay, core.inject)
                channel = chance.randrange(3)
                rig.command(Command.CLEAR, leg, channel, queues[channel].write)
            case 4 | 5:
                rig.command(Command.ROUTE, leg, other, chance.choice([256, 256, 80, 0]))
            case 6:
                rig.command(Command.PHASE, leg, chance.randrange(4))
            case 7:
                method = chance.choice(list(Method))
                rig.command(
                    Command.DTMF, leg, chance.randint(-1, 15), chance.randint(40, 160), method, number
                )
            case 8:
                rig.command(Command.IDLE_SILENCE, leg, chance.randrange(2))
            case 9:
                rig.command(Command.DETECT, leg, chance.randrange(2))
            case 10:
                rig.command(Command.TARGET, leg, chance.choice(list(Target)))
            case 11:
                codec = chance.choice(list(Codec)[:4])
                rig.remote(leg, codec, direction=chance.choice([Direction.BOTH] * 4 + list(Direction)))
            case _:
                if not core.tone_number:
                    core.set_tone(RINGBACK[chance.choice(["us", "uk", "de"])], 8000)
                    rig.command(Command.TONE, leg, number)
                else:
                    rig.command(Command.TONE, leg, 0)

    for _ in range(120):
        rig.at(chance.uniform(0, END_MS), ask)


def scenario(seed: int) -> str:
    """Hash of all packets, events and tap frames."""
    chance = random.Random(seed)
    rig = Rig(LEGS, codecs=tuple(Codec)[:LEGS])
    taps = []
    for leg in range(LEGS):
        tap = rig.legs[leg].tap(leg)
        tap.prepare(
            chance.choice(list(Codec)),
            chance.choice([8000, 16000, 22050, 24000, 48000]),
            inbound=True,
            outbound=True,
            pairs=leg == 3,
            slots=512,
        )
        rig.command(Command.TAP, leg, leg, 1)
        taps.append(tap)
    far_ends(rig, chance)
    commands(rig, chance)
    rig.run(600)
    rig.now_ns += 70 * MS
    rig.run(1100)
    rig.now_ns += 440 * MS
    rig.run(END_MS)
    for leg in range(LEGS):
        rig.command(Command.CLOSE, leg)
    rig.run(END_MS + 20)
    assert len(rig.log) > 100
    assert len(rig.events) > 40
    digest = hashlib.sha256()
    for entry in [*rig.log, *rig.events, *[frame for tap in taps for frame in tap.drain(10_000)]]:
        digest.update(repr(entry).encode())
    return digest.hexdigest()


def test_the_same_seed_makes_the_same_packets() -> None:
    assert scenario(SEED) == scenario(SEED)


@pytest.mark.skipif(not COMPILED, reason="nothing was compiled; run setup.py build_ext --inplace")
def test_interpreted_and_compiled_agree() -> None:
    program = (
        "from ringline.media.core import COMPILED\n"
        "from tests.media.test_engine_agrees import SEED, scenario\n"
        "assert not COMPILED\n"
        "print(*[scenario(SEED + i) for i in range(3)], sep='\\n')\n"
    )
    pure = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RINGLINE_PURE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [scenario(SEED + i) for i in range(3)] == pure.stdout.split()
