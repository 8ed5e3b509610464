"""What the README says of SIP phones, with baresip: it registers, calls, is called, and both sides hear."""

import asyncio
import io
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
import telnyx

from ringline.testing import App, Heard, Server, tone, wav

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]

USER, PASSWORD = "desk4711", "a long secret 1"
APP_NUMBER, PHONE_NUMBER = "+13125550100", "+13125550101"
MODULES = next(Path("/usr/lib").glob("**/baresip/modules"), Path())

CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:0
net_interface 127.0.0.1
audio_source aufile,{folder}/says.wav
audio_player aubridge,nil
ausrc_format s16
auplay_format s16
rtp_ports 21000-21098
snd_path {folder}
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
"""
ACCOUNT = '<sip:{user}@{server}>;auth_user={user};auth_pass="{password}";regint=60;answermode=auto\n'


def prepare(folder: Path, server: str) -> None:
    folder.mkdir()
    (folder / "config").write_text(CONFIG.format(folder=folder, modules=MODULES))
    (folder / "accounts").write_text(ACCOUNT.format(user=USER, password=PASSWORD, server=server))
    (folder / "contacts").touch()
    (folder / "says.wav").write_bytes(wav(tone(700, seconds=30)))


@asynccontextmanager
async def baresip(folder: Path, server: str) -> AsyncIterator[None]:
    """A phone that says a 700 Hz tone, calls the app's number as it starts, and keeps what it hears."""
    prepare(folder, server)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(folder), "-e", f"/dial sip:{APP_NUMBER}@{server}",
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def heard_in(content: bytes) -> Heard:
    """A WAV file of one channel."""
    with wave.open(io.BytesIO(content)) as file:
        heard = Heard(file.getframerate())
        heard.add(np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16))
    return heard


@pytest.fixture
async def client(ringline_server: Server) -> AsyncIterator[telnyx.AsyncTelnyx]:
    one = telnyx.AsyncTelnyx(api_key=ringline_server.api_key, base_url=ringline_server.url)
    async with one:
        yield one


async def test_a_phone_registers_calls_and_is_called(
    ringline_server: Server, ringline_app: App, client: telnyx.AsyncTelnyx, tmp_path: Path
) -> None:
    inbox, do = ringline_app.inbox, client.calls.actions
    app = (
        await client.call_control_applications.create(
            application_name="desk", webhook_event_url=ringline_app.hook
        )
    ).data
    desk = (
        await client.credential_connections.create(connection_name="desk", user_name=USER, password=PASSWORD)
    ).data
    assert app is not None
    assert desk is not None
    for number, connection in ((APP_NUMBER, app.id), (PHONE_NUMBER, desk.id)):
        await client.number_orders.create(
            phone_numbers=[{"phone_number": number}], connection_id=str(connection)
        )

    async with baresip(tmp_path / "phone", ringline_server.sip):
        incoming = await inbox.next("call.initiated", direction="incoming", wait_s=30)
        assert USER in incoming.payload["from"]
        leg = incoming.payload["call_control_id"]
        await do.answer(leg)
        await inbox.next("call.answered")
        await do.start_recording(leg, channels="single", format="wav", recording_track="inbound")
        await do.start_playback(leg, audio_url=ringline_app.serves(wav(tone(600, seconds=1.5))))
        await inbox.next("call.playback.ended")
        await do.hangup(leg)
        saved = await inbox.next("call.recording.saved")

        for to in (f"sip:{USER}@{ringline_server.sip}", PHONE_NUMBER):
            dialled = await client.calls.dial(connection_id=str(app.id), from_=APP_NUMBER, to=to)
            assert dialled.data is not None
            await inbox.next("call.answered", call_control_id=dialled.data.call_control_id)
            await do.hangup(str(dialled.data.call_control_id))
            ended = await inbox.next("call.hangup", call_control_id=dialled.data.call_control_id)
            assert ended.payload["hangup_cause"] == "normal_clearing"

    async with httpx.AsyncClient() as web:
        recording = await web.get(saved.payload["recording_urls"]["wav"])
    assert heard_in(recording.content).tone(700).seconds > 1
    first = min((tmp_path / "phone").glob("dump-*-dec.wav"), key=lambda file: file.name)
    assert heard_in(first.read_bytes()).tone(600).seconds == pytest.approx(1.5, abs=0.2)
