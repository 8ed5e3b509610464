"""A real call, and what the commands tell of it while it lasts and afterwards."""

import asyncio
import json
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from ringline.testing import Phone, tone, wav
from ringline.timeline.export import from_zip
from tests.system.conftest import Shop

from .command import Said, ringline

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]


@dataclass
class Call:
    """A call that is over."""

    shop: Shop
    id: str
    leg_id: str
    session_id: str
    hangup_id: str


async def run(shop: Shop, *words: object) -> Said:
    """A command on the data of the server that runs."""
    return await asyncio.to_thread(ringline, *words, "--data", shop.server.data / "data")


def section(said: Said, title: str) -> list[str]:
    """The lines of a section, the head of its columns first."""
    begins = said.lines.index(title) + 1
    return said.lines[begins : said.lines.index("", begins)]


@pytest_asyncio.fixture(loop_scope="session")
async def call(shop: Shop, phone: Phone) -> Call:
    """Answered, a tone played, the keys 4 and 2 pressed and 7 sent, hung up by the caller."""
    talk = phone.dial(shop.sip)
    call_id = await shop.takes(talk)
    url = shop.app.serves(wav(tone(700, seconds=0.5)))
    await shop.do(shop.client.calls.actions.start_playback, call_id, audio_url=url)
    await shop.app.inbox.next("call.playback.ended")
    talk.press("42")
    for _ in range(2):
        await shop.app.inbox.next("call.dtmf.received")
    await shop.do(shop.client.calls.actions.send_dtmf, call_id, digits="7")
    await talk.until(lambda: talk.digits == "7", "the key")
    talk.hang_up()
    hangup = await shop.app.inbox.next("call.hangup")
    # The server notes the app's answer to a webhook after the app has given it.
    while True:
        pending = await run(shop, "webhooks", "list", "--pending", "--json")
        if not pending.json:
            break
    one = hangup.payload
    return Call(shop, call_id, one["call_leg_id"], one["call_session_id"], hangup.id)


async def test_list_shows_the_call_with_its_parties_and_its_end(call: Call) -> None:
    said = await run(call.shop, "calls", "list")
    row = next(line for line in said.lines if line.startswith(call.leg_id))
    assert re.search(rf"incoming +\S+ +\{call.shop.number} +ended +\d\.\d\d s +normal_clearing +caller", row)

    listed = (await run(call.shop, "calls", "list", "--limit", "1", "--json")).json

    assert len(listed) == 1
    assert listed[0]["call_leg_id"] == call.leg_id
    assert listed[0]["to"] == call.shop.number
    assert (listed[0]["hangup_cause"], listed[0]["alive"]) == ("normal_clearing", False)
    alive = (await run(call.shop, "calls", "list", "--alive", "--json")).json
    assert call.leg_id not in [leg["call_leg_id"] for leg in alive]


async def test_show_tells_the_story(call: Call) -> None:
    said = await run(call.shop, "calls", "show", call.id)

    assert said.status == 0
    assert "  The caller ended it: normal_clearing" in "\n".join(said.lines[:8])
    assert any(line.startswith("  PCMU/8000") and "packets in" in line for line in said.lines[:8])
    ladder = section(said, "SIP")
    invite = next(number for number, row in enumerate(ladder) if "──▶ ringline  INVITE sip:" in row)
    answer = next(number for number, row in enumerate(ladder) if "◀── ringline  200 OK (INVITE)" in row)
    ack = next(number for number, row in enumerate(ladder) if "──▶ ringline  ACK sip:" in row)
    bye = next(number for number, row in enumerate(ladder) if "──▶ ringline  BYE sip:" in row)
    assert invite < answer < ack < bye

    webhooks = section(said, "Webhooks")
    assert [row.split()[1] for row in webhooks[1:]] == [
        "call.initiated",
        "call.answered",
        "call.playback.started",
        "call.playback.ended",
        "call.dtmf.received",
        "call.dtmf.received",
        "call.hangup",
    ]
    for row in webhooks[1:]:
        found = re.fullmatch(
            r"\d+\.\d{3} +\S+ +delivered +(\d+\.\d) +(\d+\.\d) +1 +200 in (\d+\.\d) ms from (\S+) +\S{36}",
            row,
        )
        assert found, row
        sent, delivered, latency = map(float, found.groups()[:3])
        assert 0 <= sent <= delivered
        assert delivered == pytest.approx(sent + latency, abs=0.2)
        assert found[4] == call.shop.app.hook

    played = next(row for row in section(said, "Sound") if " play " in row)
    assert re.search(r"play +0\.\d\d s +500 ms +completed", played)
    keys = section(said, "Keys")
    assert [row.split()[1:3] for row in keys[1:]] == [["received", "•"], ["received", "•"], ["sent", "•"]]
    log = said.lines[said.lines.index("Log") + 1 :]
    assert any(re.match(r" +\d+\.\d{3}  command   answer", line) for line in log)
    assert any("ended     normal_clearing by caller" in line for line in log)
    assert call.shop.number not in said.out


async def test_reveal_shows_digits_and_numbers(call: Call) -> None:
    said = await run(call.shop, "calls", "show", call.leg_id[:13], "--reveal")
    keys = section(said, "Keys")
    assert [row.split()[1:3] for row in keys[1:]] == [["received", "4"], ["received", "2"], ["sent", "7"]]
    assert call.shop.number in said.lines[0]


async def test_an_export_is_read_back(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "call.zip"
    exported = await run(call.shop, "calls", "export", call.session_id, "-o", file)
    assert exported.status == 0
    record = from_zip(file.read_bytes())
    assert [leg.leg_id for leg in record.legs] == [call.leg_id]
    assert record.redacted
    assert sorted(zipfile.ZipFile(file).namelist()) == ["call.html", "call.json", "call.txt"]

    from_file = await asyncio.to_thread(ringline, "calls", "show", file)
    from_store = await run(call.shop, "calls", "show", call.session_id)

    assert from_file.out == from_store.out
    as_json = tmp_path / "call.json"
    as_json.write_text((await run(call.shop, "calls", "show", call.id, "--json")).out)
    assert (await asyncio.to_thread(ringline, "calls", "show", as_json)).out == from_store.out
    assert json.loads(as_json.read_text())["legs"][0]["hangup_cause"] == "normal_clearing"


async def test_the_page_is_written(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "call.html"
    said = await run(call.shop, "calls", "show", call.id, "--html", file)
    assert said.lines == [f"wrote {file}"]
    page = file.read_text()
    assert "The caller ended it: normal_clearing" in page
    assert "200 OK (INVITE)" in page
    assert "BYE sip:" in page
    assert page.count("call.dtmf.received") >= 2
    assert call.shop.number not in page


async def test_a_webhook_is_sent_again_by_the_running_server(call: Call) -> None:
    said = await run(call.shop, "webhooks", "redeliver", call.hangup_id[:13])
    assert said.lines == [f"event {call.hangup_id} will be sent again to 1 app"]
    again = await call.shop.app.inbox.next("call.hangup")
    assert again.id == call.hangup_id
    assert again.event["meta"]["attempt"] == 2


async def test_follow_prints_a_call_as_it_happens(shop: Shop, phone: Phone) -> None:
    talk = phone.dial(shop.sip)
    call_id = await shop.takes(talk)
    words = ["-m", "ringline", "calls", "show", call_id, "--follow", "--data", shop.server.data / "data"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, words), stdout=asyncio.subprocess.PIPE, env={"PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    while "answered" not in (line := (await process.stdout.readline()).decode()):
        assert line
    await shop.do(shop.client.calls.actions.send_dtmf, call_id, digits="5")
    while "dtmf →" not in (line := (await process.stdout.readline()).decode()):
        assert line
    assert line.rstrip().endswith("•")
    talk.hang_up()
    lines = (await process.stdout.read()).decode().splitlines()
    assert await process.wait() == 0
    assert any("call.hangup attempt 1" in line and "200 in" in line for line in lines)
    assert lines[-1] == "  The caller ended it: normal_clearing, SIP 200."
