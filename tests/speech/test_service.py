"""The service over an engine that is scripted: what is asked when, and what becomes of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from ringline.speech.service import SpeechService, SpeechSettings
from ringline.speech.synthesis import PcmChunk, SpeechRequest, SpeechUnavailable, Utterance
from ringline.speech.voices import Gender, LocalVoice, UnknownVoice
from ringline.workers import Busy, Priority

pytestmark = pytest.mark.unit

SOUND = b"\x01\x00" * 800
FIVE = "One is here. Two is here. Three is here. Four is here. Five is here."


class Engine:
    """A speaker whose clauses take until `go` allows them."""

    def __init__(self, name: str = "engine", language: str = "en-US", quality: int = 1) -> None:
        self.voices = (LocalVoice(f"{name}:v", name, "v", language, Gender.MALE, quality),)
        self.asked: list[str] = []
        self.priorities: list[Priority] = []
        self.cancelled: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.broken = False
        self.full = False
        self.is_ready = True
        self.started = self.stopped = False

    async def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.stopped = True

    def ready(self) -> bool:
        return self.is_ready

    async def say(self, utterance: Utterance, priority: Priority) -> bytes:
        self.asked.append(utterance.text)
        self.priorities.append(priority)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(utterance.text)
            raise
        if self.full:
            raise Busy("Every place is taken", 1)
        if self.broken:
            raise SpeechUnavailable("It is broken", "Mend it")
        return SOUND


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def all_of(service: SpeechService, request: SpeechRequest) -> list[PcmChunk]:
    async with contextlib.aclosing(service.synthesize(request)) as chunks:
        return [chunk async for chunk in chunks]


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def speaking(service: SpeechService, request: SpeechRequest) -> AsyncIterator["asyncio.Task[PcmChunk]"]:
    """A first chunk that is waited for."""
    async with contextlib.aclosing(service.synthesize(request)) as chunks:
        task = asyncio.ensure_future(anext(chunks))
        try:
            await settle()
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_chunks_come_in_order_with_their_text_voice_and_pause(engine: Engine) -> None:
    chunks = await all_of(SpeechService([engine]), SpeechRequest(text="Yes. No."))
    assert [(chunk.text, chunk.voice) for chunk in chunks] == [("Yes.", "engine:v"), ("No.", "engine:v")]
    assert chunks[0].pcm == SOUND + bytes(2 * 8 * 220)
    assert chunks[0].seconds == pytest.approx(0.1 + 0.22)


async def test_the_first_clause_has_the_engine_to_itself_then_work_runs_ahead(engine: Engine) -> None:
    engine.go.clear()
    service = SpeechService([engine], SpeechSettings(ahead=2))
    async with contextlib.aclosing(service.synthesize(SpeechRequest(text=FIVE))) as chunks:
        first = asyncio.ensure_future(anext(chunks))
        await settle()
        assert engine.asked == ["One is here."]
        engine.go.set()
        await first
        await settle()
        assert engine.asked == ["One is here.", "Two is here.", "Three is here."]
        await anext(chunks)
        await settle()
        assert engine.asked[-1] == "Four is here."


async def test_a_listener_that_leaves_cancels_what_is_being_made(engine: Engine) -> None:
    service = SpeechService([engine], SpeechSettings(ahead=2))
    async with contextlib.aclosing(service.synthesize(SpeechRequest(text=FIVE))) as chunks:
        await anext(chunks)
        await settle()
        engine.go.clear()
        await anext(chunks)
        await settle()
    assert engine.cancelled == ["Four is here."]
    assert engine.asked[-1] == "Four is here."


async def test_a_cancelled_task_cancels_the_engine(engine: Engine) -> None:
    engine.go.clear()
    async with speaking(SpeechService([engine]), SpeechRequest(text="Hello.")):
        pass
    assert engine.cancelled == ["Hello."]


async def test_one_utterance_too_many_is_busy(engine: Engine) -> None:
    engine.go.clear()
    service = SpeechService([engine], SpeechSettings(utterances=1))
    async with speaking(service, SpeechRequest(text="Hello.")):
        with pytest.raises(Busy):
            await all_of(service, SpeechRequest(text="Hi."))
    engine.go.set()
    assert len(await all_of(service, SpeechRequest(text="Hi."))) == 1


async def test_what_was_said_is_said_again_from_the_cache(engine: Engine) -> None:
    service = SpeechService([engine])
    first = await all_of(service, SpeechRequest(text="Hello."))
    assert await all_of(service, SpeechRequest(text="Hello.")) == first
    assert engine.asked == ["Hello."]
    await all_of(service, SpeechRequest(text="Hello.", rate=16000))
    assert len(engine.asked) == 2


async def test_without_cache_it_is_made_anew_and_not_kept(engine: Engine) -> None:
    service = SpeechService([engine])
    await all_of(service, SpeechRequest(text="Hello.", cached=False))
    await all_of(service, SpeechRequest(text="Hello.", cached=False))
    await all_of(service, SpeechRequest(text="Hello."))
    assert len(engine.asked) == 3


async def test_priority_reaches_the_engine(engine: Engine) -> None:
    await all_of(SpeechService([engine]), SpeechRequest(text="Hello.", priority=Priority.BATCH))
    assert engine.priorities == [Priority.BATCH]


async def test_an_engine_that_breaks_is_replaced_in_the_middle(engine: Engine) -> None:
    better = Engine("better", quality=3)
    service = SpeechService([engine, better], SpeechSettings(ahead=1))
    async with contextlib.aclosing(service.synthesize(SpeechRequest(text="Yes. No. Well."))) as chunks:
        said = [await anext(chunks)]
        better.broken = True
        said += [chunk async for chunk in chunks]
    assert [chunk.voice for chunk in said] == ["better:v", "engine:v", "engine:v"]


async def test_a_busy_engine_is_replaced_too_unless_it_is_the_only_one(engine: Engine) -> None:
    better = Engine("better", quality=3)
    better.full = True
    (chunk,) = await all_of(SpeechService([better, engine]), SpeechRequest(text="Yes."))
    assert chunk.voice == "engine:v"
    with pytest.raises(Busy):
        await all_of(SpeechService([better]), SpeechRequest(text="Yes."))


async def test_when_all_break_the_first_reason_is_told(engine: Engine) -> None:
    engine.broken = True
    with pytest.raises(SpeechUnavailable, match=r"It is broken\. Mend it") as error:
        await all_of(SpeechService([engine]), SpeechRequest(text="Hello."))
    assert (error.value.reason, error.value.advice) == ("It is broken", "Mend it")


async def test_an_engine_that_is_not_ready_is_not_asked(engine: Engine) -> None:
    better = Engine("better", quality=3)
    better.is_ready = False
    service = SpeechService([better, engine])
    assert service.voice_for(SpeechRequest(text="a")).id == "engine:v"
    assert service.ready()
    engine.is_ready = False
    assert not service.ready()
    with pytest.raises(SpeechUnavailable, match="No engine here speaks en-US"):
        service.voice_for(SpeechRequest(text="a"))


async def test_language_decides_the_engine(engine: Engine) -> None:
    german = Engine("german", language="de-DE")
    service = SpeechService([engine, german])
    assert service.voice_for(SpeechRequest(text="a", language="de-DE")).id == "german:v"
    assert service.voice_for(SpeechRequest(text="a", voice="AWS.Polly.Hans")).id == "german:v"
    with pytest.raises(SpeechUnavailable, match="speaks fr-FR"):
        service.voice_for(SpeechRequest(text="a", language="fr-FR"))


async def test_an_unknown_voice_is_told_before_anything_is_made(engine: Engine) -> None:
    with pytest.raises(UnknownVoice):
        await all_of(SpeechService([engine]), SpeechRequest(text="a", voice="nobody"))
    assert engine.asked == []


async def test_breaks_are_silence_of_their_length(engine: Engine) -> None:
    markup = '<speak><break time="1s"/>Hello.</speak>'
    pause, hello = await all_of(SpeechService([engine]), SpeechRequest(ssml=markup, rate=16000))
    assert pause == PcmChunk(bytes(32000), 16000, "", "")
    assert hello.text == "Hello."


async def test_start_opens_warm_loads_and_stop_ends(engine: Engine) -> None:
    other = Engine("other")
    service = SpeechService([engine, other])
    await service.start()
    assert not engine.started
    await service.warm()
    assert (engine.started, other.started) == (True, False)
    await service.stop()
    assert (engine.stopped, other.stopped) == (True, True)


async def test_without_engines_it_says_what_to_do() -> None:
    service = SpeechService([])
    assert not service.ready()
    with pytest.raises(SpeechUnavailable, match="Install the extra"):
        await service.warm()
    with pytest.raises(SpeechUnavailable, match="Install the extra"):
        await all_of(service, SpeechRequest(text="a"))
