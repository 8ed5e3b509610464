"""The life of a stream without I/O: which effects follow which inputs, and that nothing else ever does."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ringline.core.clock import MILLISECOND, SECOND
from ringline.streams.formats import Audio
from ringline.streams.frames import AppClear, AppIgnored, AppMark, AppMedia, InvalidMedia
from ringline.streams.request import (
    StreamConnected,
    StreamEnded,
    StreamFailed,
    StreamFrameSeen,
    StreamLimits,
    StreamStarted,
)
from ringline.streams.session import (
    MAX_EARLY,
    MAX_MARKS,
    MOVES,
    ClearAudio,
    CloseMedia,
    Effect,
    Hangup,
    IllegalMove,
    Move,
    OpenMedia,
    PlaceMark,
    Play,
    PlayFile,
    Report,
    Send,
    SendNumbered,
    Session,
    State,
)
from ringline.streams.wire import serialize_app
from tests.streams.apps import STREAM, request

pytestmark = pytest.mark.unit

MOMENT = datetime(2030, 1, 2, tzinfo=UTC)


def session(limits: StreamLimits | None = None, **members: Any) -> Session:
    return Session(request("ws://app", **members), limits or StreamLimits())


def streaming(**members: Any) -> Session:
    made = session(**members)
    made.connect()
    made.opened()
    made.begin("PCMU", 8000, None)
    return made


def wire(effects: list[Effect]) -> list[dict[str, Any]]:
    """The frames that are sent; the number of each that has one is 77."""
    return [
        json.loads(effect.message if isinstance(effect, Send) else effect.head + b"77" + effect.tail)
        for effect in effects
        if isinstance(effect, Send | SendNumbered)
    ]


def without_timeline(effects: list[Effect]) -> list[Effect]:
    return [e for e in effects if not (isinstance(e, Report) and isinstance(e.event, StreamFrameSeen))]


def hear(made: Session, frame: Any, now_ns: int = 0, backlog_ms: float = 0) -> list[Effect]:
    message = frame if isinstance(frame, bytes) else serialize_app(frame)
    return made.received(message, now_ns, backlog_ms)


def errors(effects: list[Effect]) -> list[int]:
    return [frame["payload"]["code"] for frame in wire(effects) if frame["event"] == "error"]


def test_the_usual_order() -> None:
    made = session(track="both_tracks")
    made.connect()
    connected = made.opened()
    assert [frame["event"] for frame in wire(connected)] == ["connected"]
    assert connected[-1] == Report(StreamConnected(STREAM))

    begun = made.begin("PCMU", 8000, "c3RhdGU=")
    assert begun[0] == Report(StreamStarted(STREAM)), "the webhook goes before the frame (§1)"
    assert wire(begun)[0]["start"]["client_state"] == "c3RhdGU="
    assert begun[-1] == OpenMedia(Audio("PCMU", 8000), Audio("PCMU", 8000))

    stopped = made.stop()
    assert wire(stopped) == [
        {
            "event": "stop",
            "sequence_number": "77",
            "stream_id": STREAM,
            "stop": {
                "user_id": "3e6f995f-85f7-4705-9741-53b116d28237",
                "call_control_id": "v3:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
            },
        }
    ]
    kinds = [type(effect) for effect in without_timeline(stopped)]
    assert kinds == [CloseMedia, SendNumbered, Hangup, Report]
    assert stopped[-1] == Report(StreamEnded(STREAM, "server"))
    assert made.closed(1000, "") == []
    assert made.state is State.ENDED


def test_errors_carry_no_sequence_number() -> None:
    made = streaming()
    [error] = wire(hear(made, b"nonsense"))
    assert set(error) == {"event", "stream_id", "payload"}
    assert wire(made.dtmf("1", MOMENT))[0]["sequence_number"] == "77"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"nonsense", 100003),
        (b'{"event":"media"}', 100003),
        (b'{"event":"media","media":{"payload":"*"}}', 100004),
        (b'{"event":"mark","mark":{}}', 100003),
    ],
)
def test_a_mistake_is_answered_and_the_stream_stays(message: bytes, code: int) -> None:
    made = streaming()
    assert errors(hear(made, message)) == [code]
    assert hear(made, AppMedia(b"x")) == [Play(b"x")]


def test_binary_is_100003() -> None:
    assert errors(streaming().received_binary(0)) == [100003]


def test_a_flood_of_mistakes_is_answered_in_part() -> None:
    made = streaming()
    answered = sum(len(errors(hear(made, b"x", now_ns=i * MILLISECOND))) for i in range(1000))
    assert 20 <= answered <= 30


def test_a_codec_that_cannot_be_read_is_told_with_each_payload() -> None:
    made = session(bidirectional_codec="OPUS", bidirectional_rate=16000)
    made.connect()
    made.opened()
    begun = made.begin("PCMU", 8000, None)
    assert begun[-1] == OpenMedia(Audio("PCMU", 8000), None)
    assert errors(hear(made, AppMedia(b"opus"))) == [100004]


def test_the_buffer_has_an_end() -> None:
    made = streaming(limits=StreamLimits(buffer=10))
    second = AppMedia(bytes(8000))
    assert hear(made, second, backlog_ms=9000) == [Play(bytes(8000))]
    assert errors(hear(made, second, backlog_ms=9001)) == [100005]
    assert errors(hear(made, AppMedia(bytes(80_001)))) == [100005]


def test_one_file_a_second() -> None:
    made = streaming(bidirectional_mode="mp3")
    assert hear(made, AppMedia(b"one"), now_ns=0) == [PlayFile(b"one")]
    assert errors(hear(made, AppMedia(b"two"), now_ns=SECOND // 2)) == [100005]
    assert hear(made, AppMedia(b"three"), now_ns=SECOND) == [PlayFile(b"three")]
    assert errors(hear(made, AppMedia(b"four"), now_ns=2 * SECOND, backlog_ms=600_001)) == [100005]


def test_nothing_in_a_payload_is_nothing_to_play() -> None:
    assert hear(streaming(), AppMedia(b"")) == []
    assert hear(streaming(bidirectional_mode="mp3"), AppMedia(b"")) == []


def test_marks_come_back_in_order_even_if_the_plane_skips_one() -> None:
    made = streaming()
    serials = [
        effect.serial
        for name in ("a", "b", "a", "c")
        for effect in hear(made, AppMark(name))
        if isinstance(effect, PlaceMark)
    ]
    assert serials == [1, 2, 3, 4]
    assert [frame["mark"]["name"] for frame in wire(made.mark_reached(3))] == ["a", "b", "a"]
    assert made.mark_reached(2) == []
    assert [frame["mark"]["name"] for frame in wire(made.mark_reached(4))] == ["c"]


def test_clear_echoes_what_is_owed_after_the_audio_is_gone() -> None:
    made = streaming()
    hear(made, AppMark("a"))
    hear(made, AppMark("b"))
    effects = without_timeline(hear(made, AppClear()))
    assert effects[0] == ClearAudio()
    assert [frame["mark"]["name"] for frame in wire(effects)] == ["a", "b"]
    assert wire(hear(made, AppClear())) == []


def test_marks_owed_have_a_limit() -> None:
    made = streaming()
    for _ in range(MAX_MARKS):
        hear(made, AppMark("m"))
    assert errors(hear(made, AppMark("m"))) == [100005]


def test_no_marks_are_owed_after_stop() -> None:
    made = streaming()
    hear(made, AppMark("a"))
    made.stop()
    assert made.mark_reached(1) == []
    assert hear(made, AppMark("b")) == []
    assert made.dtmf("1", MOMENT) == []


def test_what_an_app_says_early_is_played_when_the_call_is_answered() -> None:
    made = session()
    made.connect()
    assert hear(made, AppMedia(b"greeting")) == []
    made.opened()
    assert made.received_binary(0) == []
    assert hear(made, AppMark("said")) == []
    begun = made.begin("PCMU", 8000, None)
    opened = next(i for i, effect in enumerate(begun) if isinstance(effect, OpenMedia))
    played = [effect for effect in without_timeline(begun[opened + 1 :]) if not isinstance(effect, Send)]
    assert played == [Play(b"greeting"), PlaceMark(1)]
    assert errors(begun) == [100003]


def test_early_words_have_a_limit() -> None:
    made = session(limits=StreamLimits(early_bytes=1000))
    made.connect()
    made.opened()
    assert hear(made, AppMedia(bytes(600))) == []
    assert errors(hear(made, AppMedia(bytes(600)))) == [100005]
    assert Play(bytes(600)) in made.begin("PCMU", 8000, None)


def test_early_messages_have_a_limit_however_short() -> None:
    made = session()
    made.connect()
    made.opened()
    for _ in range(MAX_EARLY):
        assert made.received_binary(0) == []
    assert errors(made.received_binary(0)) == [100005]


def test_frames_that_only_we_may_send_are_noted_and_ignored() -> None:
    assert hear(streaming(), AppIgnored("stop")) == [Report(StreamFrameSeen(STREAM, "in", "stop"))]


@pytest.mark.parametrize("code", [1000, 1001, 1005])
@pytest.mark.parametrize("begun", [True, False])
def test_an_app_that_takes_its_leave(code: int, begun: bool) -> None:
    made = session()
    made.connect()
    made.opened()
    if begun:
        made.begin("PCMU", 8000, None)
    assert made.closed(code, "bye") == [CloseMedia(), Report(StreamEnded(STREAM, "app"))]
    assert made.stop() == []
    assert made.begin("PCMU", 8000, None) == []


@pytest.mark.parametrize("code", [None, 1006, 1011, 4000])
def test_an_app_that_breaks_away(code: int | None) -> None:
    made = streaming()
    assert made.closed(code, "why") == [
        CloseMedia(),
        Report(StreamFailed(STREAM, "connection_lost", "why")),
    ]
    assert made.closed(code, "again") == []


def test_never_connected() -> None:
    made = session()
    made.connect()
    assert made.refused("no") == [Report(StreamFailed(STREAM, "connection_failed", "no"))]
    assert made.begin("PCMU", 8000, None) == []


@pytest.mark.parametrize("connecting", [True, False])
def test_stopped_before_it_was_connected(connecting: bool) -> None:
    made = session()
    if connecting:
        made.connect()
    assert made.stop() == [Report(StreamEnded(STREAM, "server"))]


def test_when_we_cannot_go_on() -> None:
    made = streaming()
    effects = without_timeline(made.fail("the leg is gone"))
    assert [type(effect) for effect in effects] == [CloseMedia, Send, Hangup, Report]
    assert errors(effects) == [100002]
    assert effects[-1] == Report(StreamFailed(STREAM, "connection_failed", "the leg is gone"))
    assert made.stop() == made.closed(1011, "") == []


def test_stopped_before_the_call_was_answered_there_is_no_stop_frame() -> None:
    made = session()
    made.connect()
    made.opened()
    assert made.stop() == [Hangup(1000), Report(StreamEnded(STREAM, "server"))]


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (State.IDLE, "begin"),
        (State.CONNECTING, "begin"),
        (State.STREAMING, "begin"),
        (State.CONNECTED, "opened"),
    ],
)
def test_an_illegal_move_has_a_name(state: State, move: str) -> None:
    made = session()
    steps = [State.IDLE, State.CONNECTING, State.CONNECTED, State.STREAMING].index(state)
    if steps >= 1:
        made.connect()
    if steps >= 2:
        made.opened()
    if steps >= 3:
        made.begin("PCMU", 8000, None)
    with pytest.raises(IllegalMove, match=str(state)):
        made.begin("PCMU", 8000, None) if move == "begin" else made.opened()
    assert made.state is state


def test_no_secret_and_no_digit_reaches_the_timeline() -> None:
    made = session(auth_token="s3cret")
    made.connect()
    effects = [*made.opened(), *made.begin("PCMU", 8000, None), *made.dtmf("7", MOMENT)]
    seen = [e.event for e in effects if isinstance(e, Report) and isinstance(e.event, StreamFrameSeen)]
    assert [event.event for event in seen] == ["connected", "start", "dtmf"]
    assert not any("s3cret" in repr(event) or "7" in event.detail for event in seen)
    assert "s3cret" not in repr(request("ws://x", auth_token="s3cret"))


app_messages = st.one_of(
    st.builds(AppMedia, st.binary(max_size=50)).map(serialize_app),
    st.builds(AppMark, st.sampled_from(["a", "b"])).map(serialize_app),
    st.just(serialize_app(AppClear())),
    st.sampled_from([b"", b"{}", b'{"event":"media"}', b'{"event":"start"}']),
)


class AnyLife(RuleBasedStateMachine):
    """Any inputs in any order leave a legal state, frames in order, and silence after the end."""

    def __init__(self) -> None:
        super().__init__()
        self.made = session()
        self.now = 0
        self.numbered = 0
        self.owed: list[str] = []
        self.early: list[str] = []
        self.events: list[object] = []

    def take(self, effects: list[Effect]) -> None:
        assert not effects or not self.over_before, "nothing follows the end"
        for frame in wire(effects):
            if "sequence_number" in frame:
                self.numbered += 1
                assert (frame["event"] == "start") == (self.numbered == 1)
            if frame["event"] == "mark":
                assert frame["mark"]["name"] == self.owed.pop(0)
        self.events += [
            effect.event
            for effect in effects
            if isinstance(effect, Report) and not isinstance(effect.event, StreamFrameSeen)
        ]

    @property
    def over_before(self) -> bool:
        return any(isinstance(event, StreamEnded | StreamFailed) for event in self.events)

    def attempt(self, move: Move, act: Any) -> None:
        legal = (self.made.state, move) in MOVES
        late = self.made.state in (State.STOPPING, State.ENDED)
        try:
            effects = act()
        except IllegalMove:
            assert not legal
        else:
            assert legal or late
            self.take(effects or [])

    @initialize(steps=st.integers(0, 3))
    def start(self, steps: int) -> None:
        for step in [self.connect, self.opened, self.begin][:steps]:
            step()

    @rule()
    def connect(self) -> None:
        self.attempt(Move.CONNECT, self.made.connect)

    @rule()
    def opened(self) -> None:
        self.attempt(Move.OPEN, self.made.opened)

    @rule()
    def refused(self) -> None:
        self.attempt(Move.REFUSE, lambda: self.made.refused("no"))

    @rule()
    def begin(self) -> None:
        if self.made.state is State.CONNECTED:
            self.owed, self.early = self.early, []  # what was kept for this moment may hold marks
        self.attempt(Move.BEGIN, lambda: self.made.begin("PCMU", 8000, None))

    @rule(message=app_messages, backlog=st.floats(0, 700_000))
    def message(self, message: bytes, backlog: float) -> None:
        self.now += 300 * MILLISECOND
        state = self.made.state
        if b'"mark"' in message:
            name = json.loads(message)["mark"]["name"]
            if state is State.STREAMING:
                self.owed.append(name)
            elif state in (State.CONNECTING, State.CONNECTED):
                self.early.append(name)
        self.take(self.made.received(message, self.now, backlog))

    @rule(serial=st.integers(0, 10))
    def mark_reached(self, serial: int) -> None:
        self.take(self.made.mark_reached(serial))

    @rule()
    def dtmf(self) -> None:
        self.take(self.made.dtmf("1", MOMENT))

    @rule()
    def reject(self) -> None:
        self.take(self.made.reject(InvalidMedia("no"), self.now))

    @rule()
    def fail(self) -> None:
        if self.made.state is State.STREAMING:
            self.take(self.made.fail("no"))
        else:
            with pytest.raises(IllegalMove):
                self.made.fail("no")

    @rule()
    def stop(self) -> None:
        self.take(self.made.stop())

    @rule(code=st.sampled_from([None, 1000, 1011]))
    def closed(self, code: int | None) -> None:
        self.attempt(Move.CLOSE, lambda: self.made.closed(code, ""))

    @invariant()
    def ends_once(self) -> None:
        ends = [event for event in self.events if isinstance(event, StreamEnded | StreamFailed)]
        assert len(ends) <= 1
        assert bool(ends) == (self.made.state in (State.STOPPING, State.ENDED))


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
