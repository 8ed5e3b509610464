"""One track from samples to texts. The engine hears tones and takes as long as it is told to."""

import asyncio
from collections.abc import AsyncIterator
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.clock import VirtualClock
from ringline.speech import hearing
from ringline.speech.recognition import Heard, Listening, Passage, RecognitionUnavailable, Transcript
from ringline.speech.recognition_service import RecognitionService
from ringline.workers import Busy
from tests.speech.hearing import Told, play, quiet, tone, words_in

pytestmark = pytest.mark.unit

PAUSE = quiet(800)


class Ears:
    """A `Transcriber` that hears tones. While `go` is clear, it thinks."""

    def __init__(self) -> None:
        self.names = ("ears",)
        self.asked: list[Passage] = []
        self.cancelled: list[Passage] = []
        self.go = asyncio.Event()
        self.go.set()
        self.thinks = asyncio.Event()
        self.room = True
        self.trouble: list[Exception | None] = []
        """What happens instead of an answer, one a passage."""

    def understands(self, language: str) -> bool:
        return True

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def ready(self) -> bool:
        return True

    def has_room(self) -> bool:
        return self.room

    async def transcribe(self, passage: Passage) -> Heard:
        self.asked.append(passage)
        self.thinks.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(passage)
            raise
        if self.trouble and (error := self.trouble.pop(0)):
            raise error
        return Heard(words_in(passage.pcm), 0.9)

    @property
    def finals(self) -> list[Passage]:
        return [passage for passage in self.asked if passage.is_final]


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def service(ears: Ears, clock: VirtualClock) -> AsyncIterator[RecognitionService]:
    made = RecognitionService([ears], clock=clock)
    yield made
    ears.go.set()
    await made.stop()


async def settled() -> None:
    """Whatever can happen without new audio has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_each_utterance_is_told_once_with_its_place(service: RecognitionService) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, quiet(1000) + tone(440, 480) + PAUSE)
    await told.until(lambda told: len(told.transcripts) == 1)
    play(recognition, tone(660, 480) + PAUSE)
    await recognition.close()
    first, second = told.transcripts
    assert (first.text, second.text) == ("alpha", "bravo")
    assert 700 <= first.started_ms <= 1000
    assert 1480 <= first.ended_ms <= 1700
    assert 1480 + 500 <= second.started_ms <= 2280
    assert 2760 <= second.ended_ms <= 3000
    assert first.confidence == 0.9


async def test_silence_is_asked_of_nobody(service: RecognitionService, ears: Ears) -> None:
    told = Told()
    recognition = await service.open(Listening(interim=True), told.transcript, told.failure)
    play(recognition, quiet(9000))
    await recognition.close()
    assert ears.asked == []
    assert told.transcripts == []
    assert recognition.seconds_heard == 9.0


async def test_an_utterance_with_no_words_is_told_to_nobody(service: RecognitionService, ears: Ears) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, quiet(300) + tone(2500, 500) + PAUSE)  # no word of the engine's
    await recognition.close()
    assert len(ears.asked) == 1
    assert told.transcripts == []


async def test_the_silence_that_ends_is_what_was_asked_for(service: RecognitionService) -> None:
    spoken = tone(440, 500) + quiet(600) + tone(660, 500)
    for silence_ms, texts in ((300, ["alpha", "bravo"]), (900, ["alpha bravo"])):
        told = Told()
        recognition = await service.open(Listening(silence_ms=silence_ms), told.transcript, told.failure)
        play(recognition, spoken)
        await recognition.close()
        assert told.finals == texts


async def test_the_engine_is_asked_in_the_words_of_the_listening(
    service: RecognitionService, ears: Ears
) -> None:
    listening = Listening("en-GB", "ears", hints=("Telnyx",))
    recognition = await service.open(listening, lambda _: None, lambda _: None)
    play(recognition, tone(440, 500))
    await recognition.close()
    (asked,) = ears.asked
    assert (asked.language, asked.model, asked.hints, asked.is_final) == ("en-GB", "ears", ("Telnyx",), True)


# ---------------------------------------------------------------------- unfinished utterances


async def test_unfinished_texts_grow_and_the_final_one_is_whole(
    service: RecognitionService, clock: VirtualClock
) -> None:
    told = Told()
    recognition = await service.open(Listening(interim=True), told.transcript, told.failure)
    for hertz in (440, 660, 880, 1100):
        for _ in range(35):
            recognition.hear(tone(hertz, 20))
            await settled()
            clock.advance(0.02)
    play(recognition, PAUSE)
    await recognition.close()
    assert told.finals == ["alpha bravo charlie delta"]
    assert len(told.interims) >= 2
    for one, other in zip(told.interims, [*told.interims[1:], *told.finals], strict=True):
        assert other.startswith(one)
        assert other != one
    assert all(one.confidence is None for one in told.transcripts if not one.is_final)
    assert [one.is_final for one in told.transcripts] == [False] * len(told.interims) + [True]


async def test_who_wants_no_unfinished_texts_costs_no_decodes(
    service: RecognitionService, ears: Ears
) -> None:
    recognition = await service.open(Listening(), lambda _: None, lambda _: None)
    play(recognition, tone(440, 3000) + PAUSE)
    await recognition.close()
    assert [passage.is_final for passage in ears.asked] == [True]


async def test_an_engine_without_room_is_not_asked_for_unfinished_ones(
    service: RecognitionService, ears: Ears
) -> None:
    ears.room = False
    recognition = await service.open(Listening(interim=True), lambda _: None, lambda _: None)
    play(recognition, tone(440, 3000) + PAUSE)
    await recognition.close()
    assert [passage.is_final for passage in ears.asked] == [True]


async def test_the_end_of_an_utterance_does_not_wait_for_a_look_at_it(
    service: RecognitionService, ears: Ears
) -> None:
    told = Told()
    recognition = await service.open(Listening(interim=True), told.transcript, told.failure)
    ears.go.clear()
    play(recognition, tone(440, 1000))
    await ears.thinks.wait()
    ears.thinks.clear()
    play(recognition, PAUSE)
    await ears.thinks.wait()
    ears.go.set()
    await recognition.close()
    assert [passage.is_final for passage in ears.cancelled] == [False]
    assert told.interims == []
    assert told.finals == ["alpha"]


async def test_looks_are_spaced_by_what_they_cost(
    service: RecognitionService, ears: Ears, clock: VirtualClock
) -> None:
    recognition = await service.open(Listening(interim=True), lambda _: None, lambda _: None)
    ears.go.clear()
    play(recognition, tone(440, 1000))
    await ears.thinks.wait()
    clock.advance(0.5)  # so long one takes: the next one begins a second behind its end
    ears.go.set()
    await settled()
    play(recognition, tone(440, 2000))
    await settled()
    assert len(ears.asked) == 1
    clock.advance(1.0)
    play(recognition, tone(440, 1000))
    await settled()
    assert len(ears.asked) == 2
    await recognition.close()


async def test_trouble_with_an_unfinished_one_is_no_loss(service: RecognitionService, ears: Ears) -> None:
    told = Told()
    ears.trouble = [RecognitionUnavailable("It is broken", "Mend it")]
    recognition = await service.open(Listening(interim=True), told.transcript, told.failure)
    play(recognition, tone(440, 1000))
    await ears.thinks.wait()
    await settled()
    play(recognition, PAUSE)
    await recognition.close()
    assert told.finals == ["alpha"]
    assert recognition.lost == 0


# ---------------------------------------------------------------------- the first silence


async def test_an_utterance_is_asked_for_at_its_first_silence_and_told_at_its_end(
    service: RecognitionService, ears: Ears
) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480) + quiet(320))
    await settled()
    assert [passage.is_final for passage in ears.asked] == [True]
    assert told.transcripts == [], "it may go on"
    play(recognition, quiet(320))
    await settled()
    assert told.finals == ["alpha"]
    assert len(ears.asked) == 1
    await recognition.close()


async def test_when_it_goes_on_all_of_it_is_asked_for(service: RecognitionService, ears: Ears) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480) + quiet(320))
    await settled()
    play(recognition, tone(660, 480) + PAUSE)
    await recognition.close()
    assert told.finals == ["alpha bravo"]
    assert [words_in(passage.pcm) for passage in ears.asked] == ["alpha", "alpha bravo"]


async def test_an_early_answer_that_comes_late_is_waited_for(service: RecognitionService, ears: Ears) -> None:
    told = Told()
    ears.go.clear()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480) + quiet(320))
    await ears.thinks.wait()
    play(recognition, PAUSE)
    await settled()
    ears.go.set()
    await recognition.close()
    assert told.finals == ["alpha"]
    assert len(ears.asked) == 1
    assert ears.cancelled == []


async def test_a_failure_at_the_first_silence_is_not_the_last_word(
    service: RecognitionService, ears: Ears
) -> None:
    told = Told()
    ears.trouble = [RecognitionUnavailable("It is broken", "Mend it")]
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480) + quiet(320))
    await settled()
    play(recognition, PAUSE)
    await recognition.close()
    assert told.finals == ["alpha"]
    assert recognition.lost == 0


async def test_a_look_makes_room_for_what_may_be_whole(service: RecognitionService, ears: Ears) -> None:
    told = Told()
    recognition = await service.open(Listening(interim=True), told.transcript, told.failure)
    ears.go.clear()
    play(recognition, tone(440, 1000))
    await ears.thinks.wait()
    ears.room = False  # the look has the only place
    play(recognition, quiet(320))
    await settled()
    assert [passage.is_final for passage in ears.cancelled] == [False]
    assert [passage.is_final for passage in ears.asked] == [False, True]
    ears.go.set()
    play(recognition, quiet(320))
    await recognition.close()
    assert told.finals == ["alpha"]
    assert len(ears.asked) == 2


@pytest.mark.parametrize("early", [True, False])
async def test_nobody_is_asked_early_without_room_or_wish(ears: Ears, early: bool) -> None:
    ears.room = not early
    service = RecognitionService([ears], early=early)
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480) + quiet(320))
    await settled()
    assert ears.asked == []
    play(recognition, quiet(320))
    await recognition.close()
    assert told.finals == ["alpha"]
    assert len(ears.asked) == 1


# ---------------------------------------------------------------------- holes and stalls


async def test_a_hole_is_silence_and_time(service: RecognitionService) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480))
    recognition.missed(60_000)
    play(recognition, tone(660, 480))
    await recognition.close()
    assert told.finals == ["alpha", "bravo"]
    assert 60_000 <= told.transcripts[1].started_ms <= 60_480


async def test_a_small_hole_does_not_end_an_utterance(service: RecognitionService) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480))
    recognition.missed(40)
    play(recognition, tone(660, 480))
    await recognition.close()
    assert told.finals == ["alpha bravo"]


async def test_a_track_that_stalls_within_an_utterance_ends_it_by_the_wall_clock(
    service: RecognitionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "STALLED_MS", 20)
    told = Told()
    recognition = await service.open(Listening(silence_ms=40), told.transcript, told.failure)
    play(recognition, tone(440, 480))
    await told.until(lambda told: told.finals == ["alpha"])
    stood_in = 60
    recognition.missed(1000)  # the hole, told when audio comes again, holds the silence that stood in
    play(recognition, tone(660, 480))
    await recognition.close()
    assert told.finals == ["alpha", "bravo"]
    assert 1000 <= told.transcripts[1].started_ms <= 1480 + stood_in


async def test_odd_bytes_and_empty_ones(service: RecognitionService) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    sound = tone(440, 480) + PAUSE
    for at in range(0, len(sound), 333):
        recognition.hear(sound[at : at + 333])
        recognition.hear(b"")
    await recognition.close()
    assert told.finals == ["alpha"]


async def cut_up(track: bytes, sizes: list[int]) -> list[Transcript]:
    """What is told of a track that comes in pieces of these sizes, again and again."""
    told = Told()
    service = RecognitionService([Ears()])
    recognition = await service.open(Listening(), told.transcript, told.failure)
    at = 0
    for size in cycle(sizes):
        if at >= len(track):
            break
        recognition.hear(track[at : at + size])
        at += size
        await asyncio.sleep(0)
    await recognition.close()
    return told.transcripts


TRACK = quiet(700) + tone(440, 500) + PAUSE + tone(660, 300) + tone(880, 300) + quiet(300) + tone(1100, 400)


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) > 2_000))
@settings(max_examples=25, deadline=None)
def test_however_a_track_is_cut_up_the_texts_and_their_places_are_the_same(sizes: list[int]) -> None:
    whole = asyncio.run(cut_up(TRACK, [len(TRACK)]))
    assert [one.text for one in whole] == ["alpha", "bravo charlie delta"]
    assert asyncio.run(cut_up(TRACK, sizes)) == whole


# ---------------------------------------------------------------------- engines in trouble


async def test_a_slow_engine_loses_the_oldest_and_keeps_the_order(
    service: RecognitionService, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "MOST_BEHIND_S", 4)  # each utterance has somewhat less than a second
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    ears.go.clear()
    for hertz in (440, 660, 880, 1100, 440, 660, 880):
        play(recognition, tone(hertz, 480) + PAUSE)
        await settled()
    ears.go.set()
    await recognition.close()
    # One was under way and the newest four waited.
    assert told.finals == ["alpha", "delta", "alpha", "bravo", "charlie"]
    assert recognition.lost == 2


@pytest.mark.parametrize(
    "error",
    [RecognitionUnavailable("It is broken", "Mend it"), Busy("it is full", 1)],
    ids=["broken", "busy"],
)
async def test_an_utterance_that_failed_does_not_end_the_track(
    service: RecognitionService, ears: Ears, error: Exception
) -> None:
    told = Told()
    ears.trouble = [error] * 4
    recognition = await service.open(Listening(), told.transcript, told.failure)
    for _ in range(5):
        play(recognition, tone(440, 480) + PAUSE)
        await settled()
    await recognition.close()
    assert told.finals == ["alpha"]
    assert told.failures == []
    assert recognition.lost == 4


async def test_a_track_is_given_up_when_nothing_was_heard_for_long(
    service: RecognitionService, ears: Ears, clock: VirtualClock
) -> None:
    told = Told()
    ears.trouble = [RecognitionUnavailable("It is broken", "Mend it")] * 10
    recognition = await service.open(Listening(), told.transcript, told.failure)
    for _ in range(6):
        play(recognition, tone(440, 480) + PAUSE)
        await settled()
        clock.advance(11)
    assert told.failures == ["It is broken. Mend it"]
    assert len(ears.asked) == 4
    assert service.status().listening == 0
    play(recognition, tone(440, 480) + PAUSE)  # nobody listens any more
    await recognition.close()
    assert len(ears.asked) == 4
    assert told.failures == ["It is broken. Mend it"]


async def test_one_success_starts_the_count_anew(
    service: RecognitionService, ears: Ears, clock: VirtualClock
) -> None:
    told = Told()
    broken = RecognitionUnavailable("It is broken", "Mend it")
    ears.trouble = [broken, broken, None, broken, broken, None]
    recognition = await service.open(Listening(), told.transcript, told.failure)
    for _ in range(6):
        play(recognition, tone(440, 480) + PAUSE)
        await settled()
        clock.advance(20)
    await recognition.close()
    assert told.failures == []
    assert len(told.finals) == 2


async def test_who_cannot_take_a_text_is_told_of_the_end(
    service: RecognitionService, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()

    def refuse(transcript: object) -> None:
        raise KeyError("no such call")

    recognition = await service.open(Listening(), refuse, told.failure)
    play(recognition, tone(440, 480) + PAUSE)
    await told.until(lambda told: bool(told.failures))
    assert told.failures == ["KeyError: 'no such call'"]
    assert service.status().listening == 0
    assert "alpha" not in caplog.text
    await recognition.close()


# ---------------------------------------------------------------------- the end


async def test_the_open_utterance_is_finished(service: RecognitionService) -> None:
    told = Told()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, quiet(300) + tone(440, 300))
    await recognition.close()
    assert told.finals == ["alpha"]
    await recognition.close()
    assert told.finals == ["alpha"]
    assert service.status().listening == 0


async def test_an_engine_that_never_answers_does_not_hold_the_end(
    service: RecognitionService, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "CLOSE_WITHIN_S", 0.05)
    told = Told()
    ears.go.clear()
    recognition = await service.open(Listening(), told.transcript, told.failure)
    play(recognition, tone(440, 480))
    await recognition.close()
    assert told.transcripts == []
    assert told.failures == []
    assert recognition.lost == 1
    assert service.status().listening == 0


async def test_tracks_are_heard_side_by_side(service: RecognitionService) -> None:
    far, near = Told(), Told()
    inbound = await service.open(Listening(), far.transcript, far.failure)
    outbound = await service.open(Listening(), near.transcript, near.failure)
    for at in range(5):
        play(inbound, tone(440 if at % 2 else 660, 480) + PAUSE)
        play(outbound, tone(880, 480) + PAUSE)
        await settled()
    await asyncio.gather(inbound.close(), outbound.close())
    assert far.finals == ["bravo", "alpha", "bravo", "alpha", "bravo"]
    assert near.finals == ["charlie"] * 5
    assert service.seconds_heard == pytest.approx(2 * 5 * 1.28)
