"""A real phone on the other side: baresip calls, is called, holds, presses keys, registers."""

import base64
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ringline.testing import Heard, tone, wav

from .baresip.phone import MISSING, Baresip
from .conftest import MakeShop, Shop

pytestmark = [
    pytest.mark.system,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(MISSING, reason="baresip is not installed (apt-get install baresip-core)"),
]

OURS, THEIRS = 700, 440
RATES = {"PCMU/8000/1": 8000, "G722/16000/1": 16000}
_ports = itertools.count(61000 + os.getpid() % 40 * 100, 50)

MakePhone = Callable[..., Baresip]


@pytest.fixture
def make_phone(tmp_path: Path) -> MakePhone:
    """Phones that say a tone without end."""

    def make(account: str, codec: str = "PCMU/8000/1", suffix: str = "", port: int | None = None) -> Baresip:
        rate = RATES[codec]
        line = f"{account};audio_codecs={codec}{suffix}"
        says = tone(THEIRS, 20, rate)
        return Baresip(tmp_path / "phone", line, says=says, rate=rate, port=port or next(_ports))

    return make


@pytest.mark.parametrize("codec", list(RATES))
async def test_both_ways_are_heard_and_again_after_hold(
    shop: Shop, make_phone: MakePhone, codec: str
) -> None:
    async with make_phone("<sip:alice@127.0.0.1>;regint=0", codec) as phone:
        phone.do("dial", shop.sip)
        call_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
        await shop.do(
            shop.client.calls.actions.answer, call_id, stream_url=shop.app.stream_url, stream_codec="L16"
        )
        answered = await shop.app.inbox.next("call.answered")
        assert answered.payload["codec"] == codec.partition("/")[0]
        await phone.until("CALL_ESTABLISHED")
        stream = await shop.app.next_stream()
        url = shop.app.serves(wav(tone(OURS, 1.2)))
        await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
        await shop.app.inbox.next("call.playback.ended", status="completed")
        phone.do("hold")
        await shop.app.inbox.next("call.hold")
        held_at = len(stream.frames)
        phone.do("resume")
        await shop.app.inbox.next("call.unhold")
        for _ in range(30):
            await stream.next("media", len(stream.frames))
        phone.do("hangup")
        hangup = await shop.app.inbox.next("call.hangup")
        assert hangup.payload["hangup_source"] == "caller"
    assert phone.heard().tone(OURS).seconds == pytest.approx(1.2, abs=0.15)
    rate = (await stream.next("start"))["start"]["media_format"]["sample_rate"]
    for frames, seconds in ((stream.frames[:held_at], 1.0), (stream.frames[held_at:], 0.4)):
        said = Heard(rate)
        payloads = [one["media"]["payload"] for one in frames if one["event"] == "media"]
        said.add(np.frombuffer(b"".join(map(base64.b64decode, payloads)), ">i2").astype(np.int16))
        assert sum(span.seconds for span in said.tones(THEIRS)) > seconds


@pytest.mark.parametrize(("mode", "dtmf_type"), [("rtp", "RFC 2833"), ("info", "SIP INFO")])
async def test_keys_both_ways(make_shop: MakeShop, make_phone: MakePhone, mode: str, dtmf_type: str) -> None:
    shop = await make_shop(dtmf_type=dtmf_type)
    async with make_phone("<sip:alice@127.0.0.1>;regint=0", suffix=f";dtmfmode={mode}") as phone:
        phone.do("dial", shop.sip)
        call_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
        await shop.do(shop.client.calls.actions.answer, call_id)
        await phone.until("CALL_ESTABLISHED")
        for key in "5*#":
            phone.do("sndcode", key)
            assert (await shop.app.inbox.next("call.dtmf.received")).payload["digit"] == key
        await shop.do(shop.client.calls.actions.send_dtmf, call_id, digits="9")
        assert (await phone.until("CALL_DTMF_START"))["param"] == "9"
        await shop.do(shop.client.calls.actions.hangup, call_id)
        await phone.until("CALL_CLOSED")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_registers_and_is_called(shop: Shop, make_phone: MakePhone, transport: str) -> None:
    user, password = f"real{shop.number[-4:]}", "correct-horse-9"
    await shop.do(
        shop.client.credential_connections.create,
        connection_name="real",
        user_name=user,
        password=password,
        sip_uri_calling_preference="unrestricted",
    )
    account = (
        f"<sip:{user}@{shop.server.sip};transport={transport}>;auth_user={user};auth_pass={password};"
        "regint=60;answermode=auto"
    )
    async with make_phone(account) as phone:
        await phone.registered()
        call_id = await shop.dials(f"sip:{user}@{shop.server.sip}")
        await shop.app.inbox.next("call.answered", call_control_id=call_id)
        url = shop.app.serves(wav(tone(OURS, 1)))
        await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
        await shop.app.inbox.next("call.playback.ended", status="completed")
        await shop.do(shop.client.calls.actions.hangup, call_id)
        await phone.until("CALL_CLOSED")
    heard = phone.heard()
    assert heard.tone(OURS).seconds == pytest.approx(1, abs=0.1)
