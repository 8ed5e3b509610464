"""Twenty thousand damaged messages with a fixed seed: each is taken or refused, never anything else."""

import random
from pathlib import Path

import pytest

from ringline.sip import sdp
from ringline.sip.framing import StreamFramer
from ringline.sip.message import Request, SipError, parse, response_to
from ringline.sip.offeranswer import CODECS, Negotiation, offered_codecs
from ringline.sip.sdp import SdpError

pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
SEEDS = [
    path.read_bytes()
    for folder in ("torture", "data")
    for path in sorted((HERE / folder).glob("*.[db][ai][tn]"))
]
BODIES = [path.read_bytes() for path in sorted((HERE / "data").glob("*.sdp"))]
SALT = [
    b"\r\n",
    b"\r\n ",
    b"\r\n\r\n",
    b";",
    b",",
    b":",
    b'"',
    b"<",
    b">",
    b"@",
    b"%",
    b"\\",
    b"\0",
    b"\xff",
    b"9" * 40,
    b"=",
    b"[",
    b"]",
]
MUTATIONS = 20_000


def damaged(seeds: list[bytes], chance: random.Random) -> bytes:
    """A seed with one to four cuts, doublings, swaps, flips or grains of salt, some of them many times."""
    data = chance.choice(seeds)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.randrange(1, 40))
        match chance.randrange(6):
            case 0:
                data = data[:at] + data[to:]
            case 1:
                data = data[:to] + data[at:to] * chance.choice((1, 1, 1, 200)) + data[to:]
            case 2:
                data = data[:at] + chance.choice(SALT) * chance.choice((1, 1, 1, 300)) + data[at:]
            case 3:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 4:
                other = chance.choice(seeds)
                data = data[:at] + other[chance.randrange(len(other) + 1) :]
            case _:
                data = data[:at] + data[at:to][::-1] + data[to:]
        data = data[:66_000]
    return data


def touch(message: Request) -> None:
    """Everything that a parsed message promises not to raise."""
    _ = message.request_uri.user_key, message.vias, message.top_via.rport, message.from_.tag, message.to.tag
    _ = message.call_id, message.cseq, message.contacts, message.routes, message.record_routes
    _ = message.max_forwards, message.expires, message.content_type, message.wildcard_contact
    _ = [message.headers.get_all(name) for name, _ in message.headers]


def test_damaged_messages() -> None:
    chance = random.Random(4475)
    taken = refused = dropped = 0
    for _ in range(MUTATIONS):
        data = damaged(SEEDS, chance)
        try:
            message = parse(data)
        except SipError as error:
            if error.partial is None:
                dropped += 1
            else:
                refused += 1
                response_to(error.partial, error.status or 400, to_tag="t").serialize()
        else:
            taken += 1
            if isinstance(message, Request):
                touch(message)
                answer = parse(response_to(message, 200, to_tag="t").serialize())
                assert answer.call_id == message.call_id
            assert parse(message.serialize()).serialize() == message.serialize()
    assert min(taken, refused, dropped) > MUTATIONS / 20  # the fuzz reaches all three outcomes


def test_damaged_streams() -> None:
    chance = random.Random(18_3)
    messages = 0
    for _ in range(1500):
        framer = StreamFramer()
        data = damaged(SEEDS, chance) + damaged(SEEDS, chance)
        try:
            while data:
                size = chance.choice((1, 7, 100, 1000, 70_000))
                messages += sum(isinstance(item, bytes) for item in framer.feed(data[:size]))
                data = data[size:]
                assert framer.buffered <= 65_536 + 70_000
        except SipError:
            continue
    assert messages > 150


def test_damaged_descriptions() -> None:
    chance = random.Random(3264)
    agreed = refused = 0
    for _ in range(4000):
        data = damaged(BODIES, chance)
        side = Negotiation(1)
        try:
            offered_codecs(data)
            made, _ = side.answer(data, list(CODECS), "192.0.2.1", 4000)
        except SdpError:
            refused += 1
        else:
            agreed += 1
            assert len(sdp.parse(made).media) == len(sdp.parse(data).media)
        own = Negotiation(2)
        own.offer(list(CODECS), "192.0.2.1", 4000)
        try:
            own.accepted(data)
        except SdpError:
            assert own.waiting
    assert min(agreed, refused) > 400
