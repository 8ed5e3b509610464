"""`ringline calls` on a store of its own: finding, masking, files."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ringline.cli.database import Database
from ringline.cli.lookup import Found, NotFound, find_call, recent_legs, still_alive
from ringline.store import legs
from ringline.timeline import log
from ringline.timeline.entries import SipMessage, StateChanged

from . import story
from .command import ringline

pytestmark = pytest.mark.unit

EVENT = "11111111-0000-4000-8000-000000000001"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with a session of two legs (1, 2), a call of its own (3), and one that lives (4)."""
    database = story.create(tmp_path / "ringline.db")
    story.write_call(database, story.leg(1), event_id=EVENT)
    for leg in (
        story.leg(2, session=1, began_ms=1000),
        story.leg(3, began_ms=2000),
        story.leg(4, began_ms=3000, alive=True),
    ):
        database.write(legs.add_leg, leg)
        database.write(log.append, story.entries(leg, (leg.started_at.second * 1000, StateChanged("parked"))))
    database.close()
    return tmp_path


def _find(data: Path, text: str, *, whole_session: bool = False) -> Found:
    database = Database(sa.make_url(f"sqlite:///{data / 'ringline.db'}"))
    try:
        return database.read(find_call, text, whole_session=whole_session)
    finally:
        database.close()


def test_a_call_is_found_by_each_of_its_ids_and_their_beginnings(data: Path) -> None:
    first = Found("s1-session", ("1e9-leg",))
    assert _find(data, "v3:1control") == _find(data, "1e9-leg") == first
    assert _find(data, "1e9") == _find(data, "v3:1") == first
    assert _find(data, "1e9-leg", whole_session=True) == Found("s1-session", ("1e9-leg", "2e9-leg"))
    assert _find(data, "s1-session") == _find(data, "s1") == Found("s1-session", ("1e9-leg", "2e9-leg"))


@pytest.mark.parametrize("text", ["v3:", "s"])
def test_a_beginning_of_several_calls_names_them(data: Path, text: str) -> None:
    with pytest.raises(NotFound, match=f"3 calls begin with {text}: 1e9-leg, 2e9-leg, 3e9-leg, 4e9-leg"):
        _find(data, text)


@pytest.mark.parametrize("text", ["nothing", "", "%", "_e9"])
def test_what_is_no_id_is_not_found(data: Path, text: str) -> None:
    with pytest.raises(NotFound, match="no call is known"):
        _find(data, text)


def test_an_unknown_call_is_one_line(data: Path) -> None:
    said = ringline("calls", "show", "nothing", "--data", data)
    assert (said.status, said.out) == (1, "")
    assert said.err == "ringline: no call is known as nothing; `ringline calls list` shows those there are\n"


def test_list_is_newest_first_and_can_be_narrowed(data: Path) -> None:
    listed = ringline("calls", "list", "--json", "--data", data).json
    assert [one["call_leg_id"] for one in listed] == ["4e9-leg", "3e9-leg", "2e9-leg", "1e9-leg"]
    assert listed[3] == {
        "call_control_id": "v3:1control",
        "call_leg_id": "1e9-leg",
        "call_session_id": "s1-session",
        "connection_id": "7",
        "direction": "incoming",
        "from": "+15550100001",
        "to": "+15550100002",
        "state": "ended",
        "alive": False,
        "started_at": "2030-01-01T12:00:00.000000Z",
        "answered_at": "2030-01-01T12:00:00.200000Z",
        "ended_at": "2030-01-01T12:00:04.200000Z",
        "duration_s": 4,
        "hangup_cause": "normal_clearing",
        "hangup_source": "callee",
        "sip_hangup_cause": "200",
    }
    assert len(ringline("calls", "list", "--limit", "2", "--json", "--data", data).json) == 2
    alive = ringline("calls", "list", "--alive", "--data", data).lines
    assert len(alive) == 2
    assert alive[1].startswith("4e9-leg")


def test_alive_is_whoever_lives_or_waits_for_his_webhook(data: Path) -> None:
    database = Database(sa.make_url(f"sqlite:///{data / 'ringline.db'}"))
    assert not database.read(still_alive, ["1e9-leg", "3e9-leg"])
    assert database.read(still_alive, ["4e9-leg"])
    database.write(lambda conn: conn.exec_driver_sql("update deliveries set state = 'pending'"))
    assert database.read(still_alive, ["1e9-leg"])
    assert [leg.leg_id for leg in database.read(recent_legs, limit=1, alive=False)] == ["4e9-leg"]
    database.close()


def test_the_ladder_the_webhooks_and_the_end(data: Path) -> None:
    said = ringline("calls", "show", "1e9", "--data", data)
    assert said.lines[0] == "Leg A  incoming  +15•••••••01 → +15•••••••02  ended"
    assert "  PCMU with 192.0.2.1:4000: 0 packets in, 0 out, 0.00% lost, jitter up to 0.0 ms" in said.lines
    assert "  The callee ended it: normal_clearing, SIP 200." in said.lines
    ladder = said.lines[said.lines.index("SIP") + 2 :][:3]
    assert [row.split(maxsplit=2) for row in ladder] == [
        ["0.000", "192.0.2.1:5060", "──▶ ringline  INVITE sip:+15•••••••02@127.0.0.1"],
        ["0.001", "192.0.2.1:5060", "◀── ringline  180 Ringing (INVITE)"],
        ["4.200", "192.0.2.1:5060", "◀── ringline  BYE sip:••••••@192.0.2.1"],
    ]
    webhook = said.lines[said.lines.index("Webhooks") + 2].split()
    assert webhook[:6] == ["0.000", "call.initiated", "delivered", "2.0", "7.0", "1"]
    assert webhook[-1] == EVENT
    assert "200 in 5.0 ms from http://app.example/hook" in said.out
    sound = said.lines[said.lines.index("Sound") + 2]
    assert sound.split() == [
        "0.300",
        "play",
        "1.00",
        "s",
        "1000",
        "ms",
        "completed",
        "http://app.example/hi.wav",
    ]


def test_a_session_shows_all_legs_with_letters(data: Path) -> None:
    said = ringline("calls", "show", "1e9", "--session", "--data", data)
    assert [line[:5] for line in said.lines if line.startswith("Leg ")] == ["Leg A", "Leg B"]
    assert any(line.endswith("B state     parked") for line in said.lines)
    alone = ringline("calls", "show", "2e9", "--data", data)
    assert "1e9-leg" not in alone.out


def test_json_is_the_record_of_the_legs_asked_for(data: Path) -> None:
    record = ringline("calls", "show", "1e9", "--json", "--data", data).json
    assert [leg["leg_id"] for leg in record["legs"]] == ["1e9-leg"]
    assert {entry["leg_id"] for entry in record["entries"]} == {"1e9-leg"}
    assert [event["id"] for event in record["events"]] == [EVENT]
    assert [tried["status"] for tried in record["attempts"]] == [200]
    assert record["redacted"]
    assert ringline("calls", "show", "2e9", "--json", "--data", data).json["events"] == []


def test_export_holds_the_session_and_names_its_file(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = ringline("calls", "export", "2e9", "--data", data)
    assert said.out.startswith("wrote call-s1-session.zip (2 legs, ")
    shown = ringline("calls", "show", "call-s1-session.zip")
    assert shown.out == ringline("calls", "show", "s1", "--data", data).out


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x05\x06" + bytes(18), b'{"version":99}'])
def test_a_file_that_is_no_export_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "odd"
    file.write_bytes(content)
    said = ringline("calls", "show", file)
    assert said.status == 1
    assert said.err.startswith("ringline: no ")
    assert said.err.count("\n") == 1


def test_strangers_cannot_move_the_cursor(tmp_path: Path) -> None:
    database = story.create(tmp_path / "ringline.db")
    leg = story.leg(1)
    database.write(legs.add_leg, leg)
    evil = SipMessage("in", "INVITE \x1b[2J\x1b]0;owned\x07[red]x[/red] :+1:", "192.0.2.1:5060")
    database.write(log.append, story.entries(leg, (0, evil)))
    database.close()
    said = ringline("calls", "show", "1e9", "--data", tmp_path)
    assert "\x1b" not in said.out
    assert "\x07" not in said.out
    assert "[red]x[/red] :+1:" in said.out


def test_follow_needs_a_terminals_kind_of_output(data: Path) -> None:
    said = ringline("calls", "show", "1e9", "--follow", "--json", "--data", data)
    assert said.status == 1
    assert said.err.startswith("ringline: --follow prints lines")


def test_follow_of_a_call_that_is_over_prints_it_once_and_ends(data: Path) -> None:
    said = ringline("calls", "show", "1e9", "--follow", "--data", data)
    assert said.status == 0
    assert sum("answer" in line and "command" in line for line in said.lines) == 1
    assert sum("attempt 1" in line for line in said.lines) == 1
    assert said.lines[-1] == "  The callee ended it: normal_clearing, SIP 200."


def test_a_call_whose_timeline_is_gone_says_so(tmp_path: Path) -> None:
    database = story.create(tmp_path / "ringline.db")
    database.write(legs.add_leg, story.leg(1))
    database.close()
    said = ringline("calls", "show", "1e9", "--data", tmp_path)
    assert said.status == 0
    assert "  Its timeline is gone (timeline.retention_days)." in said.lines
    assert "  ended by callee: normal_clearing, SIP 200" in said.lines


def test_a_page_that_cannot_be_written_is_one_line(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "none" / "call.html"
    said = ringline("calls", "show", "1e9", "--html", file, "--data", data)
    assert (said.status, said.err) == (1, f"ringline: {file}: No such file or directory\n")
