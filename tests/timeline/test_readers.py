"""What is read from a timeline: rows for the API, ladder, spans, latencies, a summary."""

from datetime import timedelta

import msgspec
import pytest
from telnyx.types import CallEventListResponse

from ringline.store.events import Event
from ringline.timeline import entries as e
from ringline.timeline import readers
from ringline.timeline.log import merge
from ringline.timeline.readers import Quality
from tests.timeline.calls import ATTEMPTS, CALL, LEG, OTHER, PHONE, SESSION, START, entry, story

pytestmark = pytest.mark.unit
WHOLE = merge(CALL, ATTEMPTS)
EVENT = Event("event-2", "account", "call.answered", START, b'{"digit":"1"}', LEG, SESSION, 9)


def at(ms: float) -> object:
    return START + timedelta(milliseconds=ms)


def test_call_events_are_commands_and_attempts_in_order() -> None:
    rows = readers.call_events(WHOLE, {"event-2": EVENT})
    assert [(row.type, row.name) for row in rows] == [
        ("webhook", "call.initiated"),
        ("command", "answer"),
        ("webhook", "call.answered"),
        ("command", "playback_start"),
        ("webhook", "call.answered"),
    ]
    failed = rows[2]
    assert failed.event_timestamp == "2030-01-01T12:00:00.907000Z"
    assert (failed.call_leg_id, failed.call_session_id) == (LEG, SESSION)
    assert failed.metadata == {
        "attempt": 1,
        "delivered_to": "https://app.example/h",
        "event": {
            "record_type": "event",
            "event_type": "call.answered",
            "id": "event-2",
            "occurred_at": "2030-01-01T12:00:00.000000Z",
            "payload": {"digit": "1"},
        },
        "status": "failed",
        "http_status": 500,
        "error": "HTTP status 500",
    }
    assert rows[4].metadata["status"] == "delivered"
    assert rows[0].metadata["event"]["payload"] is None
    assert rows[1].metadata == {"command_id": "c-1", "body": {"client_state": "c3RhdGU="}}


def test_call_events_are_what_the_sdk_reads() -> None:
    for row in readers.call_events(WHOLE, {"event-2": EVENT}):
        CallEventListResponse.model_validate_json(msgspec.json.encode(row), strict=True)


def test_the_ladder_has_every_message_and_its_direction() -> None:
    rows = readers.ladder(WHOLE)
    assert [(row.offset_ms, row.direction, row.summary.split(" sip:")[0]) for row in rows] == [
        (0, "in", "INVITE"),
        (1, "out", "180 Ringing (INVITE)"),
        (901, "out", "200 OK (INVITE)"),
        (4000, "in", "BYE"),
    ]
    assert {row.peer for row in rows} == {PHONE}


def test_the_summary_says_who_ended_it_and_why() -> None:
    leg = readers.summary(WHOLE)
    assert (leg.ring_ms, leg.talk_ms) == (905, 3097)
    assert leg.who_ended == "The caller ended it: normal_clearing, SIP 200."
    assert (leg.codec, leg.remote) == ("PCMU", "192.0.2.7:40000")
    assert leg.quality == Quality(received=98, sent=100, lost=2, late=0, max_jitter_ms=4.0, skipped_ms=0)
    assert leg.quality.loss == pytest.approx(0.02)
    assert (leg.commands, leg.digits, leg.playouts, leg.webhooks, leg.webhooks_undelivered) == (2, 1, 1, 3, 1)


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (e.Ended("user_busy", "callee", "486"), "The callee ended it: user_busy, SIP 486."),
        (e.Ended("time_limit", "unknown", "unspecified"), "Neither party ended it: time_limit."),
        (None, "The call is still up, or its node died."),
    ],
)
def test_sentences_on_the_end(ended: e.Ended | None, sentence: str) -> None:
    events: list[tuple[float, e.AnyBody]] = [(0, e.StateChanged("dialling"))]
    if ended:
        events.append((10, ended))
    leg = readers.summary(story(*events))
    assert leg.who_ended == sentence
    assert leg.talk_ms is None
    assert leg.ring_ms == (10 if ended else None)


def test_no_entries_have_no_summary() -> None:
    with pytest.raises(ValueError, match="no entries"):
        readers.summary([])


def test_playouts_say_what_was_heard() -> None:
    (span,) = readers.playouts(WHOLE)
    assert (span.started_at, span.ended_at, span.played_ms, span.outcome) == (
        at(1020),
        at(2520),
        1500,
        "completed",
    )
    assert (span.id, span.label, span.overlay) == ("p1", "https://app.example/a.mp3", False)


def test_spans_open_and_close_by_their_names() -> None:
    (recording,) = readers.recordings(WHOLE)
    (stream,) = readers.streams(WHOLE)
    (bridge,) = readers.bridges(WHOLE)
    (spurt,) = readers.talk(WHOLE)
    assert (recording.id, recording.ended_at) == ("r1", at(4400))
    assert (stream.id, stream.ended_at, stream.outcome) == ("s1", at(4001), "server")
    assert (bridge.id, bridge.ended_at) == (OTHER, at(4002))
    assert (spurt.started_at, spurt.ended_at) == (at(1500), at(2100))


def test_spans_that_nobody_closed_stay_open() -> None:
    entries = story(
        (0, e.PlayoutStarted("a", overlay=True)),
        (1, e.PlayoutStarted("b")),
        (2, e.PlayoutEnded("b", 1, "stopped")),
        (3, e.PlayoutEnded("never began", 0, "failed")),
        (4, e.TalkSpurt(True)),
        (5, e.TalkSpurt(True)),
        (6, e.Bridged("x")),
    )
    first, second = readers.playouts(entries)
    assert (first.ended_at, first.overlay, first.label) == (None, True, "a")
    assert (second.ended_at, second.outcome) == (at(2), "stopped")
    assert [(span.started_at, span.ended_at) for span in readers.talk(entries)] == [(at(4), None)]
    assert readers.bridges(entries)[0].ended_at is None


def test_words_stand_where_they_were_said() -> None:
    (span,) = readers.transcriptions(WHOLE)
    assert (span.label, span.started_at, span.ended_at, span.outcome) == ("Google", at(2702), at(4001), "")
    (words,) = [one for one in WHOLE if isinstance(one.body, e.SpeechResult)]
    assert words.at == at(3100)
    assert readers.said(words) == (at(2100), at(2700))
    assert readers.said(WHOLE[0]) == (at(0), at(0))


def test_a_recognizer_that_broke_says_why() -> None:
    entries = story((0, e.TranscriptionStarted("a", "B")), (9, e.TranscriptionFailed("a", "no memory")))
    assert [(span.ended_at, span.outcome) for span in readers.transcriptions(entries)] == [
        (at(9), "no memory")
    ]


def test_talk_ends_with_the_leg() -> None:
    entries = story((0, e.TalkSpurt(True)), (9, e.Ended("x", "y", "200")))
    assert [span.ended_at for span in readers.talk(entries)] == [at(9)]


def test_webhook_latencies_are_from_the_event() -> None:
    initiated, answered, hangup = readers.webhooks(WHOLE)
    assert (initiated.state, initiated.first_sent_ms, initiated.delivered_ms) == ("delivered", 1.0, 13.0)
    assert (answered.state, answered.first_sent_ms, answered.delivered_ms) == ("delivered", 1.0, 1015.0)
    assert [one.status for one in answered.attempts] == [500, 200]
    assert (hangup.state, hangup.first_sent_ms, hangup.delivered_ms) == ("waiting", None, None)


def test_a_webhook_that_failed_is_failing() -> None:
    entries = [
        entry(1, 0, e.WebhookQueued("call.hangup", "x")),
        entry(0, 5, e.WebhookAttempted("call.hangup", "x", 1, "u", None, 2_000_000, "no answer")),
    ]
    (one,) = readers.webhooks(entries)
    assert (one.state, one.delivered_ms) == ("failing", None)


def test_a_leg_without_media_has_no_loss() -> None:
    assert readers.quality([]).loss == 0
    assert readers.stats(CALL)[1].lost == 2


def test_legs_are_told_apart() -> None:
    other = story((10, e.StateChanged("dialling")), leg=OTHER)
    assert {leg: len(own) for leg, own in readers.by_leg([*other, *CALL]).items()} == {
        OTHER: 1,
        LEG: len(CALL),
    }
