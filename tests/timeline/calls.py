"""A call for tests to look at: an inbound leg, answered, played to, bridged, hung up."""

from datetime import UTC, datetime, timedelta

from ringline.timeline import entries as e
from ringline.timeline.entries import AnyBody, Entry

START = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
LEG, SESSION = "f91269aa-61d1-417f-97b3-10e020e8bc47", "428c31b6-7af4-4bcb-b7f5-5013ef9657c1"
OTHER = "aaaaaaaa-61d1-417f-97b3-10e020e8bc47"
PHONE = "192.0.2.7:5062"
RAW = (
    "INVITE sip:+13125550199@pbx.example SIP/2.0\r\n"
    "From: Ann <sip:+13125550100@pbx.example>;tag=1\r\n"
    "To: <sip:+13125550199@pbx.example>\r\n"
    "P-Asserted-Identity: <tel:+13125550100>\r\n"
    'Authorization: Digest username="ann"\r\n'
    "Call-ID: 77@phone\r\n\r\n"
)


def entry(seq: int, ms: float, body: AnyBody, leg: str = LEG) -> Entry:
    return Entry(seq, int(ms * 1e6), START + timedelta(milliseconds=ms), leg, SESSION, body)


def story(*events: tuple[float, AnyBody], leg: str = LEG) -> list[Entry]:
    return [entry(seq, ms, body, leg) for seq, (ms, body) in enumerate(events, 1)]


def stats(second: int, *, received: int = 50, lost: int = 0, jitter_us: int = 900) -> e.StatsRow:
    return e.StatsRow(second * 10**9, received, lost, 0, jitter_us, 50, 0)


CALL = story(
    (0, e.SipMessage("in", "INVITE sip:+13125550199@pbx.example", PHONE, RAW)),
    (0.4, e.StateChanged("parked")),
    (0.5, e.WebhookQueued("call.initiated", "event-1")),
    (1, e.SipMessage("out", "180 Ringing (INVITE)", PHONE)),
    (900, e.CommandReceived("answer", "c-1", '{"client_state":"c3RhdGU="}')),
    (901, e.SipMessage("out", "200 OK (INVITE)", PHONE)),
    (905, e.MediaSettled("PCMU", "192.0.2.7:40000")),
    (905, e.StateChanged("answered")),
    (906, e.WebhookQueued("call.answered", "event-2")),
    (1000, e.CommandReceived("playback_start", None, '{"audio_url":"https://app.example/a.mp3"}')),
    (1020, e.PlayoutStarted("p1", "https://app.example/a.mp3")),
    (1500, e.TalkSpurt(True)),
    (1900, e.DtmfReceived("4", 120, "rfc4733")),
    (2100, e.TalkSpurt(False)),
    (2520, e.PlayoutEnded("p1", 1500, "completed")),
    (2600, e.RecordingStarted("r1", "dual", "wav")),
    (2700, e.StreamOpened("s1", "wss://app.example/stream?token=abc", "inbound_track", "PCMU")),
    (2701, e.StreamControl("s1", "out", "start")),
    (2702, e.TranscriptionStarted("t1", "Google", "en", ("inbound",))),
    (3000, e.MediaStats((stats(1), stats(2, received=48, lost=2, jitter_us=4_000)))),
    (3100, e.SpeechResult("my name is Ann", True, length_ms=600, lag_ms=400)),
    (3200, e.Bridged(OTHER)),
    (3500, e.TimerSet("time_limit", 14_400_000)),
    (4000, e.SipMessage("in", "BYE sip:ringline@192.0.2.1", PHONE)),
    (4001, e.StreamClosed("s1", "server")),
    (4001, e.TranscriptionStopped("t1")),
    (4002, e.Ended("normal_clearing", "caller", "200")),
    (4003, e.StateChanged("ended")),
    (4004, e.WebhookQueued("call.hangup", "event-3")),
    (4400, e.RecordingSaved("r1", 1_400)),
)

ATTEMPTS = [
    entry(0, 1.5, e.WebhookAttempted("call.initiated", "event-1", 1, "https://app.example/h", 200, 12_000)),
    entry(
        0,
        907,
        e.WebhookAttempted(
            "call.answered", "event-2", 1, "https://app.example/h", 500, 8_000, "HTTP status 500"
        ),
    ),
    entry(0, 1915, e.WebhookAttempted("call.answered", "event-2", 2, "https://app.example/h", 200, 6_000)),
]
