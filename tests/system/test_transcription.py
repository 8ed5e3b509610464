"""Live transcription with the stock SDK, real phones and an engine that knows tones."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import telnyx
from aiohttp import web

from ringline.testing import Heard, Phone, Server, tone, wav
from tests.speech.hearing import WORDS, Sent, ToneEngine, tone_engine

from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

ALPHA, BRAVO, CHARLIE = 440, 660, 880
WORD_S = 0.2
"""A shorter tone is no word: what stands in for a late packet may sound like anything."""


async def words(sent: Sent) -> web.StreamResponse:
    """The words of the tones in the file that the engine got, in order."""
    heard = Heard(sent.rate)
    heard.add(np.frombuffer(sent.pcm, np.int16))
    spans = ((heard.tone(hertz), word) for hertz, word in WORDS.items())
    said = sorted((span.start, word) for span, word in spans if span.seconds > WORD_S)
    return web.json_response({"text": f"{' '.join(word for _, word in said).capitalize()}." if said else ""})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine() -> AsyncIterator[ToneEngine]:
    async with tone_engine() as running:
        running.instead = words
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory, engine: ToneEngine) -> AsyncIterator[Server]:
    """A server whose recognizer is the engine."""
    settings = {"recognition.remote_url": engine.url, "recognition.vad": "energy"}
    async with Server(tmp_path_factory.mktemp("transcribing"), settings=settings) as running:
        yield running


async def told(shop: Shop, track: str, **payload: object) -> str:
    """The next text, which is final and of this track."""
    event = await shop.app.inbox.next("call.transcription", **payload)
    data = event.payload["transcription_data"]
    assert (data["transcription_track"], data["is_final"]) == (track, True)
    return str(data["transcript"])


def texts(shop: Shop) -> list[tuple[str, str, bool]]:
    """Every text that was told, in order: track, words, whether they are final."""
    data = [
        one.payload["transcription_data"]
        for one in shop.app.inbox.received
        if one.type == "call.transcription"
    ]
    return [(one["transcription_track"], one["transcript"], one["is_final"]) for one in data]


async def test_both_sides_are_told_kept_and_counted(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions, ai = shop.client.calls.actions, shop.client.ai.conversations
    made = await shop.do(ai.create, metadata={"call_control_id": call_id})
    began = datetime.now(UTC)
    await shop.do(
        actions.start_transcription,
        call_id,
        transcription_engine="Telnyx",
        transcription_engine_config={"transcription_engine": "Telnyx", "language": "en"},
        transcription_tracks="both",
        client_state="Zw==",
    )
    with pytest.raises(telnyx.UnprocessableEntityError, match="90054"):
        await shop.do(actions.start_transcription, call_id)

    await call.play(tone(ALPHA, seconds=1))
    assert await told(shop, "inbound", client_state="Zw==") == "Alpha."
    await shop.do(actions.start_playback, call_id, audio_url=shop.app.serves(wav(tone(BRAVO, seconds=1))))
    assert await told(shop, "outbound") == "Bravo."
    await call.play(tone(CHARLIE, seconds=1))
    assert await told(shop, "inbound") == "Charlie."
    call.hang_up()
    await shop.app.inbox.next("call.hangup")
    assert texts(shop) == [
        ("inbound", "Alpha.", True),
        ("outbound", "Bravo.", True),
        ("inbound", "Charlie.", True),
    ]

    async def messages() -> list[tuple[str, str]]:
        return [(one.role, one.text) for one in (await shop.do(ai.messages.list, made.id)).data]

    async with asyncio.timeout(10):
        while len(said := await messages()) < 3:  # noqa: ASYNC110 - the condition is in another process
            await asyncio.sleep(0.05)
    assert said == [("user", "Alpha."), ("assistant", "Bravo."), ("user", "Charlie.")]

    sums: Any = await shop.do(
        shop.client.legacy.reporting.usage_reports.retrieve_speech_to_text,
        start_date=began - timedelta(hours=1),
        end_date=began + timedelta(hours=1),
    )
    lasted = (datetime.now(UTC) - began).total_seconds()
    heard = sums.data["total_duration_seconds"]
    assert 4 < heard < lasted + 2  # all of the call from the far end, and the second that we played


async def test_words_come_while_they_are_said_and_the_last_ones_before_the_hangup(
    shop: Shop, phone: Phone, engine: ToneEngine
) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    await shop.do(
        shop.client.calls.actions.start_transcription,
        call_id,
        transcription_engine="Deepgram",
        transcription_engine_config={
            "transcription_engine": "deepgram/nova-3",
            "transcription_model": "deepgram/nova-3",
            "interim_results": True,
            "smart_format": False,
            "keyterms": ["charlie", "delta"],
        },
    )
    call.say(tone(CHARLIE, seconds=8))
    interim = (await shop.app.inbox.next("call.transcription")).payload["transcription_data"]
    assert (interim["is_final"], interim["confidence"]) == (False, None)
    assert interim["transcript"] == "charlie"
    call.hang_up()

    await shop.app.inbox.next("call.hangup")
    assert shop.app.inbox.types[-1] == "call.hangup"
    *before, (track, last, is_final) = texts(shop)
    assert (track, is_final) == ("inbound", True)
    assert last == "charlie"
    assert all(last.startswith(text) and not final for _, text, final in before)
    form = engine.sent[-1].form
    assert (form["language"], form["prompt"]) == ("en", "charlie, delta")


async def test_bridged_legs_hear_each_other(shop: Shop, phone: Phone, second_phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    second_phone.manner = "answer"
    other_id = await shop.dials(
        second_phone.uri, transcription=True, transcription_config={"transcription_tracks": "outbound"}
    )
    other = await second_phone.next_call()
    await shop.app.inbox.next("call.answered", call_control_id=other_id)
    await shop.do(shop.client.calls.actions.bridge, other_id, call_control_id_to_bridge_with=call_id)
    await shop.app.inbox.next("call.bridged", call_control_id=other_id)

    other.say(tone(ALPHA, seconds=1))
    await call.play(tone(BRAVO, seconds=1))

    assert await told(shop, "outbound", call_control_id=other_id) == "Bravo."
    await shop.do(shop.client.calls.actions.stop_transcription, other_id)
    call.hang_up()
    await shop.app.inbox.next("call.hangup", call_control_id=other_id)
    assert [text for _, text, _ in texts(shop)] == ["Bravo."]


async def test_another_codec_and_a_hold_change_nothing(shop: Shop) -> None:
    async with Phone(codecs=("PCMU", "G722")) as phone:
        call = phone.dial(shop.sip)
        call_id = await shop.takes(call)
        await shop.do(shop.client.calls.actions.start_transcription, call_id)
        await call.play(tone(ALPHA, seconds=1))
        assert await told(shop, "inbound") == "Alpha."
        call.change_codec("G722")
        await call.until(lambda: call.codec == "G722", "the other codec")
        await call.play(tone(BRAVO, seconds=1))
        assert await told(shop, "inbound") == "Bravo."
        call.hold()
        await shop.app.inbox.next("call.hold")
        call.unhold()
        await shop.app.inbox.next("call.unhold")
        await call.play(tone(CHARLIE, seconds=1))
        assert await told(shop, "inbound") == "Charlie."
