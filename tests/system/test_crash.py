"""A server that is killed: no event is lost, no recording on disk is lost, no app waits for ever."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
import telnyx

from ringline.testing import App, Phone, Server, tone

pytestmark = [pytest.mark.fault, pytest.mark.asyncio(loop_scope="session")]


async def test_kill_ends_calls_and_saves_recordings_at_the_next_start(tmp_path: Path) -> None:
    async with App() as app, Phone(manner="answer") as phone:
        server = Server(tmp_path)
        await server.start()
        client = telnyx.Telnyx(api_key=server.api_key, base_url=server.url, max_retries=0)
        application = await asyncio.to_thread(
            client.call_control_applications.create, application_name="t", webhook_event_url=app.hook
        )
        assert application.data is not None
        dialled = await asyncio.to_thread(
            client.calls.dial,
            connection_id=str(application.data.id),
            from_="+15550001",
            to=phone.uri,
            record="record-from-answer",
            record_format="wav",
        )
        assert dialled.data is not None
        call = await phone.next_call()
        await app.inbox.next("call.answered")
        await call.play(tone(500, 4))
        await asyncio.sleep(3.5)  # the subject is what of the recording has reached the disk
        await server.kill()
        await server.start()
        try:
            hangup = await app.inbox.next("call.hangup")
            assert hangup.payload["hangup_cause"] == "unspecified"
            saved = await app.inbox.next("call.recording.saved")
            client = telnyx.Telnyx(api_key=server.api_key, base_url=server.url, max_retries=0)
            found = await asyncio.to_thread(client.recordings.retrieve, saved.payload["recording_id"])
            assert found.data is not None
            assert (found.data.duration_millis or 0) >= 1500
            status = await asyncio.to_thread(client.calls.retrieve_status, dialled.data.call_control_id)
            assert status.data is not None
            assert status.data.is_alive is False
        finally:
            await server.stop()


async def test_events_queued_for_a_dead_app_come_after_a_kill(tmp_path: Path) -> None:
    async with App() as app, Phone(manner="refuse") as phone:
        app.inbox.status = lambda _received: 503
        server = Server(tmp_path)
        await server.start()
        client = telnyx.Telnyx(api_key=server.api_key, base_url=server.url, max_retries=0)
        application = await asyncio.to_thread(
            client.call_control_applications.create, application_name="t", webhook_event_url=app.hook
        )
        assert application.data is not None
        for _ in range(3):
            await asyncio.to_thread(
                client.calls.dial,
                connection_id=str(application.data.id),
                from_="+15550001",
                to=phone.uri,
            )
        await app.inbox.until(lambda: app.inbox.types.count("call.initiated") >= 3, "attempts")
        await server.kill()
        before = {one.id for one in app.inbox.received}
        app.inbox.received.clear()
        app.inbox.status = lambda _received: 200
        await server.start()
        try:
            await app.inbox.until(
                lambda: app.inbox.types.count("call.hangup") >= 3, "the ends of three calls", 20
            )
            assert {one.id for one in app.inbox.received if one.type == "call.initiated"} <= before
            assert len({one.id for one in app.inbox.received if one.type == "call.initiated"}) == 3
        finally:
            await server.stop()


async def test_one_sigterm_lets_calls_end_by_themselves(tmp_path: Path) -> None:
    async with App() as app, Phone(manner="answer") as phone:
        server = Server(tmp_path, settings={"drain_secs": 20})
        await server.start()
        client = telnyx.Telnyx(api_key=server.api_key, base_url=server.url, max_retries=0)
        application = await asyncio.to_thread(
            client.call_control_applications.create, application_name="t", webhook_event_url=app.hook
        )
        assert application.data is not None
        dialled = await asyncio.to_thread(
            client.calls.dial, connection_id=str(application.data.id), from_="+15550001", to=phone.uri
        )
        assert dialled.data is not None
        call = await phone.next_call()
        await app.inbox.next("call.answered")
        draining = asyncio.create_task(server.drain())
        refused = phone.dial(f"sip:+15559999@{server.sip}")
        await refused.ended()
        assert refused.status in (404, 503)
        for make_a_leg in (
            partial(
                client.calls.dial, connection_id=str(application.data.id), from_="+15550001", to=phone.uri
            ),
            partial(client.calls.actions.transfer, str(dialled.data.call_control_id), to=phone.uri),
        ):
            with pytest.raises(telnyx.InternalServerError, match="10037") as stopping:
                await asyncio.to_thread(make_a_leg)
            assert stopping.value.response.status_code == 503
            assert stopping.value.response.headers["retry-after"] == "5"
        assert len(phone.calls) == 2
        assert not call.over
        call.hang_up()
        assert await draining == 0
        await app.inbox.next("call.hangup")
