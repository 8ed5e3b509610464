"""Each benchmark, small and short: it runs, prints its table, and what it measured really took place."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the programs around the server are C"),
]
sipp = pytest.mark.skipif(
    shutil.which("sipp") is None, reason="sipp is not installed (apt-get install sip-tester)"
)
ROOT = Path(__file__).parents[2]


async def output(name: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks", name, "--quick"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    text = out.decode()
    assert f"## {name}\n" in text
    assert "Limit of these numbers: " in text
    return text


def rows(text: str) -> list[dict[str, str]]:
    """The rows of all tables, by heads."""
    found, heads = [], None
    for line in text.splitlines():
        if not line.startswith("|"):
            heads = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if heads is None:
            heads = cells
        elif not set(line) <= set("|- "):
            found.append(dict(zip(heads, cells, strict=True)))
    return found


async def test_calls() -> None:
    table = rows(await output("calls"))
    floor, *ours = [row for row in table if "× floor" in row]
    assert floor["engine"] == "floor"
    assert floor["× floor"] == "1.00"
    assert len(ours) == 2
    for row in (floor, *ours):
        assert float(row["sound %"]) > 50, "the echo came back"
        assert float(row["phone → app ms p50 / p99"].split(" / ")[0]) > 0, "frames reached the app"
    assert len([row for row in table if "× floor" not in row]) == 2


@sipp
async def test_setup() -> None:
    table = rows(await output("setup"))
    assert [row["way"] for row in table] == ["API", "INVITE"]
    for row in table:
        assert row["completed"] == "10 of 10"
        assert row["webhooks, all signed"] == "30"


async def test_commands() -> None:
    table = {row["what"]: row for row in rows(await output("commands"))}
    assert {row["n"] for row in table.values()} == {"8"}
    assert float(table["playback_start → first packet"]["p50 ms"]) > 0


@sipp
async def test_webhooks() -> None:
    text = await output("webhooks")
    delays, fates = rows(text)
    assert int(delays["n"]) == 6
    assert int(fates["killed"]) == 2
    assert int(fates["events committed"]) > 0
    assert fates["lost"] == "0"
    assert fates["never ended"] == "0"


async def test_frames() -> None:
    table = rows(await output("frames"))
    assert [row["leg"] for row in table] == ["plain", "bridged", "taps and stream", "G722"]
    assert all(float(row["interpreted"]) > 0 for row in table)


async def test_conversations() -> None:
    text = await output("conversations")
    table = {row["query"]: row for row in rows(text)}
    assert table["a call's: metadata eq, one row"]["found"] == "1"
    assert table["newest 20"]["found"] == table["order by metadata"]["found"] == "20"
    assert float(table["by id (the limit)"]["SQLite: p50 ms"]) > 0
    assert "met: every query finds the same conversations in the same order in every store" in text


@pytest.mark.skipif(
    not (Path(os.environ.get("RINGLINE_TEST_MODELS", "none")) / "moonshine-base-en").is_dir(),
    reason="no weights: set RINGLINE_TEST_MODELS",
)
async def test_recognition() -> None:
    text = await output("recognition")
    decodes = [row for row in rows(text) if "× plain" in row]
    assert [float(row["× plain"]) > 0 for row in decodes] == [True] * 3
    assert "met: a draft changes no text" in text
    for row in (row for row in rows(text) if "asked for at" in row):
        assert float(row["word errors %"]) < 50, "the sentences were heard"


async def test_an_unknown_name_is_refused() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks", "speed"), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert re.search(r"no benchmark is called speed; there are calls, ", errors.decode())
