"""`ringline calls`: what calls there were, and what happened in them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ringline.cli import call_view
from ringline.cli.call_view import Letters
from ringline.cli.database import opened
from ringline.cli.failure import fail
from ringline.cli.follow import follow
from ringline.cli.lookup import find_call, recent_legs
from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import columns, console, moment, print_json, printable, seconds
from ringline.cli.record import read_call, read_file
from ringline.core.clock import SystemClock
from ringline.core.settings import Settings
from ringline.store.legs import Leg
from ringline.timeline.export import CallRecord, to_json, to_zip
from ringline.timeline.readers import iso, since
from ringline.timeline.render_html import page
from ringline.timeline.sound import Sound

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What calls there were, and what happened in them."
)

ANY_ID = "A call_control_id, leg id or session id, or the beginning of one"
Which = Annotated[str, typer.Argument(metavar="ID", help=f"{ANY_ID}.")]
WhichOrFile = Annotated[str, typer.Argument(metavar="ID", help=f"{ANY_ID}; or an exported file.")]
WholeSession = Annotated[bool, typer.Option("--session", help="All legs of the session.")]
Reveal = Annotated[
    bool,
    typer.Option(
        "--reveal",
        help="Show digits, words and numbers of people, and on pages what was recorded; masked otherwise.",
    ),
]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many at most.")] = 20,
    alive: Annotated[bool, typer.Option("--alive", help="Only calls that have not ended.")] = False,
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Legs, newest first."""
    now = SystemClock().utc()
    with opened(settings_of(config, data)) as database:
        found = database.read(recent_legs, limit=limit, alive=alive)
    if as_json:
        print_json([_plain(leg, now) for leg in found])
        return
    columns(
        ("leg", "began", "direction", "from", "to", "state", "talked", "cause", "ended by", "SIP"),
        [_row(leg, now) for leg in found],
    )


@app.command("show")
def show(
    which: WhichOrFile,
    whole_session: WholeSession = False,
    reveal: Reveal = False,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it happens.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the call's page to this file.")
    ] = None,
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What happened in a call: SIP, commands, webhooks with their latency, sound, keys, and its end."""
    file = Path(which)
    settings = settings_of(config, data)
    if following and (as_json or html or file.is_file()):
        raise fail("--follow prints lines as they come: not with --json, --html or a file")
    if following:
        follow(settings, which, whole_session=whole_session, reveal=reveal)
        return
    if file.is_file():
        record = read_file(file)
    else:
        record = read_store(settings, which, whole_session=whole_session, reveal=reveal)
    if html is not None:
        sounds = [] if file.is_file() else sounds_of(settings, record)
        html.write_text(page(record.entries, sounds=sounds), encoding="utf-8")
        typer.echo(f"wrote {html}")
    elif as_json:
        typer.echo(to_json(record))
    else:
        show_record(record)


@app.command("export")
def export(
    which: Which,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write; call-SESSION.zip when not given."
        ),
    ] = None,
    reveal: Reveal = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Everything about a call's session in one file, which `ringline calls show` reads back.

    It is a zip file: the record, its page, its text. With --reveal the page has the recordings too, to be
    seen and heard.
    """
    settings = settings_of(config, data)
    record = read_store(settings, which, whole_session=True, reveal=reveal)
    sounds = sounds_of(settings, record)
    file = output or Path(f"call-{record.session_id}.zip")
    file.write_bytes(to_zip(record, sounds=sounds))
    heard = sum(bool(one.content) for one in sounds)
    typer.echo(f"wrote {file} ({len(record.legs)} legs, {len(record.entries)} entries, {heard} recordings)")
    for one in sounds:
        if one.note:
            typer.echo(f"recording {one.recording_id}: {one.note}")


def read_store(settings: Settings, which: str, *, whole_session: bool, reveal: bool) -> CallRecord:
    """The record of the legs that `which` names."""
    with opened(settings) as database:
        found = database.read(find_call, which, whole_session=whole_session)
        return database.read(read_call, found, whole_session=whole_session, reveal=reveal)


def sounds_of(settings: Settings, record: CallRecord) -> list[Sound]:
    """The record's recordings, as far as a page may hold them."""
    from ringline.cli.sounds import read_sounds  # noqa: PLC0415 - FFmpeg is slow to load and seldom needed

    with opened(settings) as database:
        return read_sounds(database, settings, record)


def show_record(record: CallRecord) -> None:
    """Print it for people."""
    out = console()
    for line in call_view.heads(record):
        out.print(printable(line))
    out.print()
    for section in call_view.sections(record):
        out.print(section.title, style="bold")
        columns(section.heads, section.rows)
        out.print()
    if record.entries:
        out.print("Log", style="bold")
        letters = Letters(record)
        for entry in record.entries:
            out.print(printable(call_view.line(entry, since(record.entries, entry.at), letters)))
    if record.redacted:
        out.print("Digits, words and numbers of people are masked; --reveal shows them.", style="dim")


def _row(leg: Leg, now: datetime) -> tuple[str, ...]:
    return (
        leg.leg_id,
        moment(leg.started_at),
        leg.direction,
        leg.from_,
        leg.to,
        leg.state,
        seconds(((leg.ended_at or now) - leg.answered_at).total_seconds()) if leg.answered_at else "–",
        leg.hangup_cause or "–",
        leg.hangup_source or "–",
        leg.sip_hangup_cause or "–",
    )


def _plain(leg: Leg, now: datetime) -> dict[str, object]:
    return {
        "call_control_id": leg.call_control_id,
        "call_leg_id": leg.leg_id,
        "call_session_id": leg.session_id,
        "connection_id": leg.connection_id,
        "direction": leg.direction,
        "from": leg.from_,
        "to": leg.to,
        "state": leg.state,
        "alive": leg.alive,
        "started_at": iso(leg.started_at),
        "answered_at": iso(leg.answered_at) if leg.answered_at else None,
        "ended_at": iso(leg.ended_at) if leg.ended_at else None,
        "duration_s": leg.duration_s(now),
        "hangup_cause": leg.hangup_cause,
        "hangup_source": leg.hangup_source,
        "sip_hangup_cause": leg.sip_hangup_cause,
    }
