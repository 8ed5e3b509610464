"""What every request meets before a handler: key, limit, size, type; and what every answer carries."""

import json
from typing import Any

import httpx
import pytest

from ringline.api.ports import ApiSettings
from ringline.calls.commands import Gather, PlaybackStart
from ringline.store import keys
from ringline.store.errors import StoreUnavailable
from tests.api.conftest import client_of
from tests.api.house import KEY, House

pytestmark = pytest.mark.unit

ACTIONS = "/calls/v3:abc/actions"


def problem(answer: httpx.Response) -> tuple[int, str, object]:
    """Status, code and source of the only problem."""
    (error,) = answer.json()["errors"]
    assert set(error) <= {"code", "title", "detail", "source", "meta"}
    assert error["meta"]["url"].endswith(error["code"])
    return answer.status_code, error["code"], error.get("source")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic S0VZ",
        "Bearer KEY-unknown",
        f"Token {KEY}",
        "Bearer " + "x" * 5000,
    ],
)
async def test_without_a_valid_key_nothing_is_told(stranger: httpx.AsyncClient, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    for path in ("/calls/v3:abc", "/nowhere", "/call_control_applications"):
        assert problem(await stranger.get(path, headers=headers)) == (401, "10009", None)


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer {KEY}", f"Bearer   {KEY} "])
async def test_a_valid_key_opens(stranger: httpx.AsyncClient, header: str) -> None:
    answer = await stranger.get("/call_control_applications", headers={"authorization": header})

    assert answer.status_code == 200


async def test_a_revoked_key_stops_working_within_seconds(api: httpx.AsyncClient, house: House) -> None:
    assert (await api.get("/connections")).status_code == 200
    (key,) = await house.store.read(keys.list_keys, house.account_id)
    await house.store.tx(keys.revoke_key, key.id, house.clock.utc())

    house.clock.advance(5)

    assert (await api.get("/connections")).status_code == 401


async def test_every_answer_has_an_id_and_the_limits(api: httpx.AsyncClient) -> None:
    answers = [
        await api.get("/connections"),
        await api.get("/nowhere"),
        await api.post(f"{ACTIONS}/hangup", content=b"{"),
        await api.get("/connections", headers={"authorization": "Bearer no"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 400, 401]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    remaining = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]
    assert remaining == [59999, 59998, 59997, 59999]  # a failure counts; a stranger has a bucket of his own
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"60000"}
    assert not any("server" in answer.headers for answer in answers)


async def test_too_many_requests_are_told_when_to_come_back(house: House) -> None:
    house.settings = ApiSettings(requests_per_minute=2)
    async with client_of(house, KEY) as api:
        statuses = [(await api.get("/connections")).status_code for _ in range(3)]
        refused = await api.get("/connections")
        house.clock.advance(int(refused.headers["retry-after"]))
        later = await api.get("/connections")

    assert statuses == [200, 200, 429]
    assert problem(refused)[:2] == (429, "10011")
    assert (refused.headers["retry-after"], refused.headers["x-ratelimit-remaining"]) == ("30", "0")
    assert later.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "10005"),
        ("GET", "/connections/", 404, "10005"),
        ("POST", f"{ACTIONS}/dance", 404, "10005"),
        ("GET", "/calls/v3:abc", 404, "10005"),
        ("PUT", "/calls", 405, "10030"),
        ("GET", f"{ACTIONS}/hangup", 405, "10030"),
        ("POST", f"{ACTIONS}/client_state_update", 404, "10005"),
        ("DELETE", "/call_events", 405, "10030"),
    ],
)
async def test_unknown_places_and_methods(
    api: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await api.request(method, path)

    assert problem(answer)[:2] == (status, code)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_bodies_must_be_json(api: httpx.AsyncClient, content_type: str) -> None:
    answer = await api.post(f"{ACTIONS}/hangup", content=b"{}", headers={"content-type": content_type})

    assert problem(answer)[:2] == (415, "10014")


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "application/json; charset=utf-8"}, {"content-type": "application/x+json"}],
)
async def test_json_needs_no_announcement(
    api: httpx.AsyncClient, house: House, headers: dict[str, str]
) -> None:
    answer = await api.post(f"{ACTIONS}/gather", content=b'{"maximum_digits": "4"}', headers=headers)

    assert answer.json() == {"data": {"result": "ok"}}
    (_, _, command) = house.calls.commands[0]
    assert isinstance(command, Gather)
    assert command.rules.maximum == 4


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
async def test_an_empty_body_is_an_empty_object(
    api: httpx.AsyncClient, house: House, content_type: str | None
) -> None:
    headers = {"content-type": content_type} if content_type else {}

    accepted = await api.post(f"{ACTIONS}/gather", headers=headers)
    wanting = await api.post(f"{ACTIONS}/playback_start", headers=headers)

    assert accepted.status_code == 200
    assert problem(wanting) == (422, "10004", {"pointer": "/audio_url"})
    assert len(house.calls.commands) == 1


async def test_an_empty_chunked_body_is_an_empty_object(api: httpx.AsyncClient) -> None:
    async def nothing() -> object:
        yield b""

    answer = await api.post(f"{ACTIONS}/gather", content=nothing())  # type: ignore[arg-type]  # an async generator

    assert answer.status_code == 200


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a":1}x', b"[" * 100_000, b'{"loop": 1e999}', b"nul"])
async def test_what_is_no_json_is_said_to_be_none(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post(f"{ACTIONS}/playback_start", content=body)

    assert answer.status_code in (400, 422)
    assert answer.json()["errors"][0]["code"] in ("10023", "10015", "90009", "10004")


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"true"])
async def test_a_body_that_is_no_object_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post(f"{ACTIONS}/hangup", content=body)

    assert answer.status_code == 422


async def test_large_bodies_are_refused_announced_or_not(house: House) -> None:
    house.settings = ApiSettings(max_body_bytes=100)
    body = json.dumps({"client_state": "a" * 100}).encode()

    async def pieces() -> object:
        for start in range(0, len(body), 10):
            yield body[start : start + 10]

    async with client_of(house, KEY) as api:
        announced = await api.post(f"{ACTIONS}/hangup", content=body)
        piecemeal = await api.post(f"{ACTIONS}/hangup", content=pieces())  # type: ignore[arg-type]  # ditto
        keyed = await api.post(
            f"{ACTIONS}/hangup",
            content=pieces(),  # type: ignore[arg-type]  # ditto
            headers={"idempotency-key": "one"},
        )

    for answer in (announced, piecemeal, keyed):
        assert problem(answer)[:2] == (413, "10015")
    assert house.calls.commands == []


async def test_encoded_ids_arrive_decoded(api: httpx.AsyncClient, house: House) -> None:
    await api.post("/calls/v3%3Aa_b-c%3D/actions/hangup")
    await api.post("/calls/v3%3Aa%2Fb/actions/hangup")

    assert [call for _, call, _ in house.calls.commands] == ["v3:a_b-c=", "v3:a%2Fb"]


async def test_our_own_failure_is_named_in_answer_and_log(
    api: httpx.AsyncClient, house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.calls.refusal = ZeroDivisionError("a bug")

    answer = await api.post(f"{ACTIONS}/hangup")

    request_id = answer.headers["x-request-id"]
    assert problem(answer)[:2] == (500, "10007")
    assert request_id in answer.text
    assert "a bug" not in answer.text
    logged = capsys.readouterr()
    assert request_id in logged.out + logged.err
    assert "ZeroDivisionError" in logged.out + logged.err


async def test_a_store_that_is_away_is_a_503(api: httpx.AsyncClient, house: House) -> None:
    house.calls.refusal = StoreUnavailable("disk full")

    answer = await api.post(f"{ACTIONS}/hangup")

    assert problem(answer)[:2] == (503, "10037")
    assert answer.headers["retry-after"] == "1"


async def test_unknown_members_do_no_harm(api: httpx.AsyncClient, house: House) -> None:
    answer = await api.post(
        f"{ACTIONS}/playback_start", json={"audio_url": "http://a/b.wav", "colour": {"a": [1]}}
    )

    assert answer.status_code == 200
    assert isinstance(house.calls.commands[0][2], PlaybackStart)
    assert "colour" not in house.calls.commands[0][2].redacted_body


async def test_a_store_that_is_away_is_a_503_before_the_key_is_known(house: House) -> None:
    async with client_of(house, KEY) as api:
        await house.store.close()

        assert problem(await api.get("/connections"))[:2] == (503, "10037")


async def test_guesses_are_not_looked_up_without_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.settings = ApiSettings(requests_per_minute=3)
    asked = []
    read = house.store.read

    async def counted(fn: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        return await read(fn, *args, **kwargs)

    monkeypatch.setattr(house.store, "read", counted)
    async with client_of(house, KEY) as api:
        await api.post(f"{ACTIONS}/hangup")
        before = len(asked)
        guesses = [
            await api.get("/connections", headers={"authorization": f"Bearer {number}"})
            for number in range(6)
        ]
        looked_up = len(asked) - before
        house.clock.advance(6)  # the key's account is no longer remembered, but that it was valid is
        mine = await api.post(f"{ACTIONS}/hangup")

    assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429, 429]
    assert looked_up == 3
    assert mine.status_code == 200


@pytest.mark.parametrize("digits", [5_000, 300])
async def test_numbers_of_any_length_are_only_wrong(api: httpx.AsyncClient, digits: int) -> None:
    number = b"9" * digits
    for path, name in (
        (f"{ACTIONS}/gather", b"maximum_digits"),
        (f"{ACTIONS}/speak", b"loop"),
        ("/media", b"ttl_secs"),
    ):
        answer = await api.post(path, content=b'{"%s": %s}' % (name, number))
        assert answer.status_code in (400, 422)


async def test_a_thousand_mistakes_are_told_in_part(api: httpx.AsyncClient) -> None:
    body = {"phone_numbers": [{"phone_number": "x"}] * 900}

    answer = await api.post("/number_orders", json=body)

    assert (answer.status_code, len(answer.json()["errors"])) == (422, 50)


async def test_invented_methods_do_not_fill_the_metrics(api: httpx.AsyncClient) -> None:
    for number in range(3):
        assert (await api.request(f"METHOD{number}", "/connections")).status_code == 405

    text = (await api.get("http://api.test/metrics")).text
    assert 'method="other"' in text
    assert "METHOD" not in text
