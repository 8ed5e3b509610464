"""Draws call.svg, the picture in the README, from a real call: `python docs/img/draw.py`.

A phone calls; the app answers, asks for digits in speech, streams both tracks to a WebSocket that echoes the
caller, and records; the phone hangs up. What is drawn is read back from the call's timeline.
"""

import asyncio
import contextlib
import tempfile
import wave
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import telnyx
from numpy.typing import NDArray
from sqlalchemy import create_engine

from ringline.testing import App, Phone, Server, StreamSocket, tone
from ringline.timeline import readers
from ringline.timeline.entries import (
    CommandReceived,
    DtmfReceived,
    Entry,
    SipMessage,
    StateChanged,
    StreamControl,
)
from ringline.timeline.export import collect

NUMBER = "+13125550100"
PICTURE = Path(__file__).with_name("call.svg")

WIDTH, LEFT, RIGHT, ROW = 900, 92, 12, 20
CHAR = 6.2
STYLE = """
:root{--bg:#fff;--ink:#1c1e21;--dim:#6a707a;--line:#e3e4e8;--blue:#2f6fdb;--green:#2b8a4b;--red:#c9352b;
--amber:#b7791f;--violet:#7a4fc9;--teal:#13808c}
@media (prefers-color-scheme:dark){:root{--bg:#14161a;--ink:#e6e8ec;--dim:#8f97a3;--line:#2c3038;
--blue:#6ea4ff;--green:#5fc984;--red:#ff7b72;--amber:#e3b341;--violet:#b491ff;--teal:#56c4cf}}
.bg{fill:var(--bg)} text{fill:var(--ink);font:11px system-ui,sans-serif} .dim{fill:var(--dim)}
.name{fill:var(--dim);font-weight:600} line{stroke:var(--line)}
.state{fill:var(--dim);fill-opacity:.16} .up{fill:var(--green);fill-opacity:.3} .sip{fill:var(--dim)}
.cmd{fill:var(--violet)} .hook{fill:var(--green)} .play{fill:var(--blue);fill-opacity:.35}
.talk{fill:var(--teal);fill-opacity:.35} .key{fill:var(--amber)} .stream{fill:var(--violet);fill-opacity:.3}
.rec{fill:var(--red);fill-opacity:.2} .wave{fill:var(--red);fill-opacity:.8}
"""


async def place_call(folder: Path) -> None:
    """Run the server in `folder`, and one call through it."""
    async with Server(folder) as server, App() as app, Phone() as phone:
        client = telnyx.AsyncTelnyx(api_key=server.api_key, base_url=server.url)
        await order_number(client, app.hook)
        app.on_frame = echo
        call = phone.dial(f"sip:{NUMBER}@{server.sip}")
        begun = await app.inbox.next("call.initiated")
        do, leg = client.calls.actions, begun.payload["call_control_id"]
        await do.answer(leg)
        await app.inbox.next("call.answered")
        await do.start_recording(leg, channels="dual", format="wav")
        await do.gather_using_speak(leg, payload="Press one or two.", voice="female", maximum_digits=1)
        await call.until(lambda: sum(span.seconds for span in call.heard.loud()) > 0.8, "the question")
        call.press("2")
        await app.inbox.next("call.gather.ended")
        await do.start_streaming(
            leg, stream_url=app.stream_url, stream_track="both_tracks", stream_bidirectional_mode="rtp"
        )
        stream = await app.next_stream()
        await stream.next("start")
        heard = call.heard.seconds
        await call.play(tone(440, 1.2))
        await call.until(lambda: call.heard.since(heard).tone(440).seconds > 1.1, "the echo")
        await stream.send("mark", mark={"name": "echoed"})
        await stream.next("mark")
        call.hang_up()
        await app.inbox.next("call.recording.saved")


async def order_number(client: telnyx.AsyncTelnyx, hook: str) -> None:
    """Make an application and give it the number."""
    made = await client.call_control_applications.create(application_name="picture", webhook_event_url=hook)
    assert made.data is not None
    await client.number_orders.create(
        phone_numbers=[{"phone_number": NUMBER}], connection_id=str(made.data.id)
    )


async def echo(stream: StreamSocket, frame: dict[str, Any]) -> None:
    """Send the caller's audio back."""
    if frame["event"] == "media" and frame["media"]["track"] == "inbound":
        await stream.send("media", media={"payload": frame["media"]["payload"]})


def read_entries(folder: Path) -> Sequence[Entry]:
    """The one session in the store, nothing masked."""
    engine = create_engine(f"sqlite:///{folder / 'data' / 'ringline.db'}")
    with contextlib.closing(engine.connect()) as conn:
        session = conn.exec_driver_sql("select distinct session_id from legs").scalar_one()
        return collect(conn, session, now=datetime.now().astimezone(), redacted=False).entries


def recorded(folder: Path) -> NDArray[np.float64]:
    """The recording's loudness, both channels together, a peak for each 20 ms."""
    file = next((folder / "data" / "objects").rglob("*.wav"))
    with wave.open(str(file)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, sound.getnchannels())
        step = sound.getframerate() // 50
    loud = np.abs(samples.astype(np.float64)).max(axis=1)
    peaks: NDArray[np.float64] = loud[: len(loud) // step * step].reshape(-1, step).max(axis=1) / 32768
    return peaks


class Drawing:
    """Lanes from top to bottom, time from left to right."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self._start = start
        self._length = (end - start) / timedelta(seconds=1)
        self._parts: list[str] = []
        self._y = 24.0

    def x(self, at: datetime) -> float:
        """Pixels from the left."""
        return LEFT + (WIDTH - LEFT - RIGHT) * ((at - self._start) / timedelta(seconds=1)) / self._length

    def lane(self, name: str, marks: Sequence[tuple[datetime, datetime | None, str, str]]) -> None:
        """Marks of (start, end or None for a tick, label, style); what would overlap goes one row down."""
        free: list[float] = []
        for start, end, label, style in marks:
            left, right = self.x(start), self.x(end) if end else self.x(start) + 3
            wanted = max(right, left + 8 + CHAR * len(label))
            row = next((number for number, taken in enumerate(free) if taken <= left), len(free))
            free[row : row + 1] = [wanted]
            self._mark(left, max(right - left, 3), self._y + row * ROW, label, style)
        self._close(name, len(free) * ROW)

    def wave(self, name: str, start: datetime, peaks: NDArray[np.float64]) -> None:
        """A recording's outline."""
        middle, height = self._y + 15, 13
        xs = [self.x(start + timedelta(milliseconds=20 * number)) for number in range(len(peaks))]
        up = [f"{x:.1f} {middle - height * p:.1f}" for x, p in zip(xs, peaks, strict=True)]
        down = [f"{x:.1f} {middle + height * p:.1f}" for x, p in zip(xs, peaks, strict=True)]
        self._parts += [
            f'<rect class="rec" x="{xs[0]:.1f}" y="{self._y}" width="{xs[-1] - xs[0]:.1f}" height="30"/>',
            f'<path class="wave" d="M{"L".join([*up, *reversed(down)])}Z"/>',
        ]
        self._close(name, 32)

    def svg(self) -> str:
        """The whole picture."""
        grid = "".join(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="18" y2="{self._y:.0f}"/>'
            f'<text class="dim" x="{x + 3:.1f}" y="13">{second} s</text>'
            for second, x in self._seconds()
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._y:.0f}" role="img">'
            f"<title>A call through ringline</title><style>{STYLE}</style>"
            f'<rect class="bg" width="100%" height="100%" rx="8"/>{grid}{"".join(self._parts)}</svg>\n'
        )

    def _seconds(self) -> Iterator[tuple[int, float]]:
        for second in range(int(self._length) + 1):
            yield second, self.x(self._start + timedelta(seconds=second))

    def _mark(self, left: float, width: float, y: float, label: str, style: str) -> None:
        late = left + 8 + CHAR * len(label) > WIDTH
        at, anchor = (left - 3, ' text-anchor="end"') if late else (left + 6, "")
        self._parts.append(
            f'<rect class="{style}" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="15" rx="3"/>'
            f'<text x="{at:.1f}" y="{y + 11.5:.1f}"{anchor}>{escape(label)}</text>'
        )

    def _close(self, name: str, height: float) -> None:
        self._parts.append(f'<text class="name" x="10" y="{self._y + 12:.0f}">{escape(name)}</text>')
        self._y += height + 9
        self._parts.append(f'<line x1="0" x2="{WIDTH}" y1="{self._y - 6:.0f}" y2="{self._y - 6:.0f}"/>')


def ticks(entries: Sequence[Entry], kind: type, style: str) -> list[tuple[datetime, None, str, str]]:
    """Entries of one kind, each a moment."""
    return [(one.at, None, label(one), style) for one in entries if isinstance(one.body, kind)]


def label(entry: Entry) -> str:
    """What stands beside a moment."""
    match entry.body:
        case SipMessage() as message:
            return f"{'→' if message.direction == 'out' else '←'} {message.summary.partition(' sip:')[0]}"
        case DtmfReceived() as key:
            return key.digit
        case StreamControl() as control:
            return f"{'→' if control.direction == 'out' else '←'} {control.frame}"
        case body:
            return body.label


def draw(entries: Sequence[Entry], peaks: NDArray[np.float64]) -> str:
    """The picture of these entries, up to the end of the call."""
    states = [entry for entry in entries if isinstance(entry.body, StateChanged)]
    saved = max(one.queued_at for one in readers.webhooks(entries))
    end = saved + timedelta(milliseconds=250)
    over = states[-1].at
    picture = Drawing(entries[0].at, end)
    picture.lane(
        "state",
        [
            (entries[0].at, states[0].at, "parked", "state"),
            *(
                (one.at, after.at, label(one), "up" if label(one) == "answered" else "state")
                for one, after in pairwise(states)
            ),
        ],
    )
    picture.lane("SIP", ticks(entries, SipMessage, "sip"))
    picture.lane("commands", ticks(entries, CommandReceived, "cmd"))
    picture.lane(
        "webhooks",
        [
            (one.queued_at, None, one.event_type, "hook")
            for one in readers.webhooks(entries)
            if one.state == "delivered"
        ],
    )
    picture.lane(
        "played",
        [
            (one.started_at, one.ended_at, f"{one.label}, {one.played_ms} ms", "play")
            for one in readers.playouts(entries)
        ],
    )
    picture.lane(
        "caller", [(one.started_at, one.ended_at or over, "speaks", "talk") for one in readers.talk(entries)]
    )
    picture.lane("keys", ticks(entries, DtmfReceived, "key"))
    picture.lane(
        "stream",
        [
            (one.started_at, one.ended_at, "both tracks, with an echo", "stream")
            for one in readers.streams(entries)
        ],
    )
    picture.lane("frames", ticks(entries, StreamControl, "cmd"))
    picture.wave("recording", readers.recordings(entries)[0].started_at, peaks)
    return picture.svg()


def main() -> None:
    """Call, read, draw."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(place_call(folder))
        PICTURE.write_text(draw(read_entries(folder), recorded(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
