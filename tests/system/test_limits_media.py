"""The edges of what an app may ask of a call's audio, judged by what the phones hear and the files hold."""

import asyncio
import base64
import hashlib
import io
import json
import socket
import wave

import httpx
import numpy as np
import pytest
import telnyx

from ringline.sip.events import SipHeader
from ringline.sip.offeranswer import offered_codecs
from ringline.testing import Heard, Phone, Received, tone, wav

from .conftest import MakeShop, Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


async def test_audio_that_is_none_fails_and_the_next_plays(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions = shop.client.calls.actions
    garbage = shop.app.serves(b"RIFF\x10\0\0\0WAVEfmt nonsense" * 40, "garbage.wav")
    empty = shop.app.serves(wav(tone(500, 0)), "empty.wav")
    good = shop.app.serves(wav(tone(700, 0.5)), "good.wav")
    await shop.do(actions.start_playback, call_id, audio_url=garbage)
    await shop.do(actions.start_playback, call_id, playback_content=base64.b64encode(b"x" * 99).decode())
    await shop.do(actions.start_playback, call_id, audio_url=empty, loop="infinity")
    await shop.do(actions.start_playback, call_id, media_name="never uploaded")
    await shop.do(actions.start_playback, call_id, audio_url=good)
    statuses = [(await shop.app.inbox.next("call.playback.ended")).payload["status"] for _ in range(5)]
    assert statuses == ["failed", "failed", "failed", "file_not_found", "completed"]
    await call.until(lambda: call.heard.tone(700).seconds > 0.4, "the good file")


async def test_a_greeting_that_cannot_be_played_does_not_keep_two_apart(
    shop: Shop, phone: Phone, second_phone: Phone
) -> None:
    caller = phone.dial(shop.sip)
    caller_id = await shop.takes(caller)
    second_phone.manner = "answer"
    garbage = shop.app.serves(b"garbage", "garbage.wav")
    await shop.do(shop.client.calls.actions.transfer, caller_id, to=second_phone.uri, audio_url=garbage)
    await shop.app.inbox.next("call.bridged", call_control_id=caller_id)


async def test_transfer_plays_to_the_target_first(shop: Shop, phone: Phone, second_phone: Phone) -> None:
    caller = phone.dial(shop.sip)
    caller_id = await shop.takes(caller)
    second_phone.manner = "answer"
    url = shop.app.serves(wav(tone(900, 0.8)))
    await shop.do(shop.client.calls.actions.transfer, caller_id, to=second_phone.uri, audio_url=url)
    target = await second_phone.next_call()
    await shop.app.inbox.next("call.bridged", call_control_id=caller_id)
    await target.until(lambda: target.heard.tone(900).seconds > 0.7, "the greeting")
    assert caller.heard.tone(900).seconds == 0
    target.say(tone(450, 1))
    await caller.until(lambda: caller.heard.tone(450).seconds > 0.7, "the target")


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "ringing"])
async def test_the_far_ends_early_media_is_heard(
    shop: Shop, phone: Phone, second_phone: Phone, answered: bool
) -> None:
    caller = phone.dial(shop.sip)
    if answered:
        caller_id = await shop.takes(caller)
    else:
        caller_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
    await shop.do(shop.client.calls.actions.transfer, caller_id, to=second_phone.uri)
    target = await second_phone.next_call()
    target.progress()
    target.say(tone(650, 1))
    await caller.until(lambda: caller.heard.tone(650).seconds > 0.7, "early media")
    assert caller.is_answered is answered
    target.answer()
    await caller.answered()
    await shop.app.inbox.next("call.bridged", call_control_id=caller_id)
    caller.say(tone(820, 1))
    await target.until(lambda: target.heard.tone(820).seconds > 0.7, "the caller")


async def test_link_and_bridge_on_answer(shop: Shop, phone: Phone, second_phone: Phone) -> None:
    caller = phone.dial(shop.sip)
    caller_id = await shop.takes(caller)
    second_phone.manner = "answer"
    other_id = await shop.dials(
        second_phone.uri, link_to=caller_id, bridge_on_answer=True, bridge_intent=True
    )
    other = await second_phone.next_call()
    bridged = [await shop.app.inbox.next("call.bridged") for _ in range(2)]
    assert {one.payload["call_control_id"] for one in bridged} == {caller_id, other_id}
    assert len({one.payload["call_session_id"] for one in bridged}) == 1
    other.say(tone(700, 1))
    await caller.until(lambda: caller.heard.tone(700).seconds > 0.7, "the other")
    other.hang_up()
    await caller.ended()


async def test_a_third_leg_takes_the_place_of_the_second(
    shop: Shop, phone: Phone, second_phone: Phone
) -> None:
    caller = phone.dial(shop.sip)
    caller_id = await shop.takes(caller)
    second_phone.manner = "answer"
    actions = shop.client.calls.actions
    first_id = await shop.dials(second_phone.uri, link_to=caller_id, bridge_on_answer=True)
    first = await second_phone.next_call()
    await shop.app.inbox.next("call.bridged", call_control_id=first_id)
    refused_id = await shop.dials(
        second_phone.uri, link_to=caller_id, bridge_on_answer=True, prevent_double_bridge=True
    )
    refused = await second_phone.next_call()
    await refused.ended()
    await shop.app.inbox.next("call.hangup", call_control_id=refused_id)
    second_id = await shop.dials(second_phone.uri)
    second = await second_phone.next_call()
    await shop.app.inbox.next("call.answered", call_control_id=second_id)
    await shop.do(
        actions.bridge, call_control_id_to_bridge=caller_id, call_control_id_to_bridge_with=second_id
    )
    await first.ended()
    second.say(tone(700, 1))
    await caller.until(lambda: caller.heard.tone(700).seconds > 0.7, "the second")


async def test_stop_current_and_stop_all(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions = shop.client.calls.actions
    urls = [shop.app.serves(wav(tone(hertz, 6)), f"{hertz}.wav") for hertz in (400, 600, 900, 1300)]
    await shop.do(actions.start_playback, call_id, audio_url=urls[0])
    await shop.do(actions.start_playback, call_id, audio_url=urls[1])
    await call.until(lambda: call.heard.tone(400).seconds > 0.2, "the first")
    await shop.do(actions.start_playback, call_id, audio_url=urls[2], stop="current")
    await call.until(lambda: call.heard.tone(600).seconds > 0.2, "the second")
    await shop.do(actions.start_playback, call_id, audio_url=urls[3], stop="all")
    await call.until(lambda: call.heard.tone(1300).seconds > 0.2, "the last")
    await shop.do(actions.stop_playback, call_id, stop="current")
    for url in (urls[0], urls[1], urls[3]):
        ended = await shop.app.inbox.next("call.playback.ended")
        assert (ended.payload["media_url"], ended.payload["status"]) == (url, "cancelled")
    assert call.heard.tone(900).seconds == 0
    await shop.do(actions.stop_playback, call_id)


async def test_both_ways_are_heard_again_after_hold(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions = shop.client.calls.actions
    call.hold()
    await shop.app.inbox.next("call.hold")
    call.unhold()
    await shop.app.inbox.next("call.unhold")
    await shop.do(actions.start_playback, call_id, audio_url=shop.app.serves(wav(tone(700, 0.6))))
    await shop.do(
        actions.start_recording, call_id, format="wav", channels="single", recording_track="inbound"
    )
    await call.play(tone(450, 0.6))
    await call.until(lambda: call.heard.tone(700).seconds > 0.5, "the playback")
    call.hang_up()
    said = await saved(await shop.app.inbox.next("call.recording.saved"))
    assert said.tone(450).seconds > 0.4


async def test_headers_privacy_and_codecs_reach_the_far_end(shop: Shop, second_phone: Phone) -> None:
    second_phone.codecs = ("G722", "PCMA", "PCMU")
    await shop.dials(
        second_phone.uri,
        privacy="id",
        diversion="+13125550109",
        preferred_codecs="G722,PCMA",
        custom_headers=[{"name": "X-Uber", "value": "grün; ü=1"}],
        sip_headers=[{"name": "User-to-User", "value": "00abcd;encoding=hex"}],
        send_silence_when_idle=True,
    )
    call = await second_phone.next_call()
    assert call.incoming is not None
    assert shop.number not in call.incoming.from_uri
    assert offered_codecs(call.incoming.sdp) == ["G722", "PCMA"]
    headers = {(one.name, one.value) for one in call.headers}
    assert ("X-Uber", "grün; ü=1") in headers
    assert ("User-to-User", "00abcd;encoding=hex") in headers
    assert ("Privacy", "id") in headers
    assert ("Diversion", "<sip:+13125550109@127.0.0.1>") in headers
    call.answer([SipHeader("X-Back", "yes"), SipHeader("User-to-User", "beef")])
    answered = await shop.app.inbox.next("call.answered")
    assert answered.payload["codec"] == "G722"
    assert {"name": "X-Back", "value": "yes"} in answered.payload["custom_headers"]
    assert {"name": "User-to-User", "value": "beef"} in answered.payload["sip_headers"]
    await call.until(lambda: call.heard.seconds > 0.5, "silence")
    assert not call.heard.loud()
    call.hang_up([SipHeader("X-Why", "done")])
    hangup = await shop.app.inbox.next("call.hangup")
    assert {"name": "X-Why", "value": "done"} in hangup.payload["custom_headers"]


async def test_headers_of_the_caller_reach_the_app_and_back(shop: Shop, phone: Phone) -> None:
    call = phone.dial(
        shop.sip, headers=[SipHeader("X-Order", "7"), SipHeader("User-to-User", "cafe;encoding=hex")]
    )
    initiated = await shop.app.inbox.next("call.initiated")
    assert {"name": "X-Order", "value": "7"} in initiated.payload["custom_headers"]
    assert {"name": "User-to-User", "value": "cafe;encoding=hex"} in initiated.payload["sip_headers"]
    call_id = initiated.payload["call_control_id"]
    actions = shop.client.calls.actions
    with pytest.raises(telnyx.UnprocessableEntityError, match="custom_headers/0/value"):
        await shop.do(actions.answer, call_id, custom_headers=[{"name": "X-A", "value": "1\r\nEvil: 2"}])
    with pytest.raises(telnyx.UnprocessableEntityError, match="custom_headers/0/name"):
        await shop.do(actions.answer, call_id, custom_headers=[{"name": "Via", "value": "1"}])
    await shop.do(actions.answer, call_id, custom_headers=[{"name": "X-Back", "value": "8"}])
    await call.answered()
    assert ("X-Back", "8") in {(one.name, one.value) for one in call.headers}
    await shop.do(actions.hangup, call_id, custom_headers=[{"name": "X-End", "value": "9"}])
    await call.ended()
    assert ("X-End", "9") in {(one.name, one.value) for one in call.end_headers}


async def test_a_call_without_any_command_is_given_up(make_shop: MakeShop, phone: Phone) -> None:
    shop = await make_shop(first_command_timeout=True, first_command_timeout_secs=1)
    noticed, forgotten = phone.dial(shop.sip), phone.dial(shop.sip)
    first, second = [await shop.app.inbox.next("call.initiated") for _ in range(2)]
    await shop.do(
        shop.client.calls.actions.update_client_state, first.payload["call_control_id"], client_state="YQ=="
    )
    hangup = await shop.app.inbox.next("call.hangup")
    assert hangup.payload["hangup_cause"] == "timeout"
    assert hangup.payload["call_control_id"] == second.payload["call_control_id"]
    await phone.calls[0].until(lambda: noticed.over or forgotten.over, "the end of one")
    await shop.do(shop.client.calls.actions.hangup, first.payload["call_control_id"])


async def test_recordings_end_by_their_own_rules(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions = shop.client.calls.actions
    start = {"format": "wav", "channels": "single"}
    await shop.do(actions.start_recording, call_id, **start, max_length=1, custom_file_name="short")
    short = await shop.app.inbox.next("call.recording.saved")
    await shop.do(actions.start_recording, call_id, **start, timeout_secs=1, trim="trim-silence")
    call.say(tone(500, 0.6))
    trimmed = await shop.app.inbox.next("call.recording.saved")
    await shop.do(actions.start_recording, call_id, **start, recording_track="outbound")
    await shop.do(actions.start_recording, call_id, **start, recording_track="inbound")
    url = shop.app.serves(wav(tone(900, 0.6)))
    await shop.do(actions.start_playback, call_id, audio_url=url)
    await call.play(tone(500, 0.6))
    await shop.app.inbox.next("call.playback.ended")
    await call.until(lambda: call.heard.tone(900).seconds > 0.5, "the playback")
    await shop.do(actions.stop_recording, call_id)
    tracks = [await saved(await shop.app.inbox.next("call.recording.saved")) for _ in range(2)]
    assert (await saved(short)).seconds == pytest.approx(1, abs=0.05)
    heard = await saved(trimmed)
    assert heard.tone(500).seconds == pytest.approx(0.6, abs=0.1)
    assert heard.seconds < 1.2
    said = [(one.tone(500).seconds > 0.4, one.tone(900).seconds > 0.4) for one in tracks]
    assert sorted(said) == [(False, True), (True, False)]
    await shop.do(actions.start_recording, call_id, **start, play_beep=True)
    before = call.heard.seconds
    await call.until(lambda: call.heard.since(before).loud(), "the beep")


async def test_gathers_judge_what_was_pressed(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    gather = shop.client.calls.actions.gather

    async def judged(keys: str, **rules: object) -> tuple[str, str]:
        await shop.do(gather, call_id, gather_id=keys, **rules)
        if keys:
            call.press(keys, duration_ms=100)
        ended = await shop.app.inbox.next("call.gather.ended", gather_id=keys)
        return ended.payload["status"], ended.payload["digits"]

    assert await judged("12#", maximum_digits=5) == ("valid", "12")
    assert await judged("1#2", maximum_digits=3, terminating_digit="") == ("valid", "1#2")
    assert await judged("1#", minimum_digits=3) == ("invalid", "1")
    assert await judged("7", valid_digits="123") == ("invalid", "7")
    assert await judged("3", inter_digit_timeout_millis=300, minimum_digits=2) == ("invalid", "3")
    assert await judged("45", inter_digit_timeout_millis=300, minimum_digits=2) == ("valid", "45")
    assert await judged("A", maximum_digits=1, valid_digits="ABCD") == ("valid", "A")
    await shop.do(gather, call_id, gather_id="none", initial_timeout_millis=200)
    ended = await shop.app.inbox.next("call.gather.ended", gather_id="none")
    assert (ended.payload["status"], ended.payload["digits"]) == ("timeout", "")
    await shop.do(gather, call_id, gather_id="old")
    await shop.do(gather, call_id, gather_id="new")
    assert (await shop.app.inbox.next("call.gather.ended")).payload["status"] == "cancelled"
    await shop.do(shop.client.calls.actions.stop_gather, call_id)
    assert (await shop.app.inbox.next("call.gather.ended", gather_id="new")).payload["status"] == "cancelled"
    await shop.do(gather, call_id, gather_id="last")
    call.hang_up()
    assert (await shop.app.inbox.next("call.gather.ended")).payload["status"] == "call_hangup"


async def test_a_gather_with_audio_asks_again_in_other_words(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    prompt = shop.app.serves(wav(tone(500, 0.4)), "prompt.wav")
    wrong = shop.app.serves(wav(tone(800, 0.4)), "wrong.wav")
    await shop.do(
        shop.client.calls.actions.gather_using_audio,
        call_id,
        audio_url=prompt,
        invalid_audio_url=wrong,
        maximum_tries=3,
        timeout_millis=500,
        valid_digits="12",
        maximum_digits=1,
    )
    await shop.app.inbox.next("call.playback.started", media_url=prompt)
    await call.until(lambda: call.heard.tone(500).seconds > 0.2, "the prompt")
    call.press("9")
    await shop.app.inbox.next("call.playback.ended", media_url=wrong, status="completed")
    await call.until(lambda: call.heard.tone(800).seconds > 0.3, "the other prompt")
    await shop.app.inbox.next("call.playback.started", media_url=prompt)
    call.press("2")
    gathered = await shop.app.inbox.next("call.gather.ended")
    assert (gathered.payload["status"], gathered.payload["digits"]) == ("valid", "2")


async def test_a_stream_to_nowhere_and_an_app_that_talks_nonsense(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    start = shop.client.calls.actions.start_streaming
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        await shop.do(start, call_id, stream_url=f"ws://127.0.0.1:{closed.getsockname()[1]}/")
    failed = await shop.app.inbox.next("streaming.failed")
    assert failed.payload["failure_reason"] == "connection_failed"
    await shop.do(start, call_id, stream_url=shop.app.stream_url, stream_bidirectional_mode="rtp")
    stream = await shop.app.next_stream()
    await stream.next("start")
    with pytest.raises(telnyx.UnprocessableEntityError, match="90045"):
        await shop.do(start, call_id, stream_url=shop.app.stream_url)
    nonsense = ["", "null", "[]", "7", "{", '{"event":7}', '{"event":"media","media":{"payload":"%%%"}}',
                '{"event":"mark"}', json.dumps({"event": "media", "media": "x"}), "[" * 5000,
                '{"event":"media","media":{"payload":""}}', '{"event":"stop"}']  # fmt: skip
    for text in nonsense:
        await stream.ws.send_str(text)
    await stream.ws.send_bytes(b"\x80" * 160)
    await stream.send("mark", mark={"name": "still here"})
    assert (await stream.next("mark"))["mark"]["name"] == "still here"
    codes = [one["payload"]["code"] for one in stream.frames if one["event"] == "error"]
    assert codes
    assert set(codes) <= {100003, 100004}
    await stream.send_media(bytes([0xFF] * 160) * 10)
    await stream.ws.close(code=1000)
    await shop.app.inbox.next("streaming.stopped")
    assert not call.over
    await shop.do(start, call_id, stream_url=shop.app.stream_url)
    again = await shop.app.next_stream()
    await again.next("start")
    transport = again.ws._req.transport if again.ws._req else None
    assert transport is not None
    transport.abort()
    lost = await shop.app.inbox.next("streaming.failed")
    assert lost.payload["failure_reason"] == "connection_lost"
    assert not call.over


async def test_an_app_that_does_not_read_costs_the_call_nothing(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    release = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = ""
        while line := (await reader.readline()).decode().strip():
            if line.lower().startswith("sec-websocket-key:"):
                key = line.partition(":")[2].strip()
        writer.write(_switching(key))
        await release.wait()
        writer.transport.abort()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    try:
        port = server.sockets[0].getsockname()[1]
        await shop.do(
            shop.client.calls.actions.start_streaming,
            call_id,
            stream_url=f"ws://127.0.0.1:{port}/",
            stream_codec="L16",
            stream_track="both_tracks",
        )
        await shop.app.inbox.next("streaming.started")
        url = shop.app.serves(wav(tone(600, 2)))
        await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
        await call.until(lambda: call.heard.tone(600).seconds > 1.9, "the playback")
        await shop.do(shop.client.calls.actions.stop_streaming, call_id)
        await shop.app.inbox.next("streaming.stopped")
    finally:
        release.set()
        server.close()
        await server.wait_closed()
    assert not call.over


def _switching(key: str) -> bytes:
    """The answer to a WebSocket handshake (RFC 6455 §4.2.2)."""
    token = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    accept = base64.b64encode(token).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


async def saved(event: Received) -> Heard:
    """What a recording of one channel holds."""
    url = event.payload["recording_urls"]["wav"]
    async with httpx.AsyncClient() as client:
        data = (await client.get(url)).content
    with wave.open(io.BytesIO(data)) as file:
        assert file.getnchannels() == 1
        heard = Heard(file.getframerate())
        heard.add(np.frombuffer(file.readframes(file.getnframes()), np.int16))
    return heard
