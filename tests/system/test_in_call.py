"""Things done in an answered call, heard at the phone: speech, gathers, recordings, hold, codecs."""

import asyncio
import io
import itertools
import wave

import httpx
import numpy as np
import pytest
import telnyx

from ringline.testing import Heard, Phone, tone, wav

from .conftest import MakeShop, Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def test_speech_is_heard(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    before = call.heard.seconds
    await shop.do(
        shop.client.calls.actions.speak,
        call_id,
        payload="<speak>Hello.<break time='900ms'/>Goodbye.</speak>",
        payload_type="ssml",
        voice="female",
    )
    await shop.app.inbox.next("call.speak.started")
    await shop.app.inbox.next("call.speak.ended")
    spans = call.heard.since(before).loud()
    gaps = [later.start - sooner.end for sooner, later in itertools.pairwise(spans)]
    assert max(gaps) > 0.7


async def test_gather_using_audio_is_interrupted_by_a_key(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    url = shop.app.serves(wav(tone(500, seconds=8)))
    await shop.do(
        shop.client.calls.actions.gather_using_audio,
        call_id,
        audio_url=url,
        maximum_digits=4,
        client_state="Zw==",
    )
    await shop.app.inbox.next("call.playback.started")
    await call.until(lambda: call.heard.tone(500).seconds > 0.3, "the prompt")
    call.press("1234")
    gathered = await shop.app.inbox.next("call.gather.ended")
    assert (gathered.payload["status"], gathered.payload["digits"]) == ("valid", "1234")
    assert gathered.payload["client_state"] == "Zw=="
    assert (await shop.app.inbox.next("call.playback.ended")).payload["status"] == "cancelled"
    assert call.heard.tone(500).seconds < 6


async def test_gather_using_speak_times_out(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(
        shop.client.calls.actions.gather_using_speak,
        call_id,
        payload="Type.",
        voice="male",
        maximum_tries=2,
        timeout_millis=400,
    )
    gathered = await shop.app.inbox.next("call.gather.ended", wait_s=20)
    assert (gathered.payload["status"], gathered.payload["digits"]) == ("timeout", "")
    assert not [kind for kind in shop.app.inbox.types if "speak" in kind]


async def test_a_dual_recording_keeps_both_sides_apart(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(shop.client.calls.actions.start_recording, call_id, format="wav", channels="dual")
    call.say(tone(400, seconds=1.5))
    url = shop.app.serves(wav(tone(900, seconds=1)))
    await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
    await shop.app.inbox.next("call.playback.ended")
    await call.until(lambda: call.heard.tone(900).seconds > 0.9, "the tone")
    await asyncio.sleep(0.6)  # the subject is the length of what is recorded
    await shop.do(shop.client.calls.actions.stop_recording, call_id)

    saved = await shop.app.inbox.next("call.recording.saved")

    assert (saved.payload["channels"], saved.payload["format"]) == ("dual", "wav")
    async with httpx.AsyncClient() as client:
        file = await client.get(saved.payload["recording_urls"]["wav"])
    assert file.status_code == 200
    left, right = _channels(file.content)
    assert left.tone(400).seconds == pytest.approx(1.5, abs=0.1)
    assert right.tone(900).seconds == pytest.approx(1.0, abs=0.06)
    assert left.tone(900).seconds == right.tone(400).seconds == 0
    listed = await shop.do(shop.client.recordings.list, filter={"call_control_id": call_id})
    assert [one.id for one in listed.data or []] == [saved.payload["recording_id"]]


async def test_a_pause_leaves_no_gap_and_hangup_saves(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions = shop.client.calls.actions
    await shop.do(actions.start_recording, call_id, format="mp3", channels="single")
    await asyncio.sleep(0.6)  # the subject is time recorded and time left out
    await shop.do(actions.pause_recording, call_id)
    await asyncio.sleep(1.5)
    await shop.do(actions.resume_recording, call_id)
    await asyncio.sleep(0.6)
    call.hang_up()
    saved = await shop.app.inbox.next("call.recording.saved")
    found = await shop.do(shop.client.recordings.retrieve, saved.payload["recording_id"])
    assert found.data is not None
    assert found.data.duration_millis == pytest.approx(1200, abs=450)


async def test_a_fifth_recording_is_refused_and_four_are_kept(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions = shop.client.calls.actions
    for _ in range(4):
        await shop.do(actions.start_recording, call_id, format="wav", channels="single")
    with pytest.raises(telnyx.UnprocessableEntityError, match="10015"):
        await shop.do(actions.start_recording, call_id, format="wav", channels="single")
    await shop.do(actions.stop_recording, call_id)
    for _ in range(4):
        await shop.app.inbox.next("call.recording.saved")
    with pytest.raises(telnyx.UnprocessableEntityError, match="No recording"):
        await shop.do(actions.stop_recording, call_id)
    await shop.do(actions.start_recording, call_id, format="wav", channels="single")


async def test_hold_and_unhold_are_told(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    await shop.takes(call)
    call.hold()
    await shop.app.inbox.next("call.hold")
    call.unhold()
    await shop.app.inbox.next("call.unhold")


@pytest.mark.parametrize("codec", ["PCMA", "G722", "L16"])
async def test_each_codec_carries_sound_both_ways(shop: Shop, phone: Phone, codec: str) -> None:
    call = phone.dial(shop.sip, codecs=(codec,))
    call_id = await shop.takes(call)
    assert call.codec == codec
    url = shop.app.serves(wav(tone(1000, seconds=1)))
    await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
    await call.until(lambda: call.heard.tone(1000).seconds > 0.9, "the tone")


async def test_digits_by_info_and_in_band(make_shop: MakeShop, phone: Phone) -> None:
    for dtmf, method in (("SIP INFO", "info"), ("Inband", "inband")):
        shop = await make_shop(dtmf_type=dtmf)
        call = phone.dial(shop.sip)
        call_id = await shop.takes(call)
        call.press("7", method=method)  # type: ignore[arg-type]
        assert (await shop.app.inbox.next("call.dtmf.received")).payload["digit"] == "7"
        await shop.do(shop.client.calls.actions.hangup, call_id)


async def test_playback_loops_queues_overlays_and_stops(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions = shop.client.calls.actions
    long = shop.app.serves(wav(tone(440, seconds=1)), "long.wav")
    short = shop.app.serves(wav(tone(1200, seconds=0.5)), "short.wav")
    await shop.do(actions.start_playback, call_id, audio_url=long, loop="infinity")
    await call.until(lambda: call.heard.tone(440).seconds > 2, "a loop")
    await shop.do(actions.start_playback, call_id, audio_url=short, overlay=True)
    over = await shop.app.inbox.next("call.playback.ended")
    assert (over.payload["overlay"], over.payload["status"]) == (True, "completed")
    await shop.do(actions.stop_playback, call_id)
    ended = await shop.app.inbox.next("call.playback.ended")
    assert ended.payload["status"] == "cancelled"
    await shop.do(actions.start_playback, call_id, audio_url=shop.app.url + "/files/none.wav")
    missing = await shop.app.inbox.next("call.playback.ended")
    assert missing.payload["status"] == "file_not_found"


async def test_a_stored_file_is_played_by_its_name(shop: Shop, phone: Phone) -> None:
    url = shop.app.serves(wav(tone(800, seconds=0.6)))
    name = f"bell{shop.number[-4:]}"
    await shop.do(shop.client.media.upload, media_url=url, media_name=name)
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(shop.client.calls.actions.start_playback, call_id, media_name=name)
    ended = await shop.app.inbox.next("call.playback.ended")
    assert (ended.payload["status"], ended.payload["media_name"]) == ("completed", name)
    await call.until(lambda: call.heard.tone(800).seconds > 0.5, "the bell")


def _channels(data: bytes) -> tuple[Heard, Heard]:
    with wave.open(io.BytesIO(data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        rate = file.getframerate()
    sides = Heard(rate), Heard(rate)
    for number, side in enumerate(sides):
        side.add(samples[:, number])
    return sides
