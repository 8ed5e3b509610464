"""`ringline webhooks` on a store of its own."""

from pathlib import Path

import pytest

from . import story
from .command import ringline

pytestmark = pytest.mark.unit

GOOD = "11111111-0000-4000-8000-000000000001"
BAD = "22222222-0000-4000-8000-000000000002"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One event that was delivered, and a later one that was given up."""
    database = story.create(tmp_path / "ringline.db")
    story.write_call(database, story.leg(1), event_id=GOOD)
    later = story.leg(2, began_ms=1000)
    story.write_call(database, later, event_id=BAD, answer=(500, "HTTP status 500"))
    database.close()
    return tmp_path


def test_list_shows_what_became_of_each(data: Path) -> None:
    rows = ringline("webhooks", "list", "--data", data).lines
    assert [row.split()[0] for row in rows[1:]] == [BAD, GOOD]
    assert rows[1].split()[-3:] == ["HTTP", "status", "500"]
    assert " failed " in rows[1]
    assert rows[2].split()[4:] == ["delivered", "1", "5.0", story.APP, "200"]


def test_list_can_be_narrowed(data: Path) -> None:
    failed = ringline("webhooks", "list", "--failed", "--json", "--data", data).json
    assert [(one["event_id"], one["state"]) for one in failed] == [(BAD, "failed")]
    assert failed[0]["attempts"] == [
        {
            "attempt": 1,
            "url": story.APP,
            "started_at": "2030-01-01T12:00:01.002000Z",
            "latency_ms": 5.0,
            "status": 500,
            "error": "HTTP status 500",
        }
    ]
    assert ringline("webhooks", "list", "--pending", "--json", "--data", data).json == []
    assert len(ringline("webhooks", "list", "--limit", "1", "--json", "--data", data).json) == 1
    assert ringline("webhooks", "list", "--failed", "--pending", "--data", data).status == 1


def test_redeliver_makes_an_event_wait_for_the_server(data: Path) -> None:
    said = ringline("webhooks", "redeliver", BAD[:6], "--data", data)
    assert (said.status, said.out) == (0, f"event {BAD} will be sent again to 1 app\n")
    pending = ringline("webhooks", "list", "--pending", "--json", "--data", data).json
    assert [one["event_id"] for one in pending] == [BAD]
    again = ringline("webhooks", "redeliver", BAD, "--data", data)
    assert again.status == 1
    assert "is still being delivered" in again.err


@pytest.mark.parametrize(
    ("text", "said"), [("9", "no event is known as '9'"), ("", "several events are known")]
)
def test_redeliver_wants_one_event(data: Path, text: str, said: str) -> None:
    answer = ringline("webhooks", "redeliver", text, "--data", data)
    assert answer.status == 1
    assert answer.err.startswith(f"ringline: {said}")
