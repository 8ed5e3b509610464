"""Media streams to the app's WebSocket and back, judged by what was heard (spec media-streaming)."""

import math

import numpy as np
import pytest

from ringline.media.files import encode_mp3
from ringline.testing import Heard, Phone, StreamSocket, tone

from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def echo(stream: StreamSocket, frame: dict) -> None:  # type: ignore[type-arg]
    if frame["event"] == "media" and frame["media"]["track"] == "inbound":
        await stream.send("media", media={"payload": frame["media"]["payload"]})


async def test_frames_in_order_and_an_echo(shop: Shop, phone: Phone) -> None:
    shop.app.on_frame = echo
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(
        shop.client.calls.actions.start_streaming,
        call_id,
        stream_url=shop.app.stream_url + "?room=7",
        stream_track="both_tracks",
        stream_bidirectional_mode="rtp",
        stream_auth_token="sesame",
        custom_parameters=[{"name": "lang", "value": "en"}],
    )
    stream = await shop.app.next_stream()
    assert stream.headers["x-telnyx-streaming-auth-token"] == "sesame"
    await shop.app.inbox.next("streaming.started")
    start = await stream.next("start")
    assert [frame["event"] for frame in stream.frames[:2]] == ["connected", "start"]
    assert start["start"]["media_format"] == {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
    assert start["start"]["custom_parameters"] == {"lang": "en"}
    call.say(tone(600, seconds=2))
    await call.until(lambda: call.heard.tone(600).seconds > 1.7, "the echo")
    call.press("9")
    assert (await stream.next("dtmf"))["dtmf"]["digit"] == "9"
    numbers = [int(frame["sequence_number"]) for frame in stream.frames if "sequence_number" in frame]
    assert numbers == list(range(1, len(numbers) + 1))
    chunks = [
        int(f["media"]["chunk"])
        for f in stream.frames
        if f["event"] == "media" and f["media"]["track"] == "inbound"
    ]
    assert chunks == list(range(1, len(chunks) + 1))
    await shop.do(shop.client.calls.actions.stop_streaming, call_id)
    await stream.next("stop")
    await shop.app.inbox.next("streaming.stopped")
    assert not call.over


async def test_marks_and_clear(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(
        shop.client.calls.actions.start_streaming,
        call_id,
        stream_url=shop.app.stream_url,
        stream_bidirectional_mode="rtp",
        stream_bidirectional_codec="L16",
        stream_bidirectional_sampling_rate=16000,
    )
    stream = await shop.app.next_stream()
    await stream.next("start")
    await stream.send_media(tone(500, 1.0, rate=16000).astype(">i2").tobytes())
    await stream.send("mark", mark={"name": "one"})
    assert (await stream.next("mark"))["mark"]["name"] == "one"
    await call.until(lambda: call.heard.tone(500).seconds > 0.9, "the second of tone")
    assert call.heard.tone(500).seconds == pytest.approx(1.0, abs=0.06)
    await stream.send_media(tone(800, 20, rate=16000).astype(">i2").tobytes())
    await stream.send("mark", mark={"name": "two"})
    await call.until(lambda: call.heard.tone(800).seconds > 0.4, "the long tone")
    after = len(stream.frames)
    await stream.send("clear")
    assert (await stream.next("mark", after))["mark"]["name"] == "two"
    await stream.send("nonsense")
    assert (await stream.next("error"))["payload"]["code"] == 100003


@pytest.mark.parametrize(
    ("codec", "rate"), [("L16", 8000), ("L16", 16000), ("L16", 24000), ("L16", 48000), ("PCMA", 8000)]
)
async def test_each_format_reaches_the_phone(shop: Shop, phone: Phone, codec: str, rate: int) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(
        shop.client.calls.actions.start_streaming,
        call_id,
        stream_url=shop.app.stream_url,
        stream_bidirectional_mode="rtp",
        stream_bidirectional_codec=codec,
        stream_bidirectional_sampling_rate=rate,
        stream_bidirectional_target_legs="self",
    )
    stream = await shop.app.next_stream()
    await stream.next("start")
    samples = tone(1000, 1.0, rate=rate)
    payload = samples.astype(">i2").tobytes() if codec == "L16" else bytes(map(_alaw, samples.tolist()))
    await stream.send_media(payload)
    await call.until(lambda: call.heard.tone(1000).seconds > 0.9, "the tone")


async def test_mp3_mode_plays_whole_files(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(shop.client.calls.actions.start_streaming, call_id, stream_url=shop.app.stream_url)
    stream = await shop.app.next_stream()
    await stream.next("start")
    await stream.send_media(encode_mp3(tone(700, 1.0, rate=16000), 16000))
    await call.until(lambda: call.heard.tone(700).seconds > 0.8, "the file")
    await stream.send_media(b"\xff" * 160)
    assert (await stream.next("error"))["payload"]["code"] in (100004, 100005)


async def test_dial_with_a_stream_first_and_a_stream_that_fails(shop: Shop, phone: Phone) -> None:
    phone.manner = "ask"
    await shop.dials(phone.uri, stream_url=shop.app.stream_url, stream_establish_before_call_originate=True)
    stream = await shop.app.next_stream()
    call = await phone.next_call()
    assert [frame["event"] for frame in stream.frames] in (["connected"], [])
    call.answer()
    await stream.next("start")
    call.hang_up()
    await stream.next("stop")
    await shop.app.inbox.next("streaming.stopped")
    await shop.app.inbox.next("call.hangup")

    shop.app.accept_streams = False
    await shop.dials(phone.uri, stream_url=shop.app.stream_url)
    second = await phone.next_call()
    second.answer()
    failed = await shop.app.inbox.next("streaming.failed")
    assert failed.payload["failure_reason"] == "connection_failed"
    assert not second.over


async def test_what_the_app_hears_is_what_the_phone_said(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(
        shop.client.calls.actions.start_streaming,
        call_id,
        stream_url=shop.app.stream_url,
        stream_codec="L16",
    )
    stream = await shop.app.next_stream()
    start = await stream.next("start")
    rate = start["start"]["media_format"]["sample_rate"]
    await call.play(tone(1234, 1.0))
    await call.until(lambda: len(stream.audio()) >= 2 * rate * 1.5, "a second and a half")
    heard = Heard(rate)
    heard.add(np.frombuffer(stream.audio(), ">i2").astype(np.int16))
    assert heard.tone(1234).seconds == pytest.approx(1.0, abs=0.06)


def _alaw(sample: int) -> int:
    """ITU-T G.711 A-law of one sample; written apart from the codec under test."""
    sign, magnitude = (0x80, sample) if sample >= 0 else (0x00, -sample - 1)
    magnitude = min(magnitude, 32767) >> 4
    if magnitude < 32:
        code = magnitude >> 1
    else:
        exponent = int(math.log2(magnitude)) - 4
        code = (exponent << 4) | ((magnitude >> exponent) & 0x0F)
    return (code | sign) ^ 0x55
