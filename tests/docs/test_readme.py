"""The README's programs, run as they stand there, against a real server and a real phone."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import telnyx

from ringline.testing import Phone, Server

from .pages import commands, programs

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]  # each starts several processes

RUNNING = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


async def run(*command: str, cwd: Path, env: Mapping[str, str]) -> str:
    """Run to the end; its output, or a failure that shows it."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def environment(server: Server, folder: Path) -> dict[str, str]:
    """What the README exports."""
    data = str(server.data / "data")
    ringline = (sys.executable, "-m", "ringline", "keys", "public", "--data", data)
    public = await run(*ringline, cwd=folder, env=os.environ)
    return {
        **os.environ,
        "TELNYX_BASE_URL": server.url,
        "TELNYX_API_KEY": server.api_key,
        "TELNYX_PUBLIC_KEY": public.strip(),
    }


@asynccontextmanager
async def uvicorn(folder: Path, env: Mapping[str, str]) -> AsyncIterator[str]:
    """`uvicorn hello:app` on a free port; yields the port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "uvicorn", "hello:app", "--port", "0",
        cwd=folder, env=env, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            async for line in process.stderr:
                if found := RUNNING.search(line.decode()):
                    break
            else:
                raise AssertionError("uvicorn ended at its start")
        rest = asyncio.create_task(process.stderr.read())
        yield found[1]
    finally:
        process.terminate()
        await process.wait()
    assert b"Traceback" not in await rest


async def test_the_ten_line_app_answers_speaks_and_hangs_up(
    ringline_server: Server, ringline_phone: Phone, tmp_path: Path
) -> None:
    env = await environment(ringline_server, tmp_path)
    (tmp_path / "hello.py").write_text(programs()["hello.py"])
    async with uvicorn(tmp_path, env) as port:
        order = programs()["order.py"]
        assert ":8000/" in order
        (tmp_path / "order.py").write_text(order.replace(":8000/", f":{port}/"))
        await run(sys.executable, "order.py", cwd=tmp_path, env=env)

        call = ringline_phone.dial(f"sip:+13125550100@{ringline_server.sip}")

        await call.answered(wait_s=20)
        await call.ended(wait_s=20)
    assert call.ended_by == "them"
    assert sum(span.seconds for span in call.heard.loud()) > 1


async def test_the_test_in_the_readme_passes(tmp_path: Path) -> None:
    (tmp_path / "test_greeting.py").write_text(programs()["test_greeting.py"])
    options = ("-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "--rootdir", ".")
    output = await run(sys.executable, "-m", "pytest", *options, cwd=tmp_path, env=os.environ)
    assert "1 passed" in output


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_curl_commands_dial_and_make_an_account(
    ringline_server: Server, ringline_phone: Phone, tmp_path: Path
) -> None:
    env = await environment(ringline_server, tmp_path)
    async with telnyx.AsyncTelnyx(api_key=ringline_server.api_key, base_url=ringline_server.url) as client:
        made = await client.call_control_applications.create(
            application_name="curl", webhook_event_url="http://127.0.0.1:9/hook"
        )
    assert made.data is not None

    dial = commands("$TELNYX_BASE_URL/calls ").replace("ID of the application", str(made.data.id))
    await run("sh", "-c", dial.replace("sip:bob@192.0.2.7", ringline_phone.uri), cwd=tmp_path, env=env)
    call = await ringline_phone.next_call()
    assert call.peer.startswith("sip:+13125550100@")
    call.refuse()

    await run("sh", "-c", commands("/credential_connections"), cwd=tmp_path, env=env)
    async with Phone(user="desk4711") as desk:
        assert await desk.register(ringline_server.sip, "a long secret 1") > 0
