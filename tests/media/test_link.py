"""An app's WebSocket in the media thread: what passes without Python, what does not, and in which order."""

import base64
import json
import struct
from array import array
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.core.coder import Coder
from ringline.media.core.inlet import Inlet, Scratch
from ringline.media.core.kinds import Codec, Command, Event, Packet
from ringline.media.core.link import Link, unit
from ringline.media.core.message import Writer
from ringline.media.core.resample import Resampler
from ringline.streams.frames import AppMark, AppMedia, Mark
from ringline.streams.wire import media_frame, parts, serialize_app
from tests.media.rig import Rig

pytestmark = pytest.mark.unit

TEXT, BINARY, MORE, CLOSE, PING = 1, 2, 0, 8, 9
STREAM = "32de0dea-53cb-4b21-89a4-9e1819c043bc"
MOST = 32_000  # samples that may wait


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True, size: int | None = None) -> bytes:
    """An app's frame (RFC 6455 §5.2); `size` of the length's field, the shortest if None."""
    first = opcode | (0x80 if final else 0)
    field = size if size is not None else 0 if len(payload) < 126 else 2 if len(payload) < 65536 else 8
    if field == 0:
        return bytes([first, len(payload)]) + payload
    if field == 2:
        return struct.pack(">BBH", first, 126, len(payload)) + payload
    return struct.pack(">BBQ", first, 127, len(payload)) + payload


def media(value: int, samples: int = 160) -> bytes:
    """A media message of that many equal octets of PCMU."""
    return frame(serialize_app(AppMedia(bytes([value]) * samples)))


def messages(data: bytes) -> list[bytes]:
    """What a server reads: the messages of whole masked text frames, and nothing else may be there."""
    found = []
    while data:
        first, short = data[0], data[1]
        assert first == 0x81
        assert short & 0x80, "a client masks (RFC 6455 §5.1)"
        size, at = short & 127, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4]), 4
            assert size > 125, "the shortest form (§5.2)"
        elif size == 127:
            size, at = int.from_bytes(data[2:10]), 10
            assert size > 65535
        mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
        assert len(body) == size
        found.append(bytes(octet ^ mask[i & 3] for i, octet in enumerate(body)))
        data = data[at + 4 + size :]
    return found


class Line:
    """A leg with a tap and a queue, and a link that may carry them."""

    def __init__(self, *, bound: bool = True, inlet: bool = True, slots: int = 64) -> None:
        self.rig = Rig()
        self.leg = self.rig.legs[0]
        self.link: Link = self.rig.engine.add_link(0)
        self._random = count()
        self.rig.command(Command.LINK_OPEN, 0)
        if bound:
            self.bind(inlet=inlet, slots=slots)
        self.run()

    def bind(self, *, inlet: bool = True, slots: int = 64) -> None:
        self.tap = self.leg.tap(0)
        self.tap.prepare(Codec.PCMU, 8000, inbound=True, outbound=False, pairs=False, slots=slots)
        self.leg.inject.attach(8000)
        coder = Coder()
        coder.choose(Codec.PCMU)
        way = Inlet(self.leg.inject, coder, Resampler(8000, 8000), Scratch()) if inlet else None
        self.link.give(self.tap, Writer(STREAM.encode(), 400), way, MOST)
        self.rig.command(Command.TAP, 0, 0, 1)
        self.rig.command(Command.LINK_BIND, 0, 0)
        self.run()
        if inlet:
            assert self.told(), "what was read before is Python's"
            self.resume()

    def run(self, ms: float = 0) -> None:
        """Let the engine carry out commands, and `ms` pass."""
        # Before any packet, commands are in force; there is no leg in this slot.
        self.rig.engine.receive(1, Packet.RTP, b"-", 0, self.rig.now_ns)
        if ms:
            self.rig.run(self.rig.now_ns / 1e6 + ms)
        while (record := self.rig.engine.events.get()) is not None:
            self.rig.events.append(record)

    def told(self) -> bool:
        """Whether Python has been called since the last time."""
        self.run()
        told = [event for event in self.rig.events if event[0] == Event.LINK]
        self.rig.events.clear()
        return bool(told)

    def resume(self, *, listen: bool = True, fence: int | None = None) -> None:
        self.link.signalled = 0
        self.rig.command(Command.LINK_RESUME, 0, self.link.fence if fence is None else fence, listen)
        self.run()
        self.link.feed(b"")

    def feed(self, data: bytes) -> bytes:
        """The app sends; returns what reaches Python, which lifts no fence."""
        got = b""
        while data:
            taken = self.link.feed(data)
            data = data[taken:]
            passed = self.link.up.take()
            got += passed
            if not taken and not passed:
                break
        return got

    @property
    def queued(self) -> int:
        return self.leg.inject.queued()

    def fetch(self, most: int = 1 << 20) -> bytes:
        """What the network takes, with other masks each time."""
        random = b"".join(struct.pack(">I", 0x9E3779B1 * next(self._random) & 0xFFFFFFFF) for _ in range(64))
        return self.link.fetch(random, most)

    def say(self, message: bytes, number_at: int | None = None) -> None:
        data = unit(message, number_at)
        assert self.link.down.put(data) == len(data)


def test_what_is_not_bound_goes_up_as_it_came() -> None:
    line = Line(bound=False)
    sent = media(1) + frame(b"?", PING) + frame(b"x" * 70_000)
    assert line.feed(sent) == sent
    assert line.told()


def test_audio_of_the_usual_shape_goes_into_the_leg() -> None:
    line = Line()
    assert (
        line.feed(media(1) + media(2, 80) + frame(b'{"event": "media", "media": {"payload": "AAAA"}}')) == b""
    )
    assert line.queued == 160 + 80 + 3
    assert not line.told(), "Python has nothing to do with it"


def test_a_frame_that_comes_in_pieces_is_taken_when_it_is_whole() -> None:
    line = Line()
    whole = media(7)
    for at in range(len(whole)):
        assert line.queued == 0
        line.feed(whole[at : at + 1])
    assert line.queued == 160
    assert line.link.up.take() == b""


UNUSUAL = {
    "mark": frame(serialize_app(AppMark("m"))),
    "ping": frame(b"?", PING),
    "binary": frame(b"\1\2", BINARY),
    "close": frame(b"\x03\xe8", CLOSE),
    "not base64": frame(b'{"event":"media","media":{"payload":"AAA"}}'),
    "empty": frame(b""),
    "another shape": frame(b'{"media":{"payload":"AAAA"},"event":"media"}'),
    "longer than needed": frame(serialize_app(AppMedia(b"abc")), size=8),
    "masked": b"\x81\x85\0\0\0\0hello",
    "reserved bits": b"\xc1" + media(1)[1:],
    "more than may wait": frame(serialize_app(AppMedia(bytes(3000))) * 3),
    "huge": frame(serialize_app(AppMedia(bytes(60_000)))),
    "fragment": frame(b'{"event":"media",', final=False),
}


@pytest.mark.parametrize("other", UNUSUAL.values(), ids=UNUSUAL)
def test_everything_else_is_pythons_and_nothing_passes_it(other: bytes) -> None:
    line = Line()
    assert line.feed(media(1) + other + media(2)) == other
    assert line.told()
    assert line.queued == 160, "the audio behind it waits"
    if other[0] & 0x0F == TEXT and not other[0] & 0x80:
        line.resume()
        assert line.link.up.take() == media(2), (
            "within a message of several frames, none is a message by itself"
        )
        return
    line.resume()
    assert line.queued == 320
    assert line.link.up.take() == b""


def test_a_frame_after_a_whole_fragmented_message_is_audio_again() -> None:
    line = Line()
    pieces = [frame(b"a", final=False), frame(b"?", PING), frame(b"b", MORE)]
    for piece in pieces:
        assert line.feed(piece) == piece
        line.resume()
    assert line.feed(media(1)) == b""
    assert line.queued == 160


def test_an_old_fence_cannot_be_lifted() -> None:
    line = Line()
    line.feed(UNUSUAL["mark"])
    old = line.link.fence
    line.resume()
    line.feed(UNUSUAL["mark"] + media(1))
    line.resume(fence=old)
    assert line.queued == 0
    line.resume()
    assert line.queued == 160


def test_while_python_holds_samples_all_is_its_own() -> None:
    line = Line()
    line.feed(UNUSUAL["mark"])
    line.resume(listen=False)
    sent = media(1) + UNUSUAL["mark"] + media(2)
    assert line.feed(sent) == sent, "and no fence holds it up"
    line.rig.command(Command.LINK_LISTEN, 0)
    line.run()
    assert line.feed(media(3)) == b""
    assert line.queued == 0, "until Python has dealt with what it has"
    line.resume()
    assert line.queued == 160


def test_more_than_may_wait_is_pythons_to_refuse() -> None:
    line = Line()
    for _ in range(MOST // 160):
        assert line.feed(media(1)) == b""
    assert line.feed(media(2)) == media(2)
    assert line.queued == MOST


def test_without_an_inlet_all_goes_up_and_nothing_waits() -> None:
    line = Line(inlet=False)
    sent = (media(1) + UNUSUAL["mark"]) * 3
    assert line.feed(sent) == sent


def test_after_the_release_all_goes_up() -> None:
    line = Line()
    line.feed(UNUSUAL["mark"] + media(1))
    line.rig.command(Command.LINK_RELEASE, 0, 0)
    line.run(40)
    line.link.feed(b"")
    assert line.link.up.take() == media(1)
    assert line.queued == 0
    assert line.fetch() == b"", "no audio either"


@pytest.mark.parametrize(
    "rest", [b"", UNUSUAL["close"], media(1)[:50]], ids=["nothing", "close", "half a frame"]
)
def test_the_end_is_told_behind_what_came_before(rest: bytes) -> None:
    line = Line()
    assert line.feed(UNUSUAL["mark"] + rest) == UNUSUAL["mark"]
    line.link.finish()
    assert not line.link.ended, "the fence stands before it"
    line.resume()
    if rest == UNUSUAL["close"]:
        assert line.link.up.take() == rest
        assert not line.link.ended
        line.resume()
    assert line.link.ended
    assert line.told()


def test_python_is_told_once_there_is_room_for_it() -> None:
    line = Line()
    events = line.rig.engine.events
    while events.put(Event.TALK, 1):
        pass
    assert line.feed(UNUSUAL["mark"]) == UNUSUAL["mark"]
    assert not line.told()
    line.feed(b"")
    assert not line.told(), "nothing was read"
    line.link.feed(b"")
    assert line.told()


def test_what_python_is_slow_to_take_waits_in_the_network() -> None:
    line = Line(bound=False)
    sent = frame(bytes(range(256)) * 400)
    taken = line.link.feed(sent)
    while more := line.link.feed(sent[taken:]):
        taken += more
    assert taken < len(sent)
    assert line.link.choked
    got = b""
    while len(got) < len(sent):
        got += line.link.up.take()
        line.link.feed(b"")
        taken += line.link.feed(sent[taken:])
    assert got == sent


def test_frames_of_the_tap_leave_as_messages() -> None:
    line = Line()
    line.run(60)
    sent = messages(line.fetch())
    silence = b"\xff" * 160
    assert sent == [
        media_frame(STREAM, chunk, "inbound", chunk, 20 * chunk - 20, silence)
        for chunk in range(1, len(sent) + 1)
    ]
    assert len(sent) >= 3


def test_every_message_has_the_number_of_its_place() -> None:
    line = Line()
    head, tail = parts(Mark(STREAM, 0, "m"))
    line.run(40)
    line.say(head + tail, len(head))
    first = messages(line.fetch())
    line.run(40)
    line.say(head + tail, len(head))
    line.say(head + tail, len(head))
    second = messages(line.fetch())
    numbers = [int(json.loads(message)["sequence_number"]) for message in first + second]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [json.loads(message)["event"] for message in second[:2]] == ["mark", "mark"], "Python's come first"
    assert b'"name":"m"' in first[0]


def test_octets_go_as_they_are() -> None:
    line = Line(bound=False)
    line.say(b"GET / HTTP/1.1\r\n\r\n")
    assert line.fetch() == b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("size", [0, 1, 100, 107, 108, 126, 5000, 65_518, 65_519, 90_000])
def test_a_message_of_any_size_is_framed_and_numbered(size: int) -> None:
    line = Line()
    line.run(40)
    head, tail = b'{"number":"', b'","text":"' + b"x" * size + b'"}'
    rest, sent = unit(head + tail, len(head)), b""
    while rest:
        rest = rest[line.link.down.put(rest) :]
        sent += line.fetch()
    sent += line.fetch()
    found = messages(sent)
    assert found.count(head + b"1" + tail) == 1 or head + b"4" + tail in found
    assert all(json.loads(message) for message in found), "no audio within it"


def test_an_app_that_reads_slowly_gets_the_newest_and_sees_the_hole() -> None:
    line = Line(slots=128)
    line.run(20)
    assert line.fetch(10)
    line.run(2000)
    assert line.fetch(0) == b""
    line.run(20)
    sent = b""
    while part := line.fetch():
        sent += part
    assert sent
    line.run(20)
    (after,) = [json.loads(message) for message in messages(line.fetch())][-1:]
    assert int(after["sequence_number"]) == int(after["media"]["chunk"])
    assert int(after["media"]["chunk"]) > 100


def test_no_mask_is_used_twice_and_none_is_made_up() -> None:
    line = Line()
    masks = set()
    for _ in range(40):
        line.run(20)
        data = line.fetch()
        masks.add(data[4:8])
    assert len(masks) == 40


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(0, 255).map(media),
            st.sampled_from([one for name, one in UNUSUAL.items() if name not in ("fragment", "huge")]),
            st.binary(max_size=300).map(frame),
            st.binary(max_size=20).map(lambda text: frame(text, final=False) + frame(text, MORE)),
        ),
        max_size=12,
    ),
    st.lists(st.integers(1, 700), min_size=1),
)
def test_however_it_is_cut_each_frame_goes_one_way_and_in_order(sent: list[bytes], cuts: list[int]) -> None:
    line = Line()
    data, got, at, cut = b"".join(sent), b"", 0, 0
    while at < len(data):
        end = at + cuts[cut % len(cuts)]
        cut += 1
        chunk = data[at:end]
        while chunk:
            taken = line.link.feed(chunk)
            chunk = chunk[taken:]
            got += line.link.up.take()
            if line.link.fence:
                line.resume()
        at = end
        got += line.link.up.take()
    while line.link.fence:
        line.resume()
        got += line.link.up.take()
    usual = [one for one in sent if len(one) == len(media(0)) and one.startswith(media(0)[:30])]
    others = [one for one in sent if one not in usual]
    assert got == b"".join(others)
    assert line.queued == 160 * len(usual)
    heard = array("h")
    while line.queued:
        heard += line.leg.inject.pull(160, 0)
    coder = Coder()
    coder.choose(Codec.PCMU)
    said = [base64.b64decode(json.loads(one[4:])["media"]["payload"]) for one in usual]
    assert heard == coder.decode(b"".join(said))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_octets_of_any_kind_do_no_harm(data: bytes, bound: bool) -> None:
    line = Line(bound=bound)
    got = line.feed(data)
    assert data.startswith(got) or line.queued
