"""Every command of the specification answers nothing at all sensibly, whatever the call's state."""

import httpx
import pytest
import telnyx

from ringline.testing import Phone

from .conftest import Shop

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

NEEDS = {
    "reject": "/cause",
    "bridge": "/call_control_id",
    "transfer": "/to",
    "send_dtmf": "/digits",
    "playback_start": "/audio_url",
    "speak": "/payload",
    "gather_using_audio": "/audio_url",
    "gather_using_speak": "/payload",
    "record_start": "/format",
    "streaming_start": "/stream_url",
}
"""Commands that cannot work without a field, and the field that is named."""

STATELESS = ("playback_stop", "gather", "gather_stop", "transcription_stop")
"""Commands that an answered call obeys without any field."""

IDLE = {"record_stop": "10015", "record_pause": "10015", "record_resume": "10015", "streaming_stop": "90048"}
"""Commands that need something to be going on, and what they say otherwise."""

ABSENT = (
    "ai_assistant_start",
    "ai_assistant_stop",
    "conversation_relay_start",
    "conversation_relay_stop",
    "enqueue",
    "fork_start",
    "fork_stop",
    "gather_using_ai",
    "leave_queue",
    "pay",
    "refer",
    "send_sip_info",
    "siprec_start",
    "siprec_stop",
    "suppression_start",
    "suppression_stop",
    "switch_supervisor_role",
)
"""Commands of the real service that this server does not have."""


class Actions:
    """The commands of one call, with bodies as clients without an SDK send them."""

    def __init__(self, shop: Shop, client: httpx.AsyncClient, call_id: str) -> None:
        self._url = f"{shop.server.url}/calls/{call_id}/actions"
        self._client = client

    async def __call__(self, name: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
        """Status and first error: `code`, `pointer`."""
        method = "PUT" if name == "client_state_update" else "POST"
        answer = await self._client.request(method, f"{self._url}/{name}", content=body)
        errors = answer.json().get("errors", [])
        if not errors:
            assert answer.json() == {"data": {"result": "ok"}} or name == "answer"
            return answer.status_code, {}
        return answer.status_code, {
            "code": errors[0]["code"],
            "pointer": errors[0].get("source", {}).get("pointer", ""),
        }


@pytest.mark.parametrize("body", [b"", b"{}"], ids=["empty", "braces"])
async def test_commands_without_a_body(shop: Shop, phone: Phone, body: bytes) -> None:
    headers = {"authorization": f"Bearer {shop.server.api_key}", "content-type": "application/json"}
    async with httpx.AsyncClient(headers=headers) as client:
        call = phone.dial(shop.sip)
        call_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
        do = Actions(shop, client, call_id)
        for name in ("gather", *IDLE):
            status, error = await do(name, body)
            assert (status, error["code"]) in ((422, "90034"), (422, IDLE.get(name, "")))
        assert await do("answer", body) == (200, {})
        await call.answered()
        await shop.app.inbox.next("call.answered")
        for name, pointer in NEEDS.items():
            assert await do(name, body) == (422, {"code": "10004", "pointer": pointer}), name
        assert await do("client_state_update", body) == (422, {"code": "10004", "pointer": "/client_state"})
        for name in STATELESS:
            assert await do(name, body) == (200, {}), name
        for name, code in IDLE.items():
            status, error = await do(name, body)
            assert (status, error["code"]) == (422, code), name
        # The server of these tests has no recognizer.
        assert await do("transcription_start", body) == (422, {"code": "10038", "pointer": ""})
        for name in ABSENT:
            status, error = await do(name, body)
            assert (status, error["code"]) == (422, "10038"), name
        assert (await do("no_such_command", body))[0] == 404
        assert await do("hangup", body) == (200, {})
        await call.ended()
        await shop.app.inbox.next("call.hangup")
        assert await do("hangup", body) == (422, {"code": "90018", "pointer": ""})
        stranger = Actions(shop, client, "v3%3Anobody%2Fhere")
        for name in ("hangup", *NEEDS, *ABSENT):
            found = await stranger(name, body)
            assert found == (422, {"code": "90015", "pointer": "/call_control_id"}), name


async def test_a_dial_that_nobody_could_write_down_is_not_placed(shop: Shop, phone: Phone) -> None:
    with pytest.raises(telnyx.UnprocessableEntityError, match="10038"):
        await shop.dials(phone.uri, transcription=True)
    await shop.dials(phone.uri)
    await phone.next_call()
    assert len(phone.calls) == 1


async def test_bodies_that_are_no_objects(shop: Shop, phone: Phone) -> None:
    phone.dial(shop.sip)
    call_id = (await shop.app.inbox.next("call.initiated")).payload["call_control_id"]
    headers = {"authorization": f"Bearer {shop.server.api_key}", "content-type": "application/json"}
    async with httpx.AsyncClient(headers=headers) as client:
        do = Actions(shop, client, call_id)
        for body in (
            b"{",
            b"\xff\xfe",
            b"[]",
            b"7",
            b'"x"',
            b"[" * 3000,
            b'{"client_state": 7}',
            b"{}{}",
            b"null",
        ):
            for name in ("hangup", "speak", "reject"):
                status, error = await do(name, body)
                assert status in (400, 422), (name, body, error)
        assert await do("hangup") == (200, {})
