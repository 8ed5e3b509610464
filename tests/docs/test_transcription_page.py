"""The program of the page on live transcription, run as it stands there, with a real call to listen to."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
import telnyx

from ringline.testing import Phone, Server, tone
from tests.speech.hearing import tone_engine

from .pages import ROOT
from .test_readme import RUNNING, environment

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]  # it starts several processes

PAGE = ROOT / "docs" / "transcription.md"
PROGRAM = re.compile(r"<!-- file: listen\.py -->\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


async def test_the_app_writes_down_what_a_caller_says(tmp_path: Path) -> None:
    (program,) = PROGRAM.findall(PAGE.read_text())
    (tmp_path / "listen.py").write_text(program)
    async with tone_engine() as engine, Phone() as phone:
        # The first webhook waits until the SDK is imported; told twice, the app would answer twice.
        settings = {
            "recognition.remote_url": engine.url,
            "recognition.vad": "energy",
            "webhooks.timeout_ms": 20_000,
        }
        async with Server(tmp_path, settings=settings) as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "uvicorn", "listen:app", "--port", "0", "--no-access-log",
                cwd=tmp_path, env=await environment(server, tmp_path),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                line = await _call(process, server, phone)
            finally:
                process.terminate()
                _, complaints = await process.communicate()
    assert line.startswith("inbound: alpha")
    assert b"Traceback" not in complaints


async def _call(process: asyncio.subprocess.Process, server: Server, phone: Phone) -> str:
    """Call the app, say something, and return the first line that it prints."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(60):
        async for raw in process.stderr:
            if port := RUNNING.search(raw.decode()):
                break
        else:
            raise AssertionError("uvicorn ended at its start")
        async with telnyx.AsyncTelnyx(api_key=server.api_key, base_url=server.url) as client:
            made = await client.call_control_applications.create(
                application_name="listen", webhook_event_url=f"http://127.0.0.1:{port[1]}/hook"
            )
            assert made.data is not None
            await client.number_orders.create(
                phone_numbers=[{"phone_number": "+13125550100"}], connection_id=str(made.data.id)
            )
        call = await phone.dial(f"sip:+13125550100@{server.sip}").answered(wait_s=20)
        await call.play(tone(440, seconds=1))
        line = (await process.stdout.readline()).decode()
        call.hang_up()
    return line
