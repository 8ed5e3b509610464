"""How results become text, and where it is kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.hooks import parse
from benchmarks.report import Conditions, Result, Table, entry, percentile, verdict, write

pytestmark = pytest.mark.unit

PAGE = """# Benchmarks

## calls

What it is.

### old entry

| a |

## setup

About set-up.
"""


def page(tmp_path: Path) -> Path:
    path = tmp_path / "benchmarks.md"
    path.write_text(PAGE)
    return path


def test_an_entry_comes_before_older_ones(tmp_path: Path) -> None:
    path = page(tmp_path)
    write("calls", "### new entry\n\n| b |\n", path)
    text = path.read_text()
    assert text.index("What it is.") < text.index("### new entry") < text.index("### old entry")
    assert text.index("### old entry") < text.index("## setup")


def test_a_first_entry_follows_the_prose_and_stays_in_its_section(tmp_path: Path) -> None:
    path = page(tmp_path)
    write("setup", "### new entry\n", path)
    assert path.read_text() == PAGE + "\n### new entry\n"
    write("calls", "### another\n", path)
    assert path.read_text().count("## setup\n") == 1


def test_a_page_without_the_heading_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = page(tmp_path)
    with pytest.raises(ValueError, match="## frames"):
        write("frames", "### new\n", path)
    assert path.read_text() == PAGE


def test_an_entry_says_where_when_and_what_it_does_not_say() -> None:
    result = Result(
        "calls", [Table(("n", "ms"), [("1", "10.25")])], [verdict("fast", False)], "one machine.", ["PCMU."]
    )
    moment = Conditions(datetime(2030, 1, 2, 3, 4, tzinfo=UTC), "abc123", "2 cores", "0.1")
    assert entry(result, moment, moment, "make bench") == (
        "### 2030-01-02 03:04 UTC, commit abc123\n\n"
        "`make bench` on 2 cores; load 0.1 at the start, 0.1 at the end. PCMU.\n\n"
        "| n | ms    |\n| - | ----- |\n| 1 | 10.25 |\n\n"
        "- MISSED: fast\n\n"
        "Limit of these numbers: one machine.\n"
    )


def test_the_conditions_of_this_machine_can_be_read() -> None:
    found = Conditions.now()
    assert "cores of" in found.machine
    assert float(found.load) >= 0
    assert found.commit


def test_percentiles() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(1000), 0.99) == 990
    assert percentile([7], 0.99) == 7


def test_a_webhook_line_keeps_its_times_apart() -> None:
    hook = parse(
        'hook 1893456000012500000 1 {"data":{"id":"e","event_type":"call.answered",'
        '"occurred_at":"2030-01-01T00:00:00.010000Z","payload":{"call_control_id":"v3:a b"}}}'
    )
    assert (hook.id, hook.type, hook.call, hook.signed) == ("e", "call.answered", "v3:a b", True)
    assert hook.delay_ms == pytest.approx(2.5)
