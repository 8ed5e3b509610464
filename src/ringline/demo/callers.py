"""The phones' part in the demo: what they do, what they hear, step by step."""

import asyncio
import contextlib
import io
import time
import wave
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import soxr

from ringline.demo import app as voice_app
from ringline.demo import checks
from ringline.demo.checks import Match, Row, Samples
from ringline.demo.journal import WAIT_S, Journal, NotSeen
from ringline.testing import Heard, Phone, PhoneCall, PhoneError
from ringline.testing.voice import RATE as VOICE_RATE

CODE = "2580"
QUESTION = "Is anybody there? I can hear myself."
HELLO = "Hello, this is Alice speaking."
REPLY = "Hello Alice, nice to hear you."
CALLER_WAITS = voice_app.ANNOUNCEMENT.format(code=" ".join(CODE))

LINES = {
    voice_app.GREETING: voice_app.VOICE,
    CALLER_WAITS: voice_app.VOICE,
    QUESTION: "female",
    HELLO: "female",
    REPLY: "male",
}
"""Everything that is said, and in which voice."""

RINGS_S = 0.7
RATE = 8000

Words = Mapping[str, Samples]
"""Each text of `LINES` as the server's engine speaks it, at the rate of the calls."""


async def rehearse(phone: Phone) -> Words:
    """Make the words: this takes time that a call would have to wait for."""
    return {
        text: np.asarray(soxr.resample(await phone.voice.say(text, voice), VOICE_RATE, RATE), np.int16)
        for text, voice in LINES.items()
    }


@dataclass(slots=True)
class Scene:
    """Who plays, and what came of it so far."""

    journal: Journal
    alice: Phone
    bob: Phone
    number: str
    """SIP URI of the app's number."""
    words: Words
    rows: list[Row] = field(default_factory=list)
    recording: bytes = b""

    @property
    def call(self) -> PhoneCall:
        """Alice's call."""
        return self.alice.calls[0]


@dataclass(frozen=True, slots=True)
class Step:
    """One scene of the play: `name` in the table, `what` while it goes on."""

    name: str
    what: str
    play: Callable[[Scene], Awaitable[None]]


async def perform(scene: Scene, begins: Callable[[Step], Awaitable[None]]) -> None:
    """Play all steps; after one that fails, everybody hangs up and the rest is not reached."""
    reached = True
    for step in STEPS:
        if not reached:
            scene.rows.append(checks.failed(step.name, "not reached"))
            continue
        await begins(step)
        try:
            await step.play(scene)
        except (PhoneError, NotSeen) as error:
            scene.rows.append(checks.failed(step.name, str(error)))
            reached = False
            await _break_off(scene)


async def _answer(scene: Scene) -> None:
    began = time.monotonic()
    scene.alice.dial(scene.number)
    await scene.call.answered(WAIT_S)
    ring_s = time.monotonic() - began
    scene.rows.append(checks.answered("the app answers", scene.call.codec, ring_s))


async def _greet(scene: Scene) -> None:
    await scene.journal.next("call.speak.ended")
    await _hear(scene.call, 0.3)
    match = await _find(scene.call.heard, scene.words[voice_app.GREETING])
    scene.rows.append(checks.speech("it greets", "Alice", match))


async def _echo(scene: Scene) -> None:
    said = scene.words[QUESTION]
    said_at = scene.call.heard.seconds
    await scene.call.play(said, RATE)
    await _hear_until(scene.call, said_at + len(said) / RATE + voice_app.ECHO_S + checks.LATE_S)
    heard = scene.call.heard.since(said_at)
    stream = scene.journal.stream
    scene.rows += [
        checks.echo("her echo", await _find(heard, said), voice_app.ECHO_S),
        checks.marks("marks", stream.marks_s, voice_app.ECHO_S),
    ]


async def _dial_digits(scene: Scene) -> None:
    scene.call.press(CODE)
    gathered = await scene.journal.next("call.gather.ended")
    stream = scene.journal.stream
    await scene.journal.until(lambda: stream.stopped, "stop frame")
    seconds = {track: len(audio) / RATE for track, audio in stream.audio.items()}
    scene.rows += [
        checks.digits("digits", CODE, gathered.payload.digits, stream.digits),
        checks.frames("stream frames", stream.numbers, seconds),
    ]


async def _chime(scene: Scene) -> None:
    began = scene.call.heard.seconds
    await scene.journal.next("call.playback.ended", status="completed")
    await _hear(scene.call, 0.2)
    heard = scene.call.heard.since(began - 0.5)
    notes = [heard.tone(hertz) for hertz in voice_app.CHIME_HZ]
    scene.rows.append(checks.notes("it plays a file", voice_app.CHIME_HZ, voice_app.NOTE_S, notes))


async def _announce(scene: Scene) -> None:
    called = await _taken(scene.bob)
    answered_at = time.monotonic()
    began = await scene.journal.next("call.initiated", to=scene.bob.uri)
    told = await scene.journal.next("call.answered", to=scene.bob.uri)
    hangup = await scene.journal.next("call.hangup", to=scene.bob.uri)
    await called.ended(WAIT_S)
    match = await _find(called.heard, scene.words[CALLER_WAITS])
    scene.rows += [
        checks.dialled(
            "it dials Bob",
            RINGS_S,
            (told.occurred_at - began.occurred_at).total_seconds(),
            told.at - answered_at,
            hangup.payload.hangup_cause,
        ),
        checks.speech("announcement", "Bob", match),
    ]


async def _transfer(scene: Scene) -> None:
    bob = await _taken(scene.bob)
    await scene.journal.next("call.bridged")
    for step, speaker, listener, who, text in (
        ("transfer: Alice speaks", scene.call, bob, "Bob", HELLO),
        ("transfer: Bob speaks", bob, scene.call, "Alice", REPLY),
    ):
        said = scene.words[text]
        began = listener.heard.seconds
        await speaker.play(said, RATE)
        await _hear_until(listener, began + len(said) / RATE + checks.LATE_S)
        scene.rows.append(checks.speech(step, who, await _find(listener.heard.since(began), said)))


async def _hang_up(scene: Scene) -> None:
    caller = await scene.journal.next("call.initiated")
    scene.call.hang_up()
    ended = await scene.journal.next("call.hangup", call_control_id=caller.payload.call_control_id)
    other = scene.bob.calls[-1]
    await other.ended(WAIT_S)
    scene.rows.append(
        checks.ended("all hang up", ended.payload.hangup_cause, ended.payload.hangup_source, other.ended_by)
    )


async def _recording(scene: Scene) -> None:
    saved = await _fetch(scene)
    sides = channels(scene.recording)
    wanted_s = (saved.recording_ended_at - saved.recording_started_at).total_seconds()
    left = await _find(sides[0], scene.words[QUESTION])
    right = await _find(sides[-1], scene.words[voice_app.GREETING])
    scene.rows += [
        checks.recording_length("recording", sides[0].seconds, wanted_s, len(sides)),
        checks.recording_sides("recorded sides", left, right),
    ]


async def _fetch(scene: Scene) -> Any:
    saved = (await scene.journal.next("call.recording.saved")).payload
    async with httpx.AsyncClient() as client:
        answer = await client.get(saved.recording_urls.wav)
    if answer.status_code != 200:
        raise NotSeen(f"no recording: its link answered {answer.status_code}")
    scene.recording = answer.content
    return saved


STEPS = (
    Step("the app answers", "Alice calls the number of the app, which answers", _answer),
    Step("it greets", "the app starts recording and streaming, and speaks a greeting", _greet),
    Step("her echo", "Alice speaks; the app's WebSocket sends it back a second later", _echo),
    Step("digits", f"Alice presses {CODE}, which the app gathers", _dial_digits),
    Step("it plays a file", "the app stops the stream and plays three notes from a file", _chime),
    Step("it dials Bob", "the app dials Bob, whose phone rings, and announces the caller", _announce),
    Step("transfer", "the app transfers Alice to Bob, and they talk", _transfer),
    Step("all hang up", "Alice hangs up, which ends Bob's call too", _hang_up),
    Step("recording", "the recording is fetched and listened to", _recording),
)


def channels(data: bytes) -> list[Heard]:
    """A WAV file's channels, to be listened to."""
    with wave.open(io.BytesIO(data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        sides = [Heard(file.getframerate()) for _ in range(file.getnchannels())]
    for number, side in enumerate(sides):
        side.add(samples[:, number].astype(np.int16))
    return sides


async def _taken(phone: Phone) -> PhoneCall:
    """The next call of a phone, answered after it has rung for a while."""
    call = await phone.next_call(WAIT_S)
    if call.over:
        raise PhoneError(f"{phone.user}'s phone refused the call: {phone.refusal}")
    call.ring()
    await asyncio.sleep(RINGS_S)  # a phone that rings, not a wait for anything
    call.answer()
    return call


async def _find(heard: Heard, words: Samples) -> Match:
    """Search aside: the phones' sound is made in this loop where the media engine is not compiled."""
    return await asyncio.to_thread(checks.find, heard, words)


async def _hear(call: PhoneCall, seconds: float) -> None:
    await _hear_until(call, call.heard.seconds + seconds)


async def _hear_until(call: PhoneCall, seconds: float) -> None:
    """Listen so far, or to the end of the call: what is missing then is for the check to say."""
    await call.until(lambda: call.over or call.heard.seconds >= seconds, f"{seconds:.1f} s of sound", WAIT_S)


async def _break_off(scene: Scene) -> None:
    """End every call; what was recorded until then is kept, to be looked at."""
    for phone in (scene.alice, scene.bob):
        for call in phone.calls:
            call.hang_up()
    if scene.journal.of("call.answered") is not None:
        with contextlib.suppress(NotSeen):
            await _fetch(scene)
