"""`ringline demo` as a user runs it: a process, its output, its exit status, the files it leaves."""

import asyncio
import json
import os
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringline.cli.main import app
from ringline.demo import main
from ringline.timeline.export import from_json

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

ENDS_WITHIN_S = 120


@dataclass(frozen=True)
class Ran:
    status: int
    output: str
    errors: str
    rows: dict[str, str]
    """What the table says of each step: `ok` or `FAILED`, and what was measured."""


async def demo(*options: str) -> Ran:
    # A user's own settings: the demo's server must not take them for its own.
    environment = {**os.environ, "RINGLINE_STORE_URL": "sqlite:////nonexistent/users.db"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ringline", "demo", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode()
    assert process.returncode is not None
    return Ran(process.returncode, text, errors.decode(), _table(text))


def _table(text: str) -> dict[str, str]:
    rows: dict[str, str] = {}
    lines = iter(text.splitlines())
    head = next(line for line in lines if line.split() == ["step", "measured"])
    step, measured = head.index("step"), head.index("measured")
    for line in lines:
        if not line.strip():
            break
        rows[line[step:measured].strip()] = f"{line[:step].strip()} {line[measured:].strip()}"
    return rows


async def test_every_check_holds_and_the_call_can_be_looked_at(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = await demo("--out", str(out), "--keep")
    assert (ran.status, ran.errors) == (0, ""), ran.output
    assert len(ran.rows) >= 14
    assert all(said.startswith("ok ") for said in ran.rows.values())
    assert ran.rows["digits"].endswith("pressed 2580, gathered 2580, on the stream 2580")
    assert "every check held" in ran.output

    with wave.open(str(out / "recording.wav")) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() / file.getframerate() > 10
    record = from_json((out / "timeline.json").read_bytes())
    assert [leg.direction for leg in record.legs] == ["incoming", "outgoing", "outgoing"]
    assert len(record.recordings) == 1
    page = (out / "timeline.html").read_text()
    assert page.count('class="wave ') == 2
    assert 'aria-label="SIP messages"' in page
    assert "INVITE sip:bob@127.0.0.1" in page
    assert (out / "server" / "data" / "ringline.db").exists()
    assert _processes_of(out) == []


async def test_a_busy_phone_fails_the_demo_and_is_named(tmp_path: Path) -> None:
    ran = await demo("--out", str(tmp_path), "--busy")
    assert ran.status == 1, ran.output
    failed = {step: said for step, said in ran.rows.items() if said.startswith("FAILED")}
    assert failed.pop("it dials Bob") == "FAILED bob's phone refused the call: 486", ran.output
    assert set(failed.values()) == {"FAILED not reached"}, ran.output
    assert ran.rows["digits"].startswith("ok ")
    assert "user_busy by callee, SIP 486" in ran.output
    assert json.loads((tmp_path / "timeline.json").read_bytes())["legs"]
    assert 'class="wave ' in (tmp_path / "timeline.html").read_text()
    assert not (tmp_path / "server").exists()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main.NEEDS, "no_such_package", "it is needed: pip install no-such-package")
    ended = CliRunner().invoke(app, ["demo"])
    assert ended.exit_code == 2
    assert "pip install no-such-package" in ended.stderr


def _processes_of(folder: Path) -> list[str]:
    """Processes that were started for this folder and still run."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = line.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if str(folder) in command:
            found.append(command)
    return found
