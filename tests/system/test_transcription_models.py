"""A conversation in real speech: heard, written down, and kept once.

`ringline models pull piper-joe moonshine-tiny-en moonshine-base-en silero-vad`, then
RINGLINE_TEST_MODELS=<models folder>.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ringline.testing import Phone, Server
from ringline.testing.voice import RATE, Voice

from .conftest import Shop

MODELS = Path(os.environ.get("RINGLINE_TEST_MODELS", "ringline-data/models"))
NEEDED = ("piper-joe", "moonshine-tiny-en", "moonshine-base-en", "silero-vad")

pytestmark = [
    pytest.mark.models,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        not all((MODELS / name).is_dir() for name in NEEDED),
        reason=f"no weights: `ringline models pull {' '.join(NEEDED)}`, then set RINGLINE_TEST_MODELS",
    ),
]

ORDER = "I would like to change the address of my order."
MOMENT = "One moment please, I will look for your order."
THANKS = "Thank you very much for your help."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that hears and speaks with its own models."""
    settings = {"speech.models": MODELS}
    async with Server(tmp_path_factory.mktemp("hearing"), settings=settings) as running:
        yield running


def words(text: str) -> list[str]:
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign == " ").split()


async def test_a_conversation_is_heard_and_kept_once(shop: Shop, phone: Phone) -> None:
    call = phone.dial(shop.sip)
    call_id = await shop.takes(call)
    actions, ai = shop.client.calls.actions, shop.client.ai.conversations
    made = await shop.do(ai.create, metadata={"call_control_id": call_id})
    await shop.do(
        actions.start_transcription,
        call_id,
        transcription_tracks="both",
        transcription_engine_config={"transcription_engine": "Google", "interim_results": True},
    )
    voice = Voice(MODELS)
    heard: list[list[str]] = []

    async def final(track: str) -> None:
        while True:
            event = await shop.app.inbox.next("call.transcription", wait_s=30)
            data = event.payload["transcription_data"]
            if data["is_final"]:
                assert data["transcription_track"] == track
                heard.append(words(data["transcript"]))
                return

    await call.play(await voice.say(ORDER), RATE)
    await final("inbound")
    await shop.do(actions.speak, call_id, payload=MOMENT, voice="male")
    await final("outbound")
    await call.play(await voice.say(THANKS), RATE)
    await final("inbound")
    call.hang_up()
    await shop.app.inbox.next("call.hangup")
    await voice.stop()

    assert heard == [words(ORDER), words(MOMENT), words(THANKS)]
    async with asyncio.timeout(10):
        while len(said := (await shop.do(ai.messages.list, made.id)).data) < 3:  # noqa: ASYNC110 - in the server
            await asyncio.sleep(0.05)
    assert [(one.role, words(one.text)) for one in said] == [
        ("user", words(ORDER)),
        ("assistant", words(MOMENT)),
        ("user", words(THANKS)),
    ]
