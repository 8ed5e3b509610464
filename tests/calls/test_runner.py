"""The runner: written before it is done, in order, once; mishaps of other rooms stay where they are."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from ringline.calls.commands import Dial, Gather, Hangup, SendDtmf, TranscriptionStart, Transfer
from ringline.calls.effects import Play
from ringline.calls.inputs import (
    Answered,
    MediaClosed,
    RecordingFinished,
    Superseded,
    TranscriptHeard,
    TranscriptionEnded,
    TranscriptionFailed,
    TranscriptionUp,
)
from ringline.calls.options import (
    Audio,
    DialTarget,
    GatherRules,
    Header,
    RecordOptions,
    StreamOptions,
    TranscriptionOptions,
    UrlAudio,
    Utterance,
)
from ringline.calls.runner import Ports, Runner
from ringline.calls.state import Facts, Instant, Leg, OnAnswer, State
from ringline.core.clock import VirtualClock
from ringline.core.errors import ApiError, RinglineError
from ringline.core.ids import Ids
from ringline.timeline import entries as e
from ringline.timeline.entries import (
    AnyBody,
    CommandReceived,
    Ended,
    SipMessage,
    SpeechResult,
    TranscriptionStarted,
    TranscriptionStopped,
)
from ringline.webhooks.payload import Payload

from .world import APPLICATION

pytestmark = pytest.mark.unit


@dataclass
class Doors:
    """Every port at once: notes what passes, and lets media close at once."""

    runner: "Runner | None" = None
    passed: list[str] = field(default_factory=list)
    entries: list[AnyBody] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    failures: int = 0
    gate: asyncio.Event | None = None
    broken: str = ""

    def _note(self, what: str) -> None:
        if what == self.broken:
            raise RuntimeError(f"{what} is broken")
        self.passed.append(what)

    def ring(self, leg: Leg) -> None:
        self._note("ring")

    def open_early(self, leg: Leg) -> None:
        self._note("open_early")

    def accept(
        self, leg: Leg, codecs: tuple[str, ...], headers: tuple[Header, ...], *, silence: bool
    ) -> None:
        self._note("accept")

    def refuse(self, leg: Leg, status: int) -> None:
        self._note(f"refuse {status}")

    def place(self, leg: Leg, target: DialTarget) -> None:
        self._note(f"place {target.to}")

    def cancel(self, leg: Leg, reason: str | None) -> None:
        self._note("cancel")

    def hang_up(self, leg: Leg, headers: tuple[Header, ...]) -> None:
        self._note("hang_up")

    def close_media(self, leg: Leg) -> None:
        self._note("close_media")
        assert self.runner is not None
        self.runner.post(leg.id, MediaClosed(None))

    def prepare(self, leg: Leg, playout: str, content: Audio | Utterance) -> None:
        self._note("prepare")

    def play(self, leg: Leg, play: Play) -> None:
        self._note("play")

    def ringback(self, leg: Leg, country: str | None) -> None:
        self._note("ringback")

    def send_digits(self, leg: Leg, digits: str, duration_ms: int) -> None:
        self._note(f"digits {digits}")

    def join(self, leg: Leg, other: str) -> None:
        self._note("join")

    def part(self, leg: Leg) -> None:
        self._note("part")

    def start(self, leg: Leg, recording: str, options: RecordOptions) -> None:
        self._note("start")

    def pause(self, leg: Leg, recording: str, *, paused: bool) -> None:
        self._note("pause")

    def stop(self, leg: Leg, thing: str) -> None:
        self._note("stop")

    def open(self, leg: Leg, stream: str, options: StreamOptions, client_state: str | None) -> None:
        self._note("open")

    def begin(self, leg: Leg, stream: str, client_state: str | None) -> None:
        self._note("begin")

    def close(self, leg: Leg, stream: str) -> None:
        self._note("close")

    def tell_digit(self, stream: str, digit: str, at: datetime) -> None:
        self._note("tell_digit")

    def require(self, options: TranscriptionOptions) -> None:
        """Everything can be heard."""

    async def commit(
        self, leg: Leg, at: Instant, entries: Sequence[AnyBody], events: Sequence[Payload]
    ) -> None:
        if self.gate:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise RinglineError("the disk is full")
        self._note("commit")
        self.entries += entries
        self.events += [payload.event_type for payload in events]

    def forget(self, leg: Leg) -> None:
        self._note("forget")


class Alarm:
    """Timers of a test: fired by hand."""

    def __init__(self) -> None:
        self.set: list[tuple[int, Callable[[], None]]] = []

    def after(self, delay_ms: int, call: Callable[[], None]) -> "Alarm":
        self.set.append((delay_ms, call))
        return self

    def cancel(self) -> None:
        """Nothing fires by itself."""


def make(limit: int = 10) -> tuple[Runner, Doors, Alarm]:
    doors, alarm = Doors(), Alarm()
    runner = Runner(
        clock=VirtualClock(),
        ids=Ids.seeded(4),
        ports=Ports(doors, doors, doors, doors, doors, doors, alarm),
        limit=limit,
    )
    doors.runner = runner
    return runner, doors, alarm


def leg(name: str = "v3:a", state: State = State.DIALLING, **facts: object) -> Leg:
    now = Instant(0, VirtualClock().utc())
    whole = Facts(
        name,
        f"leg of {name}",
        "session",
        "outgoing" if state is State.DIALLING else "incoming",
        "+1",
        "+2",
        APPLICATION,
        now,
        target=DialTarget(to="sip:far@end", from_="+1"),
        **facts,  # type: ignore[arg-type]
    )
    return Leg(whole, state)


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_nothing_is_done_or_answered_before_it_is_written() -> None:
    runner, doors, _ = make()
    doors.gate = asyncio.Event()
    beginning = asyncio.ensure_future(runner.begin(leg()))
    await settle()
    assert (doors.passed, beginning.done()) == ([], False)
    doors.gate.set()
    await beginning
    await settle()
    assert doors.passed == ["commit", "place sip:far@end"]
    assert doors.events == ["call.initiated"]


async def test_a_commit_that_fails_is_tried_again_with_the_same_entries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ringline.calls.runner.COMMIT_RETRY_S", 0)
    runner, doors, _ = make()
    doors.failures = 3
    await runner.begin(leg())
    await settle()
    assert doors.passed == ["commit", "place sip:far@end"]
    assert doors.events == ["call.initiated"]


async def test_a_store_that_never_comes_back_does_not_stop_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringline.calls.runner.COMMIT_RETRY_S", 0)
    runner, doors, _ = make()
    doors.failures = 1000
    await runner.begin(leg())
    await settle()
    assert doors.passed == ["place sip:far@end"]


async def test_an_effect_that_breaks_does_not_stop_the_leg() -> None:
    runner, doors, _ = make()
    doors.broken = "place sip:far@end"
    await runner.begin(leg())
    await runner.command("v3:a", Hangup())
    await settle()
    assert doors.events == ["call.initiated", "call.hangup"]


async def test_a_repeated_command_id_is_answered_and_does_nothing() -> None:
    runner, doors, _ = make()
    await runner.begin(leg())
    runner.post("v3:a", Answered("PCMU", 8000))
    first = await runner.command("v3:a", SendDtmf(digits="1", command_id="x"))
    again = await runner.command("v3:a", SendDtmf(digits="1", command_id="x"))
    await runner.command("v3:a", SendDtmf(digits="2", command_id="y"))
    await settle()
    assert first == again
    assert [what for what in doors.passed if what.startswith("digits")] == ["digits 1", "digits 2"]


async def test_a_refused_command_reaches_its_sender_only() -> None:
    runner, doors, _ = make()
    await runner.begin(leg())
    with pytest.raises(ApiError, match="90034"):
        await runner.command("v3:a", SendDtmf(digits="1"))
    with pytest.raises(ApiError, match="90015"):
        await runner.command("v3:other", SendDtmf(digits="1"))
    assert not [entry for entry in doors.entries if isinstance(entry, CommandReceived)]


async def test_the_end_is_on_the_timeline_with_its_owner_and_the_leg_leaves() -> None:
    runner, doors, alarm = make()
    ended: list[str] = []
    runner.on_end = lambda one: ended.append(one.id)
    await runner.begin(leg())
    await runner.command("v3:a", Hangup())
    await settle()
    assert [entry for entry in doors.entries if isinstance(entry, Ended)] == [
        Ended("originator_cancel", "caller", "487")
    ]
    assert ended == ["v3:a"]
    await runner.idle()
    runner.post("v3:a", SipMessage("in", "200 OK (CANCEL)", "1.2.3.4:5060"))
    await settle()
    assert isinstance(doors.entries[-1], SipMessage)
    alarm.set[-1][1]()
    assert runner.find("v3:a") is None
    assert doors.passed[-1] == "forget"


async def test_a_leg_waits_for_its_recording() -> None:
    runner, doors, _ = make()
    one = leg()
    one.on_answer = OnAnswer(record=RecordOptions("wav", "single"), recording_id="r")
    await runner.begin(one)
    runner.post("v3:a", Answered("PCMU", 8000))
    await runner.command("v3:a", Hangup())
    await settle()
    idle = asyncio.create_task(runner.idle())
    await settle()
    assert not idle.done()
    now = VirtualClock().utc()
    runner.post("v3:a", RecordingFinished("r", now, now, 0, (("wav", "http://here/r"),)))
    await idle
    assert doors.events[-1] == "call.recording.saved"


async def test_a_transfer_dials_a_leg_of_its_own() -> None:
    runner, doors, _ = make()
    await runner.begin(leg())
    runner.post("v3:a", Answered("PCMU", 8000))
    await runner.command("v3:a", Transfer(target=DialTarget(to="sip:b@c", from_="")))
    await settle()
    assert "place sip:b@c" in doors.passed
    assert runner.alive == 2
    runner.hang_up_all(Superseded())
    await settle()
    assert runner.alive == 0


async def test_the_limit_is_exact() -> None:
    runner, _, _ = make(limit=2)
    for name in ("v3:a", "v3:b"):
        runner.reserve()
        await runner.begin(leg(name))
    with pytest.raises(ApiError, match="10037") as full:
        runner.reserve()
    assert (full.value.status, full.value.retry_after) == (503, 1)
    await runner.command("v3:a", Hangup())
    await settle()
    runner.reserve()


async def test_a_runner_that_drains_makes_no_leg_and_obeys_those_it_has() -> None:
    runner, doors, _ = make()
    await runner.begin(leg())
    runner.post("v3:a", Answered("PCMU", 8000))
    runner.drain()
    with pytest.raises(ApiError, match="10037"):
        runner.reserve()
    with pytest.raises(ApiError, match="10037"):
        await runner.command("v3:a", Transfer(target=DialTarget("sip:b@127.0.0.1", "+1")))
    await runner.command("v3:a", SendDtmf(digits="5"))
    await settle()
    assert [one for one in doors.passed if one.startswith(("place", "digits"))] == [
        "place sip:far@end",
        "digits 5",
    ]


async def test_commands_stand_on_the_timeline_under_the_names_of_the_api() -> None:
    runner, doors, _ = make()
    await runner.begin(leg(), Dial(connection_id="1", targets=()))
    runner.post("v3:a", Answered("PCMU", 8000))
    await runner.command("v3:a", Gather(rules=GatherRules(), prompt=Utterance("pin", "male")))
    await runner.command("v3:a", Gather(rules=GatherRules(), prompt=UrlAudio("http://app/a.wav")))
    await runner.command("v3:a", Gather(rules=GatherRules()))
    await runner.command("v3:a", SendDtmf(digits="1"))
    await settle()
    assert [entry.name for entry in doors.entries if isinstance(entry, CommandReceived)] == [
        "dial",
        "gather_using_speak",
        "gather_using_audio",
        "gather",
        "send_dtmf",
    ]


async def test_words_are_on_the_timeline_even_those_that_come_too_late_to_be_told() -> None:
    runner, doors, alarm = make()
    await runner.begin(leg())
    runner.post("v3:a", Answered("PCMU", 8000))
    await runner.command("v3:a", TranscriptionStart(options=TranscriptionOptions(interim=True, engine="B")))
    one = runner.find("v3:a")
    assert one is not None
    (transcription,) = one.transcriptions
    runner.post("v3:a", TranscriptionUp(transcription))
    runner.post("v3:a", TranscriptHeard(transcription, "inbound", "Well", final=False))
    runner.post("v3:a", TranscriptHeard(transcription, "inbound", "Well then.", True, 0.5, 900, 300))
    await settle()
    assert doors.passed.count("start") == 1
    await runner.command("v3:a", Hangup())
    await settle()
    assert doors.passed.count("stop") == 1
    assert doors.passed.index("stop") < doors.passed.index("close_media")
    assert "call.hangup" not in doors.events
    alarm.set[-1][1]()
    await settle()
    assert doors.events[-1] == "call.hangup"
    waits = len(alarm.set)
    runner.post("v3:a", TranscriptHeard(transcription, "inbound", "Goodbye.", True))
    await settle()
    assert len(alarm.set) == waits  # the leg does not leave before it knows its last words
    runner.post("v3:a", TranscriptionEnded(transcription))
    await settle()
    alarm.set[-1][1]()
    assert runner.find("v3:a") is None

    spoken = SpeechResult | TranscriptionStarted | TranscriptionStopped
    assert [entry for entry in doors.entries if isinstance(entry, spoken)] == [
        TranscriptionStarted(transcription, "B", "en", ("inbound",)),
        SpeechResult("Well then.", True, "inbound", 0.5, 900, 300),
        SpeechResult("Goodbye.", True),
        TranscriptionStopped(transcription),
    ]
    assert doors.events.count("call.transcription") == 2
    assert doors.events[-1] == "call.hangup"


async def test_what_broke_a_transcription_is_on_the_timeline() -> None:
    runner, doors, _ = make()
    await runner.begin(leg())
    runner.post("v3:a", Answered("PCMU", 8000))
    await runner.command("v3:a", TranscriptionStart(options=TranscriptionOptions()))
    one = runner.find("v3:a")
    assert one is not None
    (transcription,) = one.transcriptions
    runner.post("v3:a", TranscriptionFailed(transcription, "no weights"))
    await settle()
    assert e.TranscriptionFailed(transcription, "no weights") in doors.entries
