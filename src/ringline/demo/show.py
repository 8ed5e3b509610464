"""What the demo prints: steps, the timeline as it grows, and the table at the end."""

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from ringline.cli.call_view import Letters
from ringline.cli.output import HEIGHT, WIDTH, printable
from ringline.demo.checks import Row
from ringline.timeline.entries import (
    Bridged,
    CommandReceived,
    Entry,
    MediaStats,
    PlayoutEnded,
    RecordingSaved,
    RecordingStarted,
    StreamControl,
    TimerFired,
    TimerSet,
    Unbridged,
    WebhookAttempted,
    WebhookQueued,
)
from ringline.timeline.export import CallRecord
from ringline.timeline.readers import since
from ringline.timeline.text import describe

HIDDEN = (MediaStats, TimerSet, TimerFired, WebhookQueued)
"""On the page, but not worth a line while one watches; a webhook's line is its delivery."""

STYLES = {
    "command": "magenta",
    "sip": "dim",
    "state": "bold",
    "webhook_attempted": "green",
    "dtmf_received": "yellow",
    "stream_control": "cyan",
    "playout_started": "blue",
    "playout_ended": "blue",
    "ended": "bold",
}


class Show:
    """Prints to a terminal, or plainly where there is none or `plain` asks for it."""

    def __init__(self, *, plain: bool = False) -> None:
        self._out = Console(markup=False, highlight=False, emoji=False)
        self._plain = plain or not self._out.is_terminal
        if self._plain:
            self._out = Console(
                markup=False, highlight=False, emoji=False, color_system=None, width=WIDTH, height=HEIGHT
            )
        self._status: Status | None = None
        self._legs: set[str] = set()

    def step(self, what: str) -> None:
        """Something begins."""
        self._out.print(Text(f"▶ {what}", style="bold cyan"))
        if self._plain:
            return
        if self._status is None:
            self._status = self._out.status(what)
            self._status.start()
        self._status.update(what)

    def entries(self, record: CallRecord, fresh: Sequence[Entry]) -> None:
        """What has just happened in the calls."""
        letters = Letters(record)
        for entry in fresh:
            if entry.leg_id not in self._legs:
                self._introduce(record, entry.leg_id, letters)
            if isinstance(entry.body, HIDDEN) or _of_the_app(entry):
                continue
            at = f"{since(record.entries, entry.at) / 1000:8.3f}"
            what = printable(_describe(entry, record, letters))
            line = Text(f"{at}  {letters.of(entry.leg_id)}  {what}")
            line.stylize(STYLES.get(entry.kind, ""), len(at))
            line.stylize("dim", 0, len(at))
            self._out.print(line, no_wrap=True, overflow="ellipsis")

    def _introduce(self, record: CallRecord, leg_id: str, letters: Letters) -> None:
        self._legs.add(leg_id)
        for leg in record.legs:
            if leg.leg_id == leg_id:
                parties = printable(f"{leg.direction}, {leg.from_} → {leg.to}")
                self.line(f"{'':8}  {letters.of(leg_id)}  {parties}", style="bold")

    def end(self) -> None:
        """Nothing goes on any more."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def table(self, rows: Sequence[Row]) -> None:
        """What was measured."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for head in ("", "step", "measured"):
            table.add_column(head, overflow="fold")
        for row in rows:
            style = "green" if row.ok else "bold red"
            table.add_row(Text("ok" if row.ok else "FAILED", style=style), row.step, printable(row.measured))
        self._out.print()
        self._out.print(table)

    def line(self, text: str = "", style: str = "") -> None:
        """A line of its own."""
        self._out.print(Text(text, style=style))


def _of_the_app(entry: Entry) -> bool:
    """Marks are shown once, when they come back."""
    return isinstance(entry.body, StreamControl) and entry.body.direction == "in"


def _describe(entry: Entry, record: CallRecord, letters: Letters) -> str:
    """One line, without the ids and states that mean nothing to who looks on."""
    match entry.body:
        case WebhookAttempted() as tried:
            outcome = tried.error or str(tried.status)
            again = f", attempt {tried.attempt}" if tried.attempt > 1 else ""
            return f"webhook → {tried.event_type}  {outcome} in {tried.latency_us / 1000:.1f} ms{again}"
        case CommandReceived() as command:
            members = msgspec.json.decode(command.body)
            shown = ", ".join(f"{name} {value}" for name, value in members.items() if name != "client_state")
            return f"command   {command.name}  {shown}"
        case StreamControl() as frame:
            return f"stream →  {frame.frame} {frame.detail}"
        case PlayoutEnded() as playout:
            return f"play      {playout.reason}, {playout.played_ms} ms heard"
        case RecordingStarted() as recording:
            return f"recording of {recording.channels or 'all'} channels begins"
        case RecordingSaved() as recording:
            return f"recording saved, {recording.duration_ms} ms"
        case Bridged(peer) | Unbridged(peer):
            other = [leg.leg_id for leg in record.legs if peer in (leg.leg_id, leg.call_control_id)]
            return f"{entry.kind:9} {' '.join(map(letters.of, other))}"
        case body:
            return describe(body)
