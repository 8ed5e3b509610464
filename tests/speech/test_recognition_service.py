"""Which engine hears a track, and how many tracks are heard."""

import asyncio

import pytest

from ringline.core.clock import VirtualClock
from ringline.speech.recognition import Heard, Listening, Passage, RecognitionUnavailable, base_language
from ringline.speech.recognition_service import RecognitionService
from ringline.workers import Busy
from tests.speech.hearing import Told, play, quiet, tone, words_in

pytestmark = pytest.mark.unit

SAID = tone(440, 480) + quiet(800)


class Engine:
    """A `Transcriber` of some languages that can be taken away."""

    def __init__(self, name: str, *languages: str, models: tuple[str, ...] = ()) -> None:
        self.names = (name, *models)
        self.languages = languages
        self.asked: list[Passage] = []
        self.is_ready = True
        self.broken: RecognitionUnavailable | Busy | None = None
        self.unloadable = False
        self.stopped = False
        self.loading = asyncio.Event()
        self.loading.set()

    def understands(self, language: str) -> bool:
        return base_language(language) in self.languages

    async def start(self) -> None:
        await self.loading.wait()
        if self.unloadable:
            raise RecognitionUnavailable(f"{self.names[0]} cannot be loaded", "Mend it")

    async def stop(self) -> None:
        self.stopped = True

    def ready(self) -> bool:
        return self.is_ready

    def has_room(self) -> bool:
        return True

    async def transcribe(self, passage: Passage) -> Heard:
        self.asked.append(passage)
        if self.broken:
            raise self.broken
        return Heard(f"{self.names[0]} {words_in(passage.pcm)}")


async def heard(service: RecognitionService, listening: Listening) -> list[str]:
    told = Told()
    recognition = await service.open(listening, told.transcript, told.failure)
    play(recognition, SAID)
    await recognition.close()
    return told.finals


async def test_the_first_that_understands_the_language() -> None:
    service = RecognitionService([Engine("one", "en"), Engine("two", "en", "de")])
    assert await heard(service, Listening("en-US")) == ["one alpha"]
    assert await heard(service, Listening("de")) == ["two alpha"]
    with pytest.raises(RecognitionUnavailable, match="No engine here understands fr"):
        await heard(service, Listening("fr"))


async def test_a_name_chooses_the_engine() -> None:
    service = RecognitionService([Engine("one", "en"), Engine("two", "en", models=("large",))])
    assert await heard(service, Listening(model="two")) == ["two alpha"]
    assert await heard(service, Listening(model="large")) == ["two alpha"]
    with pytest.raises(RecognitionUnavailable, match=r"called 'three'\. There are one, two, large"):
        await heard(service, Listening(model="three"))
    with pytest.raises(RecognitionUnavailable, match="understands de"):
        await heard(service, Listening("de", model="two"))


async def test_nothing_configured_says_what_to_do() -> None:
    for listening in (Listening(), Listening(model="one")):
        with pytest.raises(RecognitionUnavailable) as error:
            await RecognitionService([]).open(listening, print, print)
        assert "recognition.remote_url" in error.value.advice
        assert "ringline models pull moonshine-tiny-en" in error.value.advice


@pytest.mark.parametrize("error", [RecognitionUnavailable("It broke", "Mend it"), Busy("full", 1)])
async def test_in_trouble_the_next_engine_hears(error: RecognitionUnavailable | Busy) -> None:
    one, two = Engine("one", "en"), Engine("two", "en")
    service = RecognitionService([one, two])
    one.broken = error
    assert await heard(service, Listening()) == ["two alpha"]
    one.is_ready = False
    assert await heard(service, Listening()) == ["two alpha"]
    assert len(one.asked) == 1


async def test_an_engine_that_is_not_ready_is_asked_when_there_is_no_other() -> None:
    one = Engine("one", "en")
    one.is_ready = False
    assert await heard(RecognitionService([one]), Listening()) == ["one alpha"]


async def test_an_engine_that_cannot_be_loaded() -> None:
    one, two = Engine("one", "en"), Engine("two", "en")
    one.unloadable = True
    service = RecognitionService([one, two])
    one.is_ready = False
    assert await heard(service, Listening()) == ["two alpha"]
    two.unloadable = True
    with pytest.raises(RecognitionUnavailable, match="one cannot be loaded"):
        await service.open(Listening(), print, print)
    assert service.status().listening == 0


async def test_there_are_so_many_tracks_and_no_more() -> None:
    engine = Engine("one", "en")
    service = RecognitionService([engine], tracks=2)
    engine.loading.clear()
    opening = [asyncio.create_task(service.open(Listening(), print, print)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(RecognitionUnavailable, match="2 tracks are listened to already"):
        await service.open(Listening(), print, print)
    engine.loading.set()
    first, second = [await one for one in opening]
    with pytest.raises(RecognitionUnavailable, match=r"raise recognition\.tracks"):
        await service.open(Listening(), print, print)
    await first.close()
    third = await service.open(Listening(), print, print)
    assert service.status().listening == 2
    await asyncio.gather(second.close(), third.close())


async def test_what_is_told_of_the_service() -> None:
    one, two = Engine("one", "en"), Engine("two", "en")
    service = RecognitionService([one, two], tracks=7, clock=VirtualClock())
    two.is_ready = False
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 3000))
    status = service.status()
    assert (status.engines, status.detector, status.listening, status.tracks) == (("one",), "energy", 1, 7)
    assert service.ready()
    assert service.seconds_heard == 3.0
    await service.stop()
    assert told.finals == ["one alpha"], "what was being said is told at the end"
    assert one.stopped
    assert two.stopped
    assert service.seconds_heard == 3.0
    assert not RecognitionService([]).ready()


@pytest.mark.parametrize(
    ("tag", "base"), [("en", "en"), ("en-US", "en"), ("EN-gb", "en"), ("zh-Hant-TW", "zh")]
)
def test_the_language_of_a_tag(tag: str, base: str) -> None:
    assert base_language(tag) == base
