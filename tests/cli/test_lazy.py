"""The table of commands: what is listed, what is loaded, how errors end."""

import subprocess
import sys

import pytest

from ringline.cli.lazy import Entry
from ringline.cli.main import COMMANDS
from ringline.core.errors import RinglineError

from .command import ringline

pytestmark = pytest.mark.unit

HEAVY = ("pydantic", "sqlalchemy", "alembic", "fastapi", "numpy", "av", "aiohttp", "ringline.node.node")


def test_help_lists_every_command_and_loads_none() -> None:
    code = (
        "import sys; from ringline.cli.main import app\n"
        "try: app(['--help'])\n"
        f"finally: print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "loaded []" in done.stdout
    for entry in COMMANDS:
        assert f" {entry.name} " in done.stdout
        assert entry.help in done.stdout


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_loads_and_explains_itself(entry: Entry) -> None:
    said = ringline(entry.name, "--help")
    assert said.status == 0
    assert f"ringline {entry.name}" in said.out
    command = entry.load()
    for one in (getattr(command, "commands", None) or {entry.name: command}).values():
        assert one.help
        for parameter in one.params:
            assert parameter.help, f"{entry.name}: {parameter.name}"


def test_the_line_in_the_table_is_what_the_group_says_of_itself() -> None:
    groups = [(entry, entry.load()) for entry in COMMANDS]
    for entry, command in groups:
        if hasattr(command, "commands"):
            assert command.help == entry.help


def test_a_misspelled_command_is_a_usage_error_with_a_suggestion() -> None:
    said = ringline("cals")
    assert said.status == 2
    assert "calls" in said.err


def test_version() -> None:
    assert ringline("--version").out == "0.1.0\n"


def test_an_error_of_ours_is_one_line_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RinglineError("no luck; try again")

    monkeypatch.setattr("ringline.cli.config.config", broken)
    said = ringline("config")
    assert (said.status, said.out, said.err) == (1, "", "ringline: no luck; try again\n")


def test_a_typer_app_keeps_its_subcommands() -> None:
    command = Entry("keys", "ringline.cli.keys:app", "").load()
    assert list(command.commands) == ["create", "list", "revoke", "public"]
