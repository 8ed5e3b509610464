"""Streams on the real media plane: what the phone says is what the app hears, and the other way round."""

import asyncio
import json
from array import array
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from ringline.media.files import encode_mp3
from ringline.streams import transport_carried
from ringline.streams.frames import AppClear, AppMark, AppMedia, Mark, Media, Start
from ringline.streams.request import StreamEnded
from tests.streams.apps import App, Events, request, send
from tests.streams.calls import Calls, calling, coder, ends_with_tone, tone

pytestmark = pytest.mark.system


@pytest.fixture(params=["picows", "carried"])
async def calls(request: pytest.FixtureRequest) -> AsyncIterator[Calls]:
    async with calling() as calls:
        if request.param == "carried":
            if not calls.plane.carries:
                pytest.skip("only a compiled media engine carries connections")
            calls.dial = transport_carried.dialling(calls.plane)
        yield calls


SPOKEN, ANSWERED = 440, 1000


@pytest.mark.parametrize(
    ("leg_codec", "codec", "declared", "back", "rate", "order"),
    [
        ("PCMU", "default", ("PCMU", 8000), "PCMU", 8000, "big"),
        ("PCMA", "default", ("PCMA", 8000), "PCMA", 8000, "big"),
        ("G722", "default", ("G722", 8000), "G722", 8000, "big"),
        ("G722", "PCMU", ("PCMU", 8000), "PCMA", 16000, "big"),
        ("PCMU", "OPUS", ("PCMU", 8000), "L16", 8000, "big"),
        ("PCMU", "L16", ("L16", 16000), "L16", 16000, "big"),
        ("PCMU", "L16", ("L16", 16000), "L16", 22050, "big"),
        ("G722", "L16", ("L16", 16000), "L16", 24000, "big"),
        ("G722", "L16", ("L16", 16000), "L16", 48000, "little"),
    ],
)
async def test_tones_pass_both_ways(
    app: App,
    events: Events,
    calls: Calls,
    leg_codec: str,
    codec: str,
    declared: tuple[str, int],
    back: str,
    rate: int,
    order: str,
) -> None:
    phone = await calls.phone("leg", leg_codec, SPOKEN)
    asked = request(app.url, codec=codec, bidirectional_codec=back, bidirectional_rate=rate)
    little = order == "little"
    async with calls.streaming(asked, events, l16_byte_order="little" if little else "big") as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        media_format = (await app.next(Start)).media_format
        assert (media_format.encoding, media_format.sample_rate) == declared

        mouth = coder(back, rate, little_endian=little)
        answer = mouth.encode(tone(ANSWERED, 2, mouth.rate))
        step = len(answer) // 100
        socket = await app.socket()
        await send(socket, *[AppMedia(answer[at : at + step]) for at in range(0, len(answer), step)])

        ear = coder(*declared, little_endian=little)
        inbound = array("h")
        while not ends_with_tone(inbound, SPOKEN, ear.rate):
            frame: Media = await app.next(Media)
            assert (frame.track, frame.timestamp_ms) == ("inbound", (frame.chunk - 1) * 20)
            samples = ear.decode(frame.payload)
            assert len(samples) == ear.rate // 50
            inbound += samples
        await phone.hears_tone(ANSWERED)


async def test_a_mark_is_told_when_the_phone_has_heard_what_came_before(
    app: App, events: Events, calls: Calls
) -> None:
    phone = await calls.phone("leg")
    async with calls.streaming(request(app.url), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        socket = await app.socket()
        await send(socket, AppMark("nothing before"))
        assert (await app.next(Mark)).name == "nothing before"
        await send(socket, AppMedia(coder("PCMU", 8000).encode(tone(600, 0.3, 8000))), AppMark("heard"))
        assert (await app.next(Mark)).name == "heard"
        assert phone.heard_ms > 150, "told at the end; the last packets may still wait in the phone's socket"
        await phone.hears(260)
        assert phone.heard_ms < 340


async def test_clear_silences_and_tells_every_mark_once(app: App, events: Events, calls: Calls) -> None:
    phone = await calls.phone("leg")
    async with calls.streaming(request(app.url), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        socket = await app.socket()
        second = AppMedia(coder("PCMU", 8000).encode(tone(600, 1, 8000)))
        await send(socket, *[second] * 8, AppMark("one"), second, AppMark("two"))
        await phone.hears(100)
        await send(socket, AppClear())
        assert [(await app.next(Mark)).name for _ in range(2)] == ["one", "two"]

        await send(socket, AppMedia(coder("PCMU", 8000).encode(tone(900, 0.3, 8000))), AppMark("after"))
        assert (await app.next(Mark)).name == "after"
        assert phone.heard_ms < 1000
        await phone.hears_tone(900)
    assert sum('"event":"mark"' in message for message in app.raw) == 3


async def test_a_file_is_heard(app: App, events: Events, calls: Calls) -> None:
    phone = await calls.phone("leg", "G722")
    async with calls.streaming(request(app.url, bidirectional_mode="mp3"), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        file = encode_mp3(np.array(tone(1500, 0.5, 24000)), 24000)
        await send(await app.socket(), AppMedia(file), AppMark("heard"))
        assert (await app.next(Mark)).name == "heard"
        await phone.hears(400)
        assert phone.heard_ms < 600
        assert ends_with_tone(phone.heard[:-1600], 1500, 16000)


@pytest.mark.parametrize(("target", "listeners"), [("self", "a"), ("opposite", "b"), ("both", "ab")])
async def test_who_hears_the_app_in_a_bridge(
    app: App, events: Events, calls: Calls, target: str, listeners: str
) -> None:
    phones = {name: await calls.phone(name) for name in "ab"}
    calls.plane.bridge("a", "b")
    async with calls.streaming(request(app.url, target_legs=target), events) as stream:
        await stream.connect()
        calls.begin(stream, "a", phones["a"])
        audio = coder("PCMU", 8000).encode(tone(600, 0.2, 8000))
        await send(await app.socket(), AppMedia(audio), AppMark("heard"))
        await app.next(Mark)
        for name in listeners:
            await phones[name].hears(160)
        assert {name for name, phone in phones.items() if phone.heard_ms > 0} == set(listeners)


@pytest.mark.parametrize("target", ["self", "opposite", "both"])
async def test_without_a_bridge_the_leg_hears_every_target(
    app: App, events: Events, calls: Calls, target: str
) -> None:
    phone = await calls.phone("leg")
    async with calls.streaming(request(app.url, target_legs=target), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        await send(await app.socket(), AppMedia(coder("PCMU", 8000).encode(tone(600, 0.2, 8000))))
        await phone.hears(160)


async def test_what_the_app_plays_is_in_the_outbound_track(app: App, events: Events, calls: Calls) -> None:
    phone = await calls.phone("leg", hz=SPOKEN)
    async with calls.streaming(request(app.url, track="both_tracks"), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        await send(await app.socket(), AppMedia(coder("PCMU", 8000).encode(tone(ANSWERED, 1, 8000))))
        heard = {"inbound": array("h"), "outbound": array("h")}
        tones = {"inbound": SPOKEN, "outbound": ANSWERED}
        while not all(ends_with_tone(heard[track], tones[track], 8000) for track in heard):
            frame: Media = await app.next(Media)
            heard[frame.track] += coder("PCMU", 8000).decode(frame.payload)


async def test_the_outbound_track_is_there_while_something_is_sent(
    app: App, events: Events, calls: Calls
) -> None:
    phone = await calls.phone("leg", hz=SPOKEN)
    async with calls.streaming(request(app.url, track="both_tracks"), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        for _ in range(10):
            frame: Media = await app.next(Media)
            assert frame.track == "inbound"
        calls.plane.set_idle_silence("leg", True)
        while frame.track == "inbound":
            frame = await app.next(Media)
        assert frame.chunk == 1
        assert not any(coder("PCMU", 8000).decode(frame.payload))


async def test_the_leg_is_closed_first(app: App, events: Events, calls: Calls) -> None:
    phone = await calls.phone("leg", hz=SPOKEN)
    async with calls.streaming(request(app.url), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        await app.next(Media)
        calls.plane.close_leg("leg")
        await send(await app.socket(), AppMedia(bytes(160)), AppMark("late"), AppClear())
        await app.next(Mark)
        await stream.stop()
    assert isinstance(events.outcomes[-1], StreamEnded)


async def test_a_second_stream_on_a_leg_fails_by_itself(app: App, calls: Calls) -> None:
    phone = await calls.phone("leg", hz=SPOKEN)
    first, second = Events(), Events()
    async with (
        calls.streaming(request(app.url), first) as one,
        calls.streaming(request(app.url, stream_id="another"), second) as two,
    ):
        await one.connect()
        calls.begin(one, "leg", phone)
        await two.connect()
        calls.begin(two, "leg", phone)
        assert "takes audio" in getattr(second.outcomes[-1], "detail", "")
        assert one.state == "streaming"


async def test_marks_stand_where_the_app_set_them_among_its_audio(
    app: App, events: Events, calls: Calls
) -> None:
    phone = await calls.phone("leg")
    async with calls.streaming(request(app.url), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        socket = await app.socket()
        step = coder("PCMU", 8000).encode(tone(600, 0.1, 8000))
        # All at once, so that each mark stands between audio that came in the same reading.
        await asyncio.gather(*[send(socket, AppMedia(step), AppMark(str(n))) for n in range(10)])
        heard = []
        for n in range(10):
            assert (await app.next(Mark)).name == str(n)
            heard.append(phone.heard_ms)
        assert all(ms > 100 * (n + 1) - 60 for n, ms in enumerate(heard)), "no mark before its audio"
        assert all(ms < 100 * (n + 1) + 200 for n, ms in enumerate(heard)), "nor long after"


async def test_every_number_is_given_once_and_in_order(app: App, events: Events, calls: Calls) -> None:
    phone = await calls.phone("leg", hz=SPOKEN)
    async with calls.streaming(request(app.url, track="both_tracks"), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        calls.plane.set_idle_silence("leg", True)
        socket = await app.socket()
        for n in range(20):
            stream.dtmf(str(n % 10), datetime.now(UTC))
            await send(socket, AppMark(str(n)), "nonsense")
            await app.next(Mark)
        await stream.stop()
        await app.closed.wait()
    numbers = [
        int(frame["sequence_number"]) for raw in app.raw if "sequence_number" in (frame := json.loads(raw))
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {json.loads(raw)["event"] for raw in app.raw} == {
        "connected", "start", "media", "dtmf", "mark", "error", "stop",
    }  # fmt: skip


async def test_an_app_that_reads_nothing_for_a_while_gets_the_newest(
    app: App, events: Events, calls: Calls
) -> None:
    phone = await calls.phone("leg", hz=SPOKEN)
    asked = request(app.url, codec="L16", track="both_tracks")
    async with calls.streaming(asked, events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        calls.plane.set_idle_silence("leg", True)
        socket = await app.socket()
        await app.next(Media)
        socket.transport.pause_reading()
        await calls.packets("leg", 700)
        socket.transport.resume_reading()
        received = [await app.next(Media)]
        while received[-1].timestamp_ms < 14_000:
            received.append(await app.next(Media))
        missing = [b.sequence - a.sequence - 1 for a, b in pairwise(received)]
        assert max(missing) > 25, "a hole where nobody read"
        assert sum(count > 0 for count in missing) <= 3, "and not a hole here and there"
        assert stream.state == "streaming"


async def test_an_app_that_says_more_and_leaves_at_once_has_left_by_itself(
    app: App, events: Events, calls: Calls
) -> None:
    phone = await calls.phone("leg")
    async with calls.streaming(request(app.url), events) as stream:
        await stream.connect()
        calls.begin(stream, "leg", phone)
        socket = await app.socket()
        await app.next(Start)
        await asyncio.gather(send(socket, AppMark("one"), AppMark("two")), socket.close())
        assert (await events.next(StreamEnded)).by == "app"
