"""The pages written from the code are what the code says."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from ringline.cli.main import COMMANDS
from ringline.core.settings import names, variable

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "write_docs.py"))


def test_the_pages_are_fresh(script: dict[str, Any]) -> None:
    assert list(script["stale"]()) == [], "run `make docs`"


def test_a_page_that_was_changed_by_hand_is_stale(script: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cli.md").write_text(script["commands"]() + "and more\n")
    assert list(script["stale"](tmp_path)) == ["docs/configuration.md", "docs/cli.md"]


def test_every_setting_has_a_row(script: dict[str, Any]) -> None:
    page = script["configuration"]()
    for name, meaning, _ in names():
        rows = [line for line in page.splitlines() if line.startswith(f"| `{name}` | `{variable(name)}` | ")]
        assert len(rows) == 1
        assert meaning.replace("|", "\\|") in rows[0]


def test_every_command_and_option_is_there(script: dict[str, Any]) -> None:
    page = script["commands"]()
    for entry in COMMANDS:
        command = entry.load()
        paths = [f"{entry.name} {name}" for name in getattr(command, "commands", {})] or [entry.name]
        for path in paths:
            assert f"\nringline {path} [OPTIONS]" in page
    assert "| `--follow, -f` | Go on as it happens. |" in page
    assert "| `--limit N` | How many at most. Default `20`. |" in page


def test_secrets_have_no_default_on_the_page(script: dict[str, Any]) -> None:
    row = next(line for line in script["configuration"]().splitlines() if line.startswith("| `api_key`"))
    assert row.split(" | ")[2] == "–"


def test_an_unknown_word_is_refused(script: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert script["main"](["--chek"]) == 2
    assert "--check" in capsys.readouterr().err
