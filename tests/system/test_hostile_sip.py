"""Strangers on the SIP and RTP ports of a live node: broken, endless, guessing, shouting ones."""

import asyncio
import random
import re
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import telnyx
from numpy.typing import NDArray

from ringline.testing import Heard, Phone, Server, tone, wav
from tests.sip.test_torture import CORPUS, TABLE

from . import rawsip
from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server of our own to be unkind to."""
    settings = {"calls.limit": 40, "sip.invites_per_second": 20}
    async with Server(tmp_path_factory.mktemp("hostile"), settings=settings) as running:
        yield running


async def works(shop: Shop, phone: Phone) -> None:
    """A real call goes through, and is heard."""
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    url = shop.app.serves(wav(tone(700, 0.4)), "proof.wav")
    await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
    await call.until(lambda: call.heard.tone(700).seconds > 0.3, "the tone")
    await shop.do(shop.client.calls.actions.hangup, call_id)
    await call.ended()


async def test_torture_over_udp(shop: Shop, phone: Phone) -> None:
    async with rawsip.udp(shop.server.sip) as wire:
        for row in TABLE:
            before = len(wire.heard)
            wire.send((CORPUS / f"{row['name']}.dat").read_bytes())
            assert await wire.is_alive(shop.sip, "UDP"), row["name"]
            if row["outcome"].isdigit():
                statuses = [rawsip.status_of(one) for one in wire.heard[before:]]
                assert int(row["outcome"]) in statuses, (row["name"], statuses)
    await works(shop, phone)


async def test_torture_over_tcp(shop: Shop, phone: Phone) -> None:
    for row in TABLE:
        async with rawsip.tcp(shop.server.sip) as wire:
            wire.send((CORPUS / f"{row['name']}.dat").read_bytes())
        async with rawsip.tcp(shop.server.sip) as fresh:
            assert await fresh.is_alive(shop.sip, "TCP"), row["name"]
    await works(shop, phone)


async def test_bytes_without_meaning(shop: Shop, phone: Phone) -> None:
    dice = random.Random(4475)
    whole = rawsip.request("INVITE", shop.sip, body=rawsip.offer())
    async with rawsip.udp(shop.server.sip) as wire:
        for _ in range(300):
            wire.send(dice.randbytes(dice.randrange(1, 1400)))
            cut = bytearray(whole)
            for _ in range(dice.randrange(1, 30)):
                cut[dice.randrange(len(cut))] = dice.randrange(256)
            wire.send(bytes(cut[: dice.randrange(1, len(cut))]))
        assert await wire.is_alive(shop.sip, "UDP")
    for junk in (
        dice.randbytes(100_000),
        b"\r\n" * 50_000,
        b"INVITE " + b"a" * 300_000,
        b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 60_000,
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000,
    ):
        async with rawsip.tcp(shop.server.sip) as wire:
            wire.send(junk)
            async with rawsip.tcp(shop.server.sip) as fresh:
                assert await fresh.is_alive(shop.sip, "TCP")
    await works(shop, phone)


async def test_who_guesses_passwords_meets_silence(shop: Shop, phone: Phone) -> None:
    user = f"safe{shop.number[-4:]}"
    await shop.do(
        shop.client.credential_connections.create,
        connection_name="safe",
        user_name=user,
        password="correct-horse-9",
    )
    uri = f"sip:{shop.server.sip}"
    statuses: list[int] = []
    async with rawsip.udp(shop.server.sip, source="127.0.0.66") as wire:
        for name in (user, "nobody") * 20:
            call_id = f"guess{len(statuses)}"
            wire.send(rawsip.request("REGISTER", uri, user=name, call_id=call_id))
            try:
                challenge = await wire.answer(call_id, wait_s=1)
            except TimeoutError:
                break
            nonce = re.search(r'nonce="([^"]+)"', challenge.decode())
            assert nonce
            realm = re.search(r'realm="([^"]+)"', challenge.decode())
            assert realm
            proof = (
                f'Authorization: Digest username="{name}",realm="{realm[1]}",nonce="{nonce[1]}",'
                f'uri="{uri}",response="{"0" * 32}",algorithm=MD5,qop=auth,nc=00000001,cnonce="x"\r\n'
            )
            wire.send(rawsip.request("REGISTER", uri, user=name, call_id=call_id + "a", cseq=2, extra=proof))
            try:
                statuses.append(rawsip.status_of(await wire.answer(call_id + "a", wait_s=1)))
            except TimeoutError:
                break
        else:
            pytest.fail("forty guesses were all answered")
    assert len(statuses) >= 4
    assert len(set(statuses)) == 1  # known and unknown users get the same
    phone.user = user
    assert await phone.register(shop.server.sip, "correct-horse-9") > 0


async def test_a_call_hung_up_before_its_ack_ends_with_bye(shop: Shop) -> None:
    actions = shop.client.calls.actions
    async with rawsip.udp(shop.server.sip) as wire:
        wire.send(rawsip.request("INVITE", shop.sip, call_id="offerless", contact=wire.port))
        call_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
        await shop.do(actions.answer, call_id)
        offered = await wire.answer("offerless")
        assert b"m=audio" in offered
        with pytest.raises(telnyx.UnprocessableEntityError, match="10015"):
            await shop.do(actions.answer, call_id)
        await shop.do(actions.hangup, call_id)
        tag = rawsip.header(offered, "To").partition("tag=")[2]
        body = rawsip.offer()
        wire.send(rawsip.request("ACK", shop.sip, call_id="offerless", to_tag=tag, body=body))
        await wire.first(lambda message: message.startswith(b"BYE "))
        hangup = await shop.app.inbox.next("call.hangup")
        assert hangup.payload["hangup_cause"] == "normal_clearing"
    assert "could not be handled" not in shop.server.log


UNREACHABLE = (b"IN IP4 phone.example.com", b"IN IP6 2001:db8::1")


@pytest.mark.parametrize("where", UNREACHABLE)
async def test_media_that_cannot_be_sent_is_refused_before_anything_rings(shop: Shop, where: bytes) -> None:
    body = rawsip.offer().replace(b"IN IP4 127.0.0.1\r\nt=", where + b"\r\nt=")
    async with rawsip.udp(shop.server.sip) as wire:
        wire.send(rawsip.request("INVITE", shop.sip, call_id=where.hex(), body=body, contact=wire.port))
        assert rawsip.status_of(await wire.answer(where.hex(), 180)) == 488
    assert shop.app.inbox.types == []


@pytest.mark.parametrize("where", UNREACHABLE)
async def test_a_call_whose_media_would_move_out_of_reach_stays_where_it_is(shop: Shop, where: bytes) -> None:
    name = "moves" + where.hex()
    async with rawsip.udp(shop.server.sip) as wire:
        wire.send(rawsip.request("INVITE", shop.sip, call_id=name, body=rawsip.offer(), contact=wire.port))
        call_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
        await shop.do(shop.client.calls.actions.answer, call_id)
        tag = rawsip.header(await wire.answer(name), "To").partition("tag=")[2]

        def ask(method: str, cseq: int, body: bytes = b"") -> None:
            wire.send(
                rawsip.request(
                    method, shop.sip, call_id=name, to_tag=tag, cseq=cseq, body=body, contact=wire.port
                )
            )

        ask("ACK", 1)
        for cseq, status in ((2, 488), (3, 200)):
            body = rawsip.offer()
            moved = body.replace(b"IN IP4 127.0.0.1\r\nt=", where + b"\r\nt=")
            ask("INVITE", cseq, moved if status == 488 else body)
            final = await wire.answer(name, method=f"{cseq} INVITE")
            assert rawsip.status_of(final) == status
            ask("ACK", cseq)
        await shop.do(shop.client.calls.actions.hangup, call_id)
        hangup = await shop.app.inbox.next("call.hangup")
        assert hangup.payload["hangup_cause"] == "normal_clearing"
    assert "could not be handled" not in shop.server.log


async def test_rtp_of_strangers_is_not_heard(shop: Shop) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        own.bind(("127.0.0.1", 0))
        stranger.bind(("127.0.0.1", 0))
        async with rawsip.udp(shop.server.sip) as wire:
            body = rawsip.offer(own.getsockname()[1])
            wire.send(rawsip.request("INVITE", shop.sip, call_id="loud", body=body, contact=wire.port))
            call_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
            await shop.do(
                shop.client.calls.actions.answer, call_id, stream_url=shop.app.stream_url, stream_codec="L16"
            )
            ok = await wire.answer("loud")
            tag = rawsip.header(ok, "To").partition("tag=")[2]
            wire.send(rawsip.request("ACK", shop.sip, call_id="loud", to_tag=tag, contact=wire.port))
            port = int(ok.partition(b"m=audio ")[2].split()[0])
            stream = await shop.app.next_stream()
            start = await stream.next("start")
            ours, theirs = alaw(tone(500, 1.6)), alaw(tone(1200, 1.6, level=0.9))
            dice = random.Random(3550)
            for number in range(80):
                piece = slice(number * 160, (number + 1) * 160)
                own.sendto(rtp(8, number, 0x1111, ours[piece]), ("127.0.0.1", port))
                if number >= 10:
                    stranger.sendto(rtp(8, number, 0x2222, theirs[piece]), ("127.0.0.1", port))
                    stranger.sendto(rtp(8, number, 0x1111, theirs[piece]), ("127.0.0.1", port))
                    for junk in (b"", b"\x80", dice.randbytes(40), b"\x80\xc8\0\1" + b"\0" * 4, b"\xbf" * 12):
                        own.sendto(junk, ("127.0.0.1", port))
                        own.sendto(junk, ("127.0.0.1", port + 1))
                await asyncio.sleep(0.02)  # a phone's own pace
            rate = start["start"]["media_format"]["sample_rate"]
            async with asyncio.timeout(8):
                while len(stream.audio()) < 2 * rate * 2:
                    await stream.next("media", len(stream.frames))
            heard = Heard(rate)
            heard.add(np.frombuffer(stream.audio(), ">i2").astype(np.int16))
            assert sum(span.seconds for span in heard.tones(500)) > 1.3
            assert heard.tone(1200).seconds == 0
            await shop.do(shop.client.calls.actions.hangup, call_id)
            await shop.app.inbox.next("call.hangup")


async def test_a_flood_of_invites_is_refused_and_a_call_goes_on(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    before_kb = memory_kb(shop.server.pid)
    url = shop.app.serves(wav(tone(900, 3)), "long.wav")
    await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
    await shop.app.inbox.next("call.playback.started")
    await asyncio.to_thread(flood, shop.server.sip, shop.sip, seconds=2, rate=10_000)
    await shop.app.inbox.next("call.playback.ended", status="completed")
    heard = sum(span.seconds for span in call.heard.tones(900))
    assert heard > 2.4
    async with rawsip.udp(shop.server.sip) as wire:
        assert await wire.is_alive(shop.sip, "UDP")
        for _ in range(100):  # the bucket holds two seconds' worth at most
            wire.send(rawsip.request("INVITE", shop.sip, body=rawsip.offer()))
        refused = await wire.first(lambda message: rawsip.status_of(message) == 503)
    assert int(rawsip.header(refused, "Retry-After")) > 0
    assert memory_kb(shop.server.pid) - before_kb < 120_000
    assert not call.over
    await shop.do(shop.client.calls.actions.hangup, call_id)
    for one in [one for one in shop.app.inbox.received if one.type == "call.initiated"][1:]:
        await shop.do(shop.client.calls.actions.hangup, one.payload["call_control_id"])


def flood(address: str, uri: str, *, seconds: float, rate: int) -> None:
    """Send INVITEs of ever new calls at this rate from one socket; nobody reads the answers."""
    import time

    host, _, port = address.rpartition(":")
    body = rawsip.offer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((host, int(port)))
        begun = time.monotonic()
        for number in range(int(seconds * rate)):
            call_id = f"flood{number}"
            try:
                out.send(rawsip.request("INVITE", uri, call_id=call_id, branch=call_id, body=body))
            except ConnectionRefusedError:
                continue
            ahead = begun + number / rate - time.monotonic()
            if ahead > 0.002:
                time.sleep(ahead)


def memory_kb(pid: int) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def rtp(payload_type: int, number: int, ssrc: int, payload: bytes) -> bytes:
    """One packet (RFC 3550 §5.1)."""
    return struct.pack(">BBHII", 0x80, payload_type, 1000 + number, 8000 + number * 160, ssrc) + payload


def alaw(samples: NDArray[np.int16]) -> bytes:
    """ITU-T G.711 A-law; written apart from the codec under test."""
    magnitude = np.where(samples >= 0, samples, -samples.astype(np.int32) - 1).astype(np.int32) >> 4
    exponent = np.maximum(0, np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4)
    linear = magnitude < 32
    code = np.where(linear, magnitude >> 1, (exponent << 4) | ((magnitude >> exponent) & 0x0F))
    return bytes(((code | np.where(samples >= 0, 0x80, 0)) ^ 0x55).astype(np.uint8))
