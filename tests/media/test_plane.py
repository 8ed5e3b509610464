"""The plane on real sockets, with each driver; judged by what the far ends hear."""

import asyncio
import time
from array import array
from collections.abc import AsyncIterator

import pytest

from ringline.core.clock import SystemClock, VirtualClock
from ringline.core.errors import ConfigError
from ringline.core.ids import Ids
from ringline.media import events
from ringline.media.core import COMPILED
from ringline.media.core.g711 import MU_LAW
from ringline.media.core.kinds import Codec
from ringline.media.plane import (
    LocalMedia,
    MediaBusy,
    MediaEvent,
    MediaPlane,
    NoFreePort,
    NoSuchLeg,
    RemoteMedia,
    UnknownCodec,
)
from tests.media.phone import Inbox, Phone, until
from tests.media.rig import power
from tests.media.signals import sine, snr

pytestmark = pytest.mark.system

DRIVERS = [
    pytest.param("native", marks=pytest.mark.skipif(not COMPILED, reason="needs compiled modules")),
    "asyncio",
]


class Site:
    """A plane, its events, and phones."""

    def __init__(self, plane: MediaPlane, inbox: Inbox) -> None:
        self.plane = plane
        self.inbox = inbox
        self.phones: list[Phone] = []

    def call(self, leg: str, codec: str = "PCMU", payload_type: int = 0) -> tuple[Phone, LocalMedia]:
        phone = Phone()
        self.phones.append(phone)
        local = self.plane.open_leg(leg)
        self.plane.set_remote(leg, phone.remote(codec, payload_type))
        return phone, local

    async def received(self, leg: str, packets: int) -> None:
        """Wait until so many packets of a leg have been taken in."""
        await until(lambda: self.plane.stats(leg).packets_received >= packets)


def make(driver: str, inbox: Inbox, ports: range = range(43000, 43200)) -> MediaPlane:
    return MediaPlane(
        clock=SystemClock(),
        ids=Ids.seeded(5),
        bind="127.0.0.1",
        ports=ports,
        driver=driver,  # type: ignore[arg-type]  # a parameter of the test
        on_event=inbox,
        capacity=32,
    )


@pytest.fixture(params=DRIVERS)
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    inbox = Inbox()
    plane = make(request.param, inbox)
    await plane.start()
    site = Site(plane, inbox)
    yield site
    await plane.stop()
    for phone in site.phones:
        phone.close()


async def test_a_playout_is_heard_and_reported(site: Site) -> None:
    phone, _ = site.call("a")
    pcm = sine(600, 1, 8000)
    feed = site.plane.play("a", "hello")
    assert feed.rate == 8000
    feed.write(pcm.tobytes())
    feed.end()
    ended = await site.inbox.next(events.PlayoutEnded)
    started = await site.inbox.next(events.PlayoutStarted)
    assert (ended.leg, ended.playout, ended.played_ms, ended.reason) == ("a", "hello", 1000, "completed")
    assert ended.at_ns - started.at_ns >= 900_000_000
    await phone.heard_packets(50)
    assert snr(pcm, phone.heard(), most_delay=400) > 30


async def test_a_long_playout_is_pushed_as_it_is_played(site: Site) -> None:
    phone, _ = site.call("a", "G722", 9)
    pcm = sine(500, 2.6, 16000).tobytes()
    feed = site.plane.play("a", "long")
    for at in range(0, len(pcm), 16384):
        assert await feed.ready()
        feed.write(pcm[at : at + 16384])
    feed.end()
    ended = await site.inbox.next(events.PlayoutEnded)
    assert ended.played_ms == 2600
    await phone.heard_packets(130)
    assert len(phone.gaps()) <= 1  # from the packet that opened the way
    assert power(phone.heard(Codec.G722)[800:40000], 500, 16000) == pytest.approx(10_000, rel=0.02)


async def test_playouts_wait_for_each_other_and_can_be_stopped(site: Site) -> None:
    site.call("a")
    first = site.plane.play("a", "first")
    second = site.plane.play("a", "second")
    third = site.plane.play("a", "third")
    for feed in (first, second, third):
        feed.write(sine(500, 0.4, 8000).tobytes())
    assert not second.write(b"\0\0")
    second.end()
    third.end()
    site.plane.stop_playout("a", "second")
    await site.inbox.next(events.PlayoutStarted)
    site.plane.stop_playout("a", "first")
    await site.inbox.count(events.PlayoutEnded, 3)
    ends = {end.playout: (end.reason, end.played_ms) for end in site.inbox.of(events.PlayoutEnded)}
    assert ends["second"] == ("stopped", 0)
    assert ends["third"] == ("completed", 400)
    assert ends["first"][0] == "stopped"
    assert ends["first"][1] <= 400
    assert not await first.ready()
    assert [start.playout for start in site.inbox.of(events.PlayoutStarted)] == ["first", "third"]


async def test_stop_all_leaves_the_other_channel_alone(site: Site) -> None:
    phone, _ = site.call("a")
    for name in ("one", "two"):
        feed = site.plane.play("a", name)
        feed.write(sine(500, 2, 8000).tobytes())
        feed.end()
    over = site.plane.play("a", "over", overlay=True)
    over.write(sine(900, 0.6, 8000).tobytes())
    over.end()
    await site.inbox.next(events.PlayoutStarted)
    site.plane.stop_all("a")
    await site.inbox.count(events.PlayoutEnded, 3)
    ends = {end.playout: (end.reason, end.played_ms) for end in site.inbox.of(events.PlayoutEnded)}
    assert ends["over"] == ("completed", 600)
    assert (ends["one"][0], ends["two"]) == ("stopped", ("stopped", 0))
    assert power(phone.heard()[1600:4000], 900) > 9000


async def test_a_bridge_carries_speech_both_ways(site: Site) -> None:
    (alice, to_a), (bob, to_b) = site.call("a"), site.call("b")
    site.plane.bridge("a", "b")
    pcm_a, pcm_b = sine(400, 1.2, 8000), sine(900, 1.2, 8000)
    await asyncio.gather(alice.say(to_a, pcm_a), bob.say(to_b, pcm_b))
    await alice.heard_packets(60)
    await bob.heard_packets(60)
    assert power(bob.heard()[2400:4800], 400) > 5000
    assert power(alice.heard()[2400:4800], 900) > 5000
    assert power(alice.heard()[2400:7200], 400) < 300
    site.plane.unbridge("a")
    before = len(bob.packets)
    await alice.say(to_a, pcm_a[:3200])
    assert len(bob.packets) <= before + 3
    await site.received("a", 80)
    stats = site.plane.stats("a")
    assert (stats.packets_received, stats.lost, stats.strangers) == (80, 0, 0)


async def test_codecs_of_a_bridge_may_differ(site: Site) -> None:
    (alice, to_a), (bob, _) = site.call("a"), site.call("b", "G722", 9)
    site.plane.bridge("a", "b")
    await alice.say(to_a, sine(1000, 1, 8000))
    await bob.heard_packets(50)
    assert {p.payload_type for p in bob.packets} == {9}
    assert power(bob.heard(Codec.G722)[4800:12800], 1000, 16000) > 8000


async def test_a_tap_hears_both_directions_in_its_own_codec(site: Site) -> None:
    phone, local = site.call("a")
    tap = site.plane.open_tap("a", "t", inbound=True, outbound=True, codec="L16", rate=16000)
    frames = []
    tap.set_wakeup(lambda: frames.extend(tap.drain()))
    feed = site.plane.play("a", "p")
    feed.write(sine(700, 1, 8000).tobytes())
    feed.end()
    await phone.say(local, sine(300, 1, 8000))
    await site.inbox.next(events.PlayoutEnded)
    tap.close()
    sound = {
        track: array("h", b"".join(f.payload for f in frames if f.track == track))
        for track in ("inbound", "outbound")
    }
    for pcm in sound.values():
        pcm.byteswap()
    assert power(sound["inbound"][8000:14000], 300, 16000) > 8000
    assert power(sound["outbound"][1600:14000], 700, 16000) == pytest.approx(10_000, rel=0.03)
    assert [f.sequence for f in frames] == list(range(1, len(frames) + 1))
    inbound = [f for f in frames if f.track == "inbound"]
    assert [f.chunk for f in inbound] == list(range(1, len(inbound) + 1))
    assert [f.timestamp_ms for f in inbound] == list(range(0, 20 * len(inbound), 20))
    assert tap.drain() == []


async def test_a_recording_has_both_sides_of_the_same_moment(site: Site) -> None:
    phone, local = site.call("a")
    recording = site.plane.record("a", "r", rate=8000)
    feed = site.plane.play("a", "p")
    feed.write(sine(700, 0.8, 8000).tobytes())
    feed.end()
    await phone.say(local, sine(300, 0.8, 8000))
    await site.inbox.next(events.PlayoutEnded)
    frames = recording.drain()
    assert [f.index for f in frames] == list(range(len(frames)))
    left = array("h", b"".join(f.inbound for f in frames))
    right = array("h", b"".join(f.outbound for f in frames))
    assert len(left) == len(right) == 160 * len(frames)
    assert power(left[2400:5600], 300) > 8000
    assert power(right[1600:5600], 700) == pytest.approx(10_000, rel=0.02)


async def test_stream_audio_is_heard_with_its_marks(site: Site) -> None:
    phone, _ = site.call("a")
    inject = site.plane.open_inject("a", "s", codec="PCMU", rate=8000, target="self")
    pcm = sine(640, 12, 8000)
    for at in range(0, len(pcm), 1600):
        assert inject.write(MU_LAW.encode(pcm[at : at + 1600]))
        if at == 1600:
            inject.mark("two")
    inject.mark("end")
    assert inject.backlog_ms > 11_000
    mark = await site.inbox.next(events.MarkReached)
    assert (mark.stream, mark.name) == ("s", "two")
    await phone.heard_packets(30)
    assert power(phone.heard()[400:4800], 640) == pytest.approx(10_000, rel=0.02)
    heard = inject.clear()
    cleared = await site.inbox.next(events.InjectCleared)
    assert cleared.heard_ms == pytest.approx(heard, abs=60)
    assert cleared.heard_ms + cleared.dropped_ms == 12_000
    assert [m.name for m in site.inbox.of(events.MarkReached)] == ["two", "end"]
    assert inject.backlog_ms == 0
    inject.mark("nothing waits")
    await site.inbox.count(events.MarkReached, 3)
    inject.write(MU_LAW.encode(pcm[:1600]))
    inject.mark("not owed")
    inject.close()
    again = site.plane.open_inject("a", "s2", codec="L16", rate=24000, target="opposite")
    again.mark("first of the next")
    await site.inbox.count(events.MarkReached, 4)
    assert [m.stream for m in site.inbox.of(events.MarkReached)] == ["s", "s", "s", "s2"]


async def test_digits_go_both_ways(site: Site) -> None:
    (_, to_a), (_, to_b) = site.call("a"), site.call("b")
    site.plane.set_remote("b", RemoteMedia(to_a.address, to_a.port, "PCMU", 0, dtmf_payload_type=101))
    site.plane.set_remote("a", RemoteMedia(to_b.address, to_b.port, "PCMU", 0, dtmf_payload_type=101))
    site.plane.detect_inband("b", True)
    site.plane.send_dtmf("a", "1w#", 100, "rfc4733")
    sent = await site.inbox.next(events.DtmfSent)
    assert sent.digits == "1w#"
    await site.inbox.count(events.DtmfReceived, 2)
    got = [(d.leg, d.digit, d.duration_ms, d.method) for d in site.inbox.of(events.DtmfReceived)]
    assert got == [("b", "1", 100, "rfc4733"), ("b", "#", 100, "rfc4733")]


async def test_digits_go_in_the_band_where_events_were_not_agreed(site: Site) -> None:
    phone, _ = site.call("a")
    site.plane.set_remote("a", RemoteMedia("127.0.0.1", phone.port, "PCMU", 0))
    site.plane.send_dtmf("a", "5", 200, "rfc4733")
    await site.inbox.next(events.DtmfSent)
    await phone.heard_packets(10)
    assert power(phone.heard()[:1600], 770) > 3000


async def test_a_tone_plays_until_another(site: Site) -> None:
    phone, _ = site.call("a")
    site.plane.tone("a", "us")
    site.plane.tone("a", "uk")
    site.plane.tone("a", "de")
    await phone.heard_packets(30)
    assert power(phone.heard()[2400:4800], 425) > 3000
    assert power(phone.heard()[2400:4800], 480) < 300
    site.plane.tone("a", "beep")
    await until(lambda: power(phone.heard()[-800:], 1000) > 3000)
    site.plane.tone("a", None)
    with pytest.raises(ValueError, match="no tone"):
        site.plane.tone("a", "atlantis")


async def test_closing_a_leg_ends_what_plays_and_gives_its_port_back(site: Site) -> None:
    phone, local = site.call("a")
    feed = site.plane.play("a", "p")
    feed.write(sine(500, 2, 8000).tobytes())
    waiting = site.plane.play("a", "q")
    tap = site.plane.open_tap("a", "t", inbound=True, outbound=False, codec="PCMU", rate=8000)
    await phone.say(local, sine(300, 0.2, 8000))
    await site.received("a", 10)
    site.plane.close_leg("a")
    site.plane.close_leg("a")
    closed = await site.inbox.next(events.LegClosed)
    assert closed.stats.packets_received == 10
    assert closed is site.inbox.all[-1]
    ends = {end.playout: end for end in site.inbox.of(events.PlayoutEnded)}
    assert ends["p"].reason == ends["q"].reason == "closed"
    assert 0 < ends["p"].played_ms < 2000
    assert not await feed.ready()
    assert not await waiting.ready()
    assert tap.drain() == []
    with pytest.raises(NoSuchLeg):
        site.plane.stats("a")
    ports = {site.plane.open_leg(str(n)).port for n in range(32)}
    assert len(ports) == 32
    with pytest.raises(NoFreePort):
        site.plane.open_leg("one more")


async def test_limits_and_mistakes_are_named(site: Site) -> None:
    site.call("a")
    with pytest.raises(ValueError, match="open already"):
        site.plane.open_leg("a")
    with pytest.raises(UnknownCodec, match="OPUS"):
        site.plane.set_remote("a", RemoteMedia("127.0.0.1", 4000, "OPUS", 111))
    with pytest.raises(ValueError, match="IPv4"):
        site.plane.set_remote("a", RemoteMedia("::1", 4000, "PCMU", 0))
    with pytest.raises(ValueError, match="port"):
        site.plane.set_remote("a", RemoteMedia("127.0.0.1", 0, "PCMU", 0))
    with pytest.raises(ValueError, match="digits"):
        site.plane.send_dtmf("a", "12x", 100, "rfc4733")
    with pytest.raises(UnknownCodec):
        site.plane.open_tap("a", "t", inbound=True, outbound=False, codec="OPUS", rate=16000)
    site.plane.open_inject("a", "s", codec="PCMU", rate=8000, target="self")
    with pytest.raises(MediaBusy):
        site.plane.open_inject("a", "s2", codec="PCMU", rate=8000, target="self")
    taps = [
        site.plane.open_tap("a", str(n), inbound=True, outbound=False, codec="PCMU", rate=8000)
        for n in range(4)
    ]
    with pytest.raises(MediaBusy):
        site.plane.record("a", "r", rate=8000)
    taps[2].close()
    async with asyncio.timeout(5):
        while True:
            try:
                site.plane.record("a", "r", rate=8000)
            except MediaBusy:
                await asyncio.sleep(0.01)
            else:
                break
    with pytest.raises(ValueError, match="itself"):
        site.plane.route("a", "a", 1.0)
    for n in range(17):
        site.plane.open_leg(f"speaker {n}")
    for n in range(16):
        site.plane.route("a", f"speaker {n}", 1.0)
    site.plane.route("a", "speaker 0", 0.5)
    with pytest.raises(MediaBusy, match="16"):
        site.plane.route("a", "speaker 16", 1.0)


async def test_a_handler_that_fails_stops_no_other_event() -> None:
    told: list[MediaEvent] = []

    def fail(event: MediaEvent) -> None:
        told.append(event)
        raise RuntimeError("a fault of the listener")

    plane = MediaPlane(
        clock=SystemClock(),
        ids=Ids.seeded(1),
        bind="127.0.0.1",
        ports=range(43300, 43304),
        driver="asyncio",
        on_event=fail,
        capacity=2,
    )
    await plane.start()
    plane.open_leg("a")
    plane.open_leg("b")
    await plane.stop()
    assert [type(event) for event in told] == [events.LegClosed, events.LegClosed]
    assert plane.failures == 2


async def test_without_a_free_port_no_leg_is_half_open() -> None:
    plane = make("asyncio", Inbox(), range(43400, 43402))
    await plane.start()
    plane.open_leg("a")
    with pytest.raises(NoFreePort):
        plane.open_leg("b")
    with pytest.raises(NoSuchLeg):
        plane.stats("b")
    await plane.stop()


async def test_health_tells_what_runs_and_what_went_wrong(site: Site) -> None:
    phone, local = site.call("a")
    site.plane.set_idle_silence("a", True)
    await phone.heard_packets(5)
    health = site.plane.health()
    assert health.engine == site.plane.engine_kind
    assert (health.legs, health.free_port_pairs) == (1, 99)
    assert (health.unsent, health.events_dropped, health.handler_failures) == (0, 0, 0)
    assert local.port % 2 == 0


async def test_a_plane_that_was_never_started_can_be_stopped() -> None:
    plane = make("asyncio", Inbox(), range(43600, 43602))
    plane.open_leg("a")
    await plane.stop()
    again = make("asyncio", Inbox(), range(43600, 43602))
    assert again.open_leg("a").port == 43600
    await again.stop()


async def test_auto_takes_the_native_thread_where_it_can() -> None:
    plane = make("auto", Inbox())
    assert plane.engine_kind == ("native/compiled" if COMPILED else "asyncio/interpreted")
    await plane.stop()


async def test_the_native_thread_needs_the_machines_clock() -> None:
    with pytest.raises(ConfigError, match="native"):
        MediaPlane(
            clock=VirtualClock(),
            ids=Ids.seeded(1),
            bind="127.0.0.1",
            ports=range(43500, 43502),
            driver="native",
            on_event=Inbox(),
        )


@pytest.mark.skipif(not COMPILED, reason="needs compiled modules")
async def test_python_blocked_for_100_ms_is_not_heard() -> None:
    inbox = Inbox()
    plane = make("native", inbox)
    await plane.start()
    site = Site(plane, inbox)
    (alice, to_a), (bob, _) = site.call("a"), site.call("b")
    plane.bridge("a", "b")
    feed = plane.play("a", "p")
    feed.write(sine(500, 3, 8000).tobytes())
    feed.end()

    async def block() -> None:
        while not inbox.of(events.PlayoutEnded):
            await asyncio.sleep(0.2)
            until = time.monotonic() + 0.1
            while time.monotonic() < until:
                sum(range(100))

    await block()
    await alice.heard_packets(150)
    assert alice.gaps() == []
    assert power(alice.heard()[400:23600], 500) == pytest.approx(10_000, rel=0.01)
    assert plane.stats("a").skipped_ms == 0
    assert bob.gaps() == []
    assert to_a.port
    await plane.stop()
    for phone in site.phones:
        phone.close()
