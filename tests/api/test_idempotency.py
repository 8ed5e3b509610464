"""`Idempotency-Key`: a repeated POST has one effect and one answer."""

import asyncio

import httpx
import pytest

from ringline.calls.commands import Command, CommandResult
from ringline.core.errors import ApiError
from ringline.store.errors import StoreUnavailable
from tests.api.conftest import client_of
from tests.api.house import KEY, House, NotingCalls

pytestmark = pytest.mark.unit

HANGUP = "/calls/v3:a/actions/hangup"
FIRST = {"idempotency-key": "first"}


async def test_a_repeat_gets_the_first_answer(api: httpx.AsyncClient, house: House) -> None:
    body = {"application_name": "a", "webhook_event_url": "https://a/b"}

    first = await api.post("/call_control_applications", json=body, headers=FIRST)
    again = await api.post("/call_control_applications", json=body, headers=FIRST)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["content-type"] == "application/json"
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert len((await api.get("/call_control_applications")).json()["data"]) == 1


async def test_a_refusal_is_an_answer_too(api: httpx.AsyncClient, house: House) -> None:
    first = await api.post("/calls", json={}, headers=FIRST)
    again = await api.post("/calls", json={}, headers=FIRST)

    assert (first.status_code, again.status_code, again.content) == (422, 422, first.content)


async def test_a_key_belongs_to_one_request(api: httpx.AsyncClient, house: House) -> None:
    await api.post(HANGUP, json={"reason": "one"}, headers=FIRST)

    other_body = await api.post(HANGUP, json={"reason": "two"}, headers=FIRST)
    other_path = await api.post("/calls/v3:b/actions/hangup", json={"reason": "two"}, headers=FIRST)

    assert (other_body.status_code, other_body.json()["errors"][0]["code"]) == (422, "10027")
    assert other_path.status_code == 200
    assert [call for _, call, _ in house.calls.commands] == ["v3:a", "v3:b"]


async def test_accounts_have_their_own_keys(
    api: httpx.AsyncClient, other: httpx.AsyncClient, house: House
) -> None:
    await api.post(HANGUP, headers=FIRST)
    await other.post(HANGUP, headers=FIRST)

    assert [account for account, _, _ in house.calls.commands] == [house.account_id, house.other_account_id]


async def test_our_failures_are_not_kept(api: httpx.AsyncClient, house: House) -> None:
    for failure in (StoreUnavailable("full"), ZeroDivisionError()):
        house.calls.refusal = failure
        assert (await api.post(HANGUP, headers=FIRST)).status_code >= 500
    house.calls.refusal = None

    assert (await api.post(HANGUP, headers=FIRST)).status_code == 200


async def test_a_key_works_for_a_day(api: httpx.AsyncClient, house: House) -> None:
    await api.post(HANGUP, headers=FIRST)
    house.clock.advance(24 * 3600 - 1)
    await api.post(HANGUP, headers=FIRST)
    within = len(house.calls.commands)
    house.clock.advance(1)
    await api.post(HANGUP, headers=FIRST)

    assert (within, len(house.calls.commands)) == (1, 2)


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_keys_have_a_length(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.post(HANGUP, headers={"idempotency-key": key})

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["source"]) == (422, {"parameter": "Idempotency-Key"})


async def test_reading_needs_no_key(api: httpx.AsyncClient) -> None:
    answers = [await api.get("/connections", headers=FIRST) for _ in range(2)]

    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, None]


class SlowCalls(NotingCalls):
    """Accepts a command when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def command(self, account_id: str, call_control_id: str, command: Command) -> CommandResult:
        self.begun.set()
        await self.go_on.wait()
        return await super().command(account_id, call_control_id, command)


async def test_two_at_once_are_one(house: House) -> None:
    house.calls = calls = SlowCalls()
    async with client_of(house, KEY) as api:
        first = asyncio.create_task(api.post(HANGUP, headers=FIRST))
        await calls.begun.wait()
        meanwhile = await api.post(HANGUP, headers=FIRST)
        calls.go_on.set()
        answer = await first

    assert (meanwhile.status_code, meanwhile.json()["errors"][0]["code"]) == (409, "10036")
    assert (answer.status_code, len(calls.commands)) == (200, 1)


async def test_a_refusal_of_the_call_is_repeated(api: httpx.AsyncClient, house: House) -> None:
    from ringline.calls import errors

    house.calls.refusal = refusal = errors.ended()
    first = await api.post(HANGUP, headers=FIRST)
    house.calls.refusal = None

    assert isinstance(refusal, ApiError)
    assert (await api.post(HANGUP, headers=FIRST)).content == first.content
    assert first.json()["errors"][0]["code"] == "90018"
