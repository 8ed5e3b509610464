"""The leaves of the media core give the same results interpreted and compiled, sample by sample."""

import hashlib
import os
import random
import subprocess
import sys
from array import array
from collections.abc import Iterator

import pytest

from ringline.media.core import COMPILED
from ringline.media.core.base64 import BASE64
from ringline.media.core.dtmf import DigitDetector, DigitSender, EventReceiver
from ringline.media.core.g711 import A_LAW, MU_LAW
from ringline.media.core.g722 import G722Decoder, G722Encoder
from ringline.media.core.l16 import LITTLE_ENDIAN, NETWORK_ORDER
from ringline.media.core.message import Reader, Writer
from ringline.media.core.plc import Concealer
from ringline.media.core.quality import ReceptionStats
from ringline.media.core.resample import Resampler
from ringline.media.core.rtcp import RtcpSession
from ringline.media.core.tones import RINGBACK, ToneSource

pytestmark = pytest.mark.unit

SEED = 20_260


def pcm(chance: random.Random, count: int) -> "array[int]":
    """Noise of a random loudness, with extremes in it."""
    peak = chance.choice([3, 900, 32767])
    return array("h", [chance.choice([-32768, 32767, chance.randint(-peak, peak)]) for _ in range(count)])


def codecs(chance: random.Random) -> Iterator[bytes]:
    encoder, decoder = G722Encoder(), G722Decoder()
    for _ in range(4):
        sound, octets = pcm(chance, 320), chance.randbytes(160)
        for coder in (MU_LAW, A_LAW, NETWORK_ORDER, LITTLE_ENDIAN):
            yield coder.encode(sound)
            yield coder.decode(octets).tobytes()
        yield encoder.encode(sound)
        yield decoder.decode(octets).tobytes()


def messages(chance: random.Random) -> Iterator[bytes]:
    writer, reader = Writer(b"a-stream", 700), Reader()
    for size in (0, 1, 2, 3, 160, 640):
        payload = chance.randbytes(size)
        yield writer.write(1, chance.getrandbits(40), 20, chance.getrandbits(62), payload)
        letters = BASE64.encode(payload)
        for broken in (letters, letters[:-1] + b"-", letters + b"="):
            yield reader.read(b'{"event":"media","media":{"payload":"' + broken + b'"}}') or b"none"


def sound(chance: random.Random) -> Iterator[bytes]:
    for rate in (8000, 16_000):
        for name in ("us", "uk", "za"):
            yield ToneSource(RINGBACK[name], rate).generate(rate // 2).tobytes()
        for other in (8000, 16_000, 22_050, 48_000):
            resampler = Resampler(rate, other)
            for _ in range(3):
                yield resampler.process(pcm(chance, chance.randint(1, 400))).tobytes()
        concealer = Concealer(rate)
        for _ in range(20):
            if chance.random() < 0.4:
                yield concealer.conceal(rate // 50).tobytes()
            else:
                yield concealer.good(pcm(chance, rate // 50)).tobytes()


def digits(chance: random.Random) -> Iterator[bytes]:
    for rate in (8000, 16_000):
        sender, detector = DigitSender(rate), DigitDetector(rate)
        sender.push("0123456789*#ABCD", 60)
        for _ in range(120):
            block = sender.next_audio()[1] or array("h", bytes(rate // 25))
            yield block.tobytes()
            yield repr(detector.process(block)).encode()
            yield repr(detector.process(pcm(chance, chance.randint(0, 30)))).encode()
    sender, receiver = DigitSender(8000), EventReceiver()
    sender.push("159w#", 120)
    now = 0
    for tick in range(100):
        now += chance.randint(10, 90) * 1_000_000
        flags, payload = sender.next_event()
        timestamp = chance.choice([4_294_967_000, 500, tick * 1600])
        yield bytes([flags]) + payload
        yield repr((receiver.receive(payload, timestamp, now), receiver.timeout(now))).encode()


def reports(chance: random.Random) -> Iterator[bytes]:
    ours, theirs = RtcpSession(0xFFFFFFFF, b"a"), RtcpSession(0x80000000, b"bb", epoch_ns=2**61)
    ours.remote_ssrc, theirs.remote_ssrc = 0x80000000, 0xFFFFFFFF
    stats = ReceptionStats(8000)
    now = 0
    for _ in range(60):
        now += chance.randint(0, 5_000_000_000)
        for _ in range(chance.randint(0, 5)):
            stats.packet(chance.randrange(2**16), chance.randrange(2**32), now)
        sent = ours.report(now, chance.randrange(2**32), chance.randrange(2**32), 2**32 - 1, stats)
        theirs.receive(sent, now + 30_000_000)
        back = theirs.report(now + 40_000_000, 0, 0, 0, stats, bye=chance.random() < 0.2)
        ours.receive(back, now + 90_000_000)
        yield sent + back
        yield repr((ours.round_trip_us, ours.remote_lost, ours.remote_jitter, ours.left)).encode()
        yield repr((stats.reception(), stats.fraction_lost())).encode()


PARTS = {"codecs": codecs, "messages": messages, "sound": sound, "digits": digits, "reports": reports}


def digests() -> list[str]:
    """One digest per part, of everything that it gave."""
    lines = []
    for name, part in PARTS.items():
        digest = hashlib.sha256()
        for piece in part(random.Random(SEED)):
            digest.update(piece)
        lines.append(f"{name} {digest.hexdigest()}")
    return lines


@pytest.mark.skipif(not COMPILED, reason="nothing was compiled to compare with")
def test_compiled_and_interpreted_leaves_agree() -> None:
    interpreted = subprocess.run(
        [
            sys.executable,
            "-c",
            "from tests.media import test_leaves_agree as t; print(*t.digests(), sep='\\n')",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "RINGLINE_PURE": "1"},
    )
    assert digests() == interpreted.stdout.split("\n")[:-1]


def test_the_same_seed_gives_the_same_results() -> None:
    assert digests() == digests()
