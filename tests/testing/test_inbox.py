"""What reaches the inbox was signed by the server; whoever waits is told of anything else."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import aiohttp
import pytest
import pytest_asyncio

from ringline.testing import App, InboxError, Server
from ringline.testing import verify as verify_module
from ringline.testing.verify import check, verifier
from ringline.webhooks.signing import Signer

pytestmark = pytest.mark.unit
SIGNER = Signer(bytes(32))
NOW = datetime(2030, 1, 1, tzinfo=UTC)
EVENT = json.dumps(
    {"data": {"event_type": "call.answered", "id": "e1", "payload": {"call_control_id": "c1"}}}
).encode()


@pytest_asyncio.fixture
async def app() -> AsyncIterator[App]:
    async with App(SIGNER.public_key) as one:
        yield one


async def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as answer:
        return answer.status


async def test_what_the_server_signed_is_received(app: App) -> None:
    assert await post(app.hook, EVENT, SIGNER.headers(EVENT, datetime.now(UTC))) == 200
    assert (await app.inbox.next("call.answered")).id == "e1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        Signer(b"1" * 32).headers(EVENT, datetime.now(UTC)),
        SIGNER.headers(EVENT + b" ", datetime.now(UTC)),
        SIGNER.headers(EVENT, datetime.now(UTC) - timedelta(hours=1)),
    ],
    ids=["unsigned", "by another", "of another body", "long ago"],
)
async def test_anything_else_is_refused_and_told(app: App, headers: dict[str, str]) -> None:
    assert await post(app.hook, EVENT, headers) == 403
    assert app.inbox.received == []
    with pytest.raises(InboxError, match="a request to /hook was refused"):
        await app.inbox.next("call.answered")
    with pytest.raises(InboxError, match="was refused"):
        await app.inbox.until(lambda: False, "anything")


async def test_a_webhook_by_get_is_checked_by_its_query(app: App) -> None:
    query = "event_type=call.answered&id=e%2B2"
    async with aiohttp.ClientSession() as http:
        for headers, status in (({}, 403), (SIGNER.headers(query.encode(), datetime.now(UTC)), 200)):
            answer = await http.get(f"{app.hook}?{query}", headers=headers)
            assert answer.status == status
    assert [one.id for one in app.inbox.received] == ["e+2"]


async def test_a_body_that_is_no_json_is_answered_400(app: App) -> None:
    assert await post(app.hook, b"\xff{") == 400


async def test_without_a_key_everything_is_received() -> None:
    async with App() as app:
        assert await post(app.hook, EVENT) == 200
        assert (await app.inbox.next("call.answered")).id == "e1"


@pytest.mark.skipif(not (find_spec("telnyx") and find_spec("nacl")), reason="needs telnyx[webhooks]")
def test_it_is_the_sdk_that_verifies() -> None:
    with pytest.raises(ValueError, match="Missing required header: Telnyx-Signature-Ed25519"):
        verifier(SIGNER.public_key)("{}", {})


def test_without_the_sdk_the_same_rule_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_module, "find_spec", lambda _name: None)
    verify = verifier(SIGNER.public_key)
    verify(EVENT.decode(), SIGNER.headers(EVENT, datetime.now(UTC)))
    with pytest.raises(ValueError, match="it has no signature"):
        verify(EVENT.decode(), {})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"telnyx-timestamp": "٣"}, "timestamp"),
        ({"telnyx-timestamp": "1"}, "timestamp"),
        ({"telnyx-signature-ed25519": "!"}, "not the server's"),
        ({"telnyx-signature-ed25519": "AAAA"}, "not the server's"),
    ],
)
def test_our_own_check_says_what_is_wrong(change: dict[str, str], problem: str) -> None:
    headers = SIGNER.headers(b"x=1", NOW)
    check(SIGNER.public_key, "x=1", headers, now_s=NOW.timestamp())
    with pytest.raises(ValueError, match=problem):
        check(SIGNER.public_key, "x=1", headers | change, now_s=NOW.timestamp())


async def test_the_fixtures_app_knows_its_servers_key(ringline_server: Server, ringline_app: App) -> None:
    assert await post(ringline_app.hook, EVENT) == 403
    with pytest.raises(InboxError, match="was refused"):
        await ringline_app.inbox.next("call.answered")
