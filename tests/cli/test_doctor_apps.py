"""The doctor visits real apps: one that does well, one that verifies nothing, one that is not there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import telnyx

from ringline.cli.doctor import apps
from ringline.cli.doctor.findings import Level
from ringline.core.settings import Settings, WebhookSettings
from ringline.streams.frames import AUTH_HEADER
from ringline.testing import App
from ringline.testing.app import Received

from . import story
from .command import ringline

pytestmark = pytest.mark.unit


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with App() as one:
        yield one


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    story.create(tmp_path / "ringline.db").close()
    return Settings(data=tmp_path, webhooks=WebhookSettings(timeout_ms=1000))


async def test_an_app_that_verifies(app: App, settings: Settings) -> None:
    key = ringline("keys", "public", "--data", settings.data).out.strip()
    verifier = telnyx.Telnyx(api_key="x", public_key=key)
    seen: list[str] = []

    def judge(received: Received) -> int:
        try:
            event = verifier.webhooks.unwrap(received.body.decode(), headers=received.headers)
        except telnyx.TelnyxError:
            return 403
        seen.append(type(event).__name__)
        return 200

    app.inbox.status = judge

    # The SDK builds its models at its first event, which may take seconds.
    patient = settings.model_copy(update={"webhooks": WebhookSettings(timeout_ms=30_000)})
    findings = await apps.check_webhook(app.hook, patient)

    assert Level.FAIL not in [finding.level for finding in findings]
    assert findings[0].text.startswith(f"{app.hook} took a signed test event with 200 ")
    assert findings[1].text == "the app refuses an event whose signature is wrong"
    assert key in findings[2].text
    assert app.inbox.types == ["call.hangup"] * 2
    assert len(seen) == 1


async def test_an_app_that_believes_anybody(app: App, settings: Settings) -> None:
    findings = await apps.check_webhook(app.hook, settings)
    assert [finding.level for finding in findings] == [Level.OK, Level.WARN, Level.OK]
    assert "unwrap" in findings[1].advice


async def test_an_app_that_fails(app: App, settings: Settings) -> None:
    app.inbox.status = lambda _received: 500
    findings = await apps.check_webhook(app.hook, settings)
    assert [finding.level for finding in findings] == [Level.FAIL, Level.OK]
    assert "HTTP status 500" in findings[0].text
    assert len(app.inbox.received) == 1


async def test_an_app_that_is_not_there(settings: Settings, unused_tcp_port: int) -> None:
    findings = await apps.check_webhook(f"http://127.0.0.1:{unused_tcp_port}/", settings)
    assert findings[0].level is Level.FAIL
    assert "is the app running" in findings[0].advice


async def test_an_address_that_is_never_allowed(settings: Settings) -> None:
    findings = await apps.check_webhook("http://169.254.169.254/", settings)
    assert findings[0].level is Level.FAIL
    assert "the network policy forbids 169.254.169.254" in findings[0].text


async def test_without_a_store_nothing_can_be_signed(app: App, tmp_path: Path) -> None:
    [finding] = await apps.check_webhook(app.hook, Settings(data=tmp_path / "none"))
    assert finding.level is Level.FAIL
    assert app.inbox.received == []


async def test_a_stream_is_visited(app: App, settings: Settings) -> None:
    checking = asyncio.create_task(apps.check_stream(app.stream_url, "hush", settings))
    stream = await app.next_stream()
    start = await stream.next("start")
    assert start["start"]["media_format"]["encoding"] == "PCMU"
    assert stream.headers[AUTH_HEADER] == "hush"
    findings = await checking
    assert Level.FAIL not in [finding.level for finding in findings]
    assert any("handshake" in finding.text for finding in findings)


async def test_the_command_line_reports_both(app: App, settings: Settings) -> None:
    app.accept_streams = False
    said = await asyncio.to_thread(
        ringline,
        "doctor",
        "--json",
        "--webhook",
        app.hook,
        "--stream",
        app.stream_url,
        "--data",
        settings.data,
        environ={"RINGLINE_HTTP_PORT": "0", "RINGLINE_SIP_PORT": "0"},
    )
    levels = [(one["subject"], one["level"]) for one in said.json if one["subject"] in ("stream", "webhook")]
    assert ("stream", "fail") in levels
    assert ("webhook", "ok") in levels
    assert said.status == 1
