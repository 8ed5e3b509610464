"""The page, the text and the export of a call: whole, safe, and readable back."""

import re
import zipfile
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import legs
from ringline.store.db import Store
from ringline.store.legs import Leg
from ringline.timeline import entries as e
from ringline.timeline import export, log, svg
from ringline.timeline.entries import AnyBody, Entry
from ringline.timeline.export import CallRecord, ExportUnreadable
from ringline.timeline.log import merge
from ringline.timeline.redaction import redact_all
from ringline.timeline.render_html import page
from ringline.timeline.sound import Sound
from ringline.timeline.svg import Lane, Mark, Scale, Waveform
from ringline.timeline.text import show
from ringline.webhooks.outbox import QueuedEvent, queue_event
from ringline.webhooks.policy import Target
from tests.timeline.calls import ATTEMPTS, CALL, LEG, OTHER, SESSION, START, entry, story

pytestmark = pytest.mark.unit
WHOLE = merge(CALL, ATTEMPTS)
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\x00\ud800"
VOID = {"meta", "br", "img", "input", "hr", "link"}


class Elements(HTMLParser):
    """Every element with its attributes; unbalanced tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def drawings(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def test_the_page_shows_what_happened() -> None:
    text = page(WHOLE, sounds=[Sound("r1", peaks=((0.1, 0.9, 0.4), (0.0, 0.2, 1.0)))])
    words = " ".join(Elements(text).words)
    for wanted in (
        "The caller ended it: normal_clearing, SIP 200.",
        "2.00% lost",
        "INVITE sip:+13125550199@pbx.example",
        "call.answered",
        "HTTP status 500",
        "https://app.example/a.mp3",
        "playback_start",
        "2 of 3 delivered",
    ):
        assert wanted in words
    lanes, ladder = drawings(text)
    names = [one.text for one in lanes.iter("text") if one.get("class") == "lane"]
    assert names == [
        *("state", "commands", "SIP", "webhooks", "bridge", "playout", "far end", "recognizer"),
        *("speech", "DTMF", "streams", "frames", "recording"),
    ]
    assert len([one for one in lanes.iter("path") if "wave" in (one.get("class") or "")]) == 2
    assert len(list(ladder.iter("g"))) == 4


def test_the_page_needs_nothing_else() -> None:
    text = page(WHOLE, sounds=[Sound("r1", "audio/wav", b"RIFF"), Sound("r2", note="it is too large")])
    elements = Elements(text)
    assert not [
        tag for tag, _ in elements.found if tag in {"script", "link", "img", "iframe", "object", "form"}
    ]
    leads = [
        attrs[name] for _, attrs in elements.found for name in attrs if name in {"src", "href", "action"}
    ]
    assert leads == ["data:audio/wav;base64,UklGRg=="]
    assert "r2: it is too large" in elements.words
    assert (
        "meta",
        {
            "http-equiv": "Content-Security-Policy",
            "content": "default-src 'none'; style-src 'unsafe-inline'; media-src data:",
        },
    ) in elements.found
    assert "prefers-color-scheme:dark" in text.replace(" ", "")
    assert "url(" not in text
    assert "@import" not in text


def bodies_with(text: str) -> list[AnyBody]:
    """Every kind of entry with `text` wherever it has text."""
    return [
        e.CommandReceived(text, text, msgspec.json.encode({"a": "x"}).decode()),
        e.SipMessage("in", text, text, text),
        e.SipMessage("out", text, text + "2", text),
        e.StateChanged(text),
        e.MediaSettled(text, text),
        e.PlayoutStarted(text, text),
        e.PlayoutEnded(text, 5, text),
        e.DtmfReceived(text, 1, text),
        e.DtmfSent(text),
        e.TalkSpurt(True),
        e.RecordingStarted(text, text, text),
        e.RecordingFailed(text, text),
        e.SpeechResult(text, True),
        e.TranscriptionStarted(text, text, text, ("inbound",)),
        e.TranscriptionFailed(text, text),
        e.StreamOpened(text, text, text, text),
        e.StreamControl(text, "in", text, text),
        e.StreamFailed(text, text),
        e.WebhookQueued(text, text),
        e.WebhookAttempted(text, text, 1, text, None, 1, text),
        e.TimerSet(text, 1),
        e.TimerFired(text),
        e.Bridged(text),
        e.Unbridged(text),
        e.Ended(text, text, text),
    ]


@pytest.mark.parametrize("redacted", [False, True])
def test_no_text_can_become_markup(redacted: bool) -> None:
    evil = [
        Entry(n, n, START + timedelta(milliseconds=n), EVIL, EVIL, body)
        for n, body in enumerate(bodies_with(EVIL), 1)
    ]
    peaks = ((0.5, 2.0, -1.0, float("nan")),)
    sounds = [Sound(EVIL, EVIL, b"x", peaks), Sound("r2", note=EVIL)]
    text = page(redact_all(evil) if redacted else evil, sounds=sounds)
    elements = Elements(text)
    assert {tag for tag, _ in elements.found} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "div", "section", "article"),
        *("dl", "dt", "dd", "svg", "text", "line", "rect", "path", "g", "table", "tr", "th", "td", "br"),
        *("details", "summary", "pre", "p", "audio"),
    }
    assert not [name for _, attrs in elements.found for name in attrs if name.startswith("on")]
    text.encode()  # what is no text on the wire is none on the page


@given(st.text(max_size=30))
def test_any_text_makes_a_page_and_lines(text: str) -> None:
    entries = [entry(n, n, body) for n, body in enumerate(bodies_with(text), 1)]
    Elements(page(entries))
    assert show(entries).endswith("\n")


def test_nothing_is_known_of_an_unknown_call() -> None:
    assert "Nothing is known" in page([])
    assert "Nothing is known" in show([])


def test_two_legs_have_two_timelines() -> None:
    other = story((10, e.StateChanged("dialling")), (20, e.StateChanged("answered")), leg=OTHER)
    text = page(merge([*CALL, *other], []))
    assert len(drawings(text)) == 3
    assert f"Leg {OTHER}" in text


def test_the_text_is_for_reading() -> None:
    lines = show(WHOLE).splitlines()
    assert lines[0] == f"Leg A  {LEG}  (session {SESSION})"
    assert lines[2] == "  The caller ended it: normal_clearing, SIP 200."
    assert "    0.901  sip →     200 OK (INVITE)  (192.0.2.7:5062)" in lines
    assert "    2.520  play      p1 completed, 1500 ms heard" in lines
    assert (
        "    0.907  webhook → call.answered attempt 1 to https://app.example/h: HTTP status 500 in 8.0 ms"
        in lines
    )
    assert len(lines) == 6 + len(WHOLE)


@pytest.mark.parametrize(
    ("length_ms", "labels"),
    [
        (1, ["0 s", "0.001 s"]),
        (1_000, ["0 s", "0.1 s"]),
        (90_000, ["0 s", "10 s"]),
        (3_600_000, ["0 s", "5:00"]),
        (1e9, ["0 s", "2560:00"]),
    ],
)
def test_the_axis_is_labelled_at_round_times(length_ms: float, labels: list[str]) -> None:
    ticks = Scale(START, START + timedelta(milliseconds=length_ms)).ticks()
    assert 2 <= len(ticks) <= 13
    assert [text for _, text in ticks][:2] == labels


def test_marks_that_overlap_get_rows_of_their_own() -> None:
    scale = Scale(START, START + timedelta(seconds=10))
    marks = tuple(Mark(START, START + timedelta(seconds=n + 1), f"mark {n}", "x") for n in range(8))
    (drawn,) = drawings(svg.lanes([Lane("lane", marks), Lane("empty")], scale))
    rows = [one.get("y") for one in drawn.iter("rect")]
    assert len(set(rows)) == svg.MAX_ROWS
    shown = [one.text for one in drawn.iter("text") if (one.text or "").startswith("mark")]
    assert shown == [f"mark {n}" for n in range(svg.MAX_ROWS)]


def test_everything_stays_inside_of_the_picture() -> None:
    scale = Scale(START, START + timedelta(seconds=10))
    early, late = START - timedelta(hours=1), START + timedelta(hours=1)
    marks = (Mark(early, late, "wide", "x"), Mark(late, None, "at the very end of it all", "x"))
    wave = Waveform(early, late, ((1.0,) * 10_000, ()))
    (drawn,) = drawings(svg.lanes([Lane("lane", marks, wave)], scale))
    for rect in drawn.iter("rect"):
        left, width = float(rect.get("x", "")), float(rect.get("width", ""))
        assert svg.GUTTER <= left <= left + width <= svg.WIDTH
    for path in drawn.iter("path"):
        points = re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d", ""))
        assert all(svg.GUTTER - 0.1 <= float(x) <= svg.WIDTH for x, _ in points)
        assert len(points) <= 2 * svg.PLOT + 2


def test_a_long_ladder_is_cut_and_says_so() -> None:
    entries = story(*((n, e.SipMessage("in", "OPTIONS sip:x", "p")) for n in range(450)))
    text = page(entries)
    assert "and 50 more" in text


async def collected(store: Store, clock: VirtualClock, ids: Ids, *, redacted: bool) -> CallRecord:
    leg = Leg(
        call_control_id="v3:x",
        account_id="account",
        leg_id=LEG,
        session_id=SESSION,
        connection_id="17",
        direction="incoming",
        from_="+13125550100",
        to="sip:bob@pbx.example",
        state="ended",
        alive=False,
        node="n1",
        started_at=START,
        webhooks={},
        hangup_cause="normal_clearing",
        hangup_source="callee",
        sip_hangup_cause="200",
    )
    event = QueuedEvent(
        ids.uuid(),
        "account",
        "call.answered",
        START,
        b'{"from":"+13125550100"}',
        (Target(url="http://a/"),),
        LEG,
        SESSION,
    )
    await store.tx(legs.add_leg, leg)
    await store.tx(log.append, CALL)
    await store.tx(queue_event, event)
    return await store.read(export.collect, SESSION, now=clock.utc(), redacted=redacted)


@pytest.mark.parametrize("redacted", [False, True])
async def test_an_export_can_be_read_back(
    store: Store, clock: VirtualClock, ids: Ids, redacted: bool
) -> None:
    record = await collected(store, clock, ids, redacted=redacted)
    data = export.to_zip(record)
    assert export.from_zip(data) == record
    assert export.from_json(export.to_json(record)) == record
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert sorted(archive.namelist()) == ["call.html", "call.json", "call.txt"]
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert (b"3125550" in whole) is not redacted
    assert (b"my name" in whole) is not redacted
    assert len(record.entries) == len(CALL)
    (leg,) = record.legs
    assert (leg.leg_id, leg.hangup_cause, leg.hangup_source, leg.sip_hangup_cause) == (
        *(LEG, "normal_clearing", "callee", "200"),
    )
    assert record.events[0].payload == (None if redacted else {"from": "+13125550100"})


def test_what_is_left_of_a_call_without_a_timeline_is_its_sound() -> None:
    assert (
        "audio",
        {"controls": None, "preload": "metadata", "src": "data:audio/mpeg;base64,/w=="},
    ) in Elements(page([], sounds=[Sound("r1", "audio/mpeg", b"\xff")])).found


async def test_an_export_of_an_older_version_names_no_one_who_hung_up(
    store: Store, clock: VirtualClock, ids: Ids
) -> None:
    record = msgspec.json.decode(export.to_json(await collected(store, clock, ids, redacted=True)))
    for leg in record["legs"]:
        del leg["hangup_source"], leg["sip_hangup_cause"]
    assert export.from_json(msgspec.json.encode(record)).legs[0].hangup_source is None


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04 nonsense", b"{}", b'{"version":1}', b"[" * 100_000],
    ids=lambda data: repr(data[:12]),
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(ExportUnreadable):
        export.from_zip(data)
    with pytest.raises(ExportUnreadable):
        export.from_json(data)


def test_a_zip_without_a_call_is_refused() -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("other.json", "{}")
    with pytest.raises(ExportUnreadable):
        export.from_zip(file.getvalue())


async def test_a_later_version_is_refused(store: Store, clock: VirtualClock, ids: Ids) -> None:
    record = await collected(store, clock, ids, redacted=True)
    later = export.to_json(msgspec.structs.replace(record, version=2))
    with pytest.raises(ExportUnreadable, match="version 2"):
        export.from_json(later)
