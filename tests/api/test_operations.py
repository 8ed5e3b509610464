"""Pages for operators and readers: health, metrics, the description, the documentation; the public key."""

import json
from html.parser import HTMLParser

import httpx
import pytest

from ringline.api.models.errors import ErrorEnvelope
from ringline.api.pages import render
from ringline.api.ports import Health
from ringline.store import keys
from ringline.webhooks.signing import Signer
from tests.api.house import KEY, House

pytestmark = pytest.mark.unit

ROOT = "http://api.test"


async def test_health_and_readiness(stranger: httpx.AsyncClient, house: House) -> None:
    well = [await stranger.get(f"{ROOT}/{page}") for page in ("healthz", "readyz")]
    house.health = Health(False, {"media_engine": "interpreted"})
    draining = [await stranger.get(f"{ROOT}/{page}") for page in ("healthz", "readyz")]

    assert [answer.status_code for answer in well] == [200, 200]
    assert well[0].json() == {"status": "ok", "version": "test"}
    assert [answer.status_code for answer in draining] == [200, 503]
    assert draining[1].json() == {"status": "not ready", "media_engine": "interpreted"}


async def test_requests_are_counted_by_route(api: httpx.AsyncClient) -> None:
    for call in ("v3:a", "v3:b"):
        await api.post(f"/calls/{call}/actions/hangup")
    await api.get("/nowhere/v3:a")
    await api.get("/connections", headers={"authorization": "Bearer no"})

    text = (await api.get(f"{ROOT}/metrics")).text

    route = 'route="/calls/{call_control_id}/actions/hangup"'
    assert f'ringline_api_requests_total{{method="POST",{route},status="200"}} 2.0' in text
    assert 'ringline_api_requests_total{method="GET",route="none",status="404"} 1.0' in text
    assert 'ringline_api_requests_total{method="GET",route="none",status="401"} 1.0' in text
    assert "ringline_api_request_seconds_count 4.0" in text
    assert "v3:a" not in text


async def test_the_public_key_is_the_accounts(
    api: httpx.AsyncClient, other: httpx.AsyncClient, stranger: httpx.AsyncClient, house: House
) -> None:
    mine = (await api.get("/public_key")).json()["data"]["public"]

    now = house.clock.utc()
    seed = await house.store.tx(keys.signing_seed, house.account_id, ids=house.ids, now=now)
    assert mine == Signer(seed).public_key
    assert (await stranger.get("/public_key")).json()["data"]["public"] == mine
    assert (await other.get("/public_key")).json()["data"]["public"] != mine


ASKING_MODELS = {
    f"/v2{base}/{operation}"
    for base in ("", "/ai", "/ai/openai")
    for operation in ("chat/completions", "responses", "embeddings")
}


async def test_failures_of_the_server_are_described_where_there_are_any(
    stranger: httpx.AsyncClient, api: httpx.AsyncClient, house: House
) -> None:
    description = (await stranger.get(f"{ROOT}/openapi.json")).json()
    asking = set()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            failures = {status for status in operation["responses"] if status.startswith("5")}
            assert "503" in failures, (method, path)
            assert "Retry-After" in operation["responses"]["503"]["headers"]
            asking |= {path} if failures == {"502", "503", "504"} else set()
            assert failures in ({"503"}, {"502", "503", "504"}), (method, path)
    assert asking == ASKING_MODELS

    assert (await api.get("/connections")).status_code == 200  # its key is known from now on
    await house.store.close()
    lists = [path for path, one in description["paths"].items() if "get" in one and "{" not in path]
    away = [await api.get(f"{ROOT}{path}") for path in lists]
    for answer in (one for one in away if one.status_code != 200):
        assert answer.status_code in (422, 503), answer.url
        assert ErrorEnvelope.model_validate_json(answer.content).errors
        assert answer.status_code == 422 or int(answer.headers["retry-after"]) >= 1
    assert sum(answer.status_code == 503 for answer in away) > 10


async def test_the_description_names_every_route(stranger: httpx.AsyncClient) -> None:
    description = (await stranger.get(f"{ROOT}/openapi.json")).json()

    operations = [
        (method, path, operation)
        for path, item in description["paths"].items()
        for method, operation in item.items()
    ]
    assert len(operations) > 60
    assert all(path.startswith("/v2/") for _, path, _ in operations)
    assert all(operation["description"] and operation["tags"] for _, _, operation in operations)
    assert description["security"] == [{"key": []}]
    assert "HTTPValidationError" not in json.dumps(description)
    dial = description["components"]["schemas"]["Dial"]
    assert dial["required"] == ["connection_id", "from", "to"]
    assert "_without_nulls" not in json.dumps(dial)


class Reader(HTMLParser):
    """Notes links, and that every element is closed."""

    OPEN = frozenset({"meta", "td", "th", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.stack: list[str] = []
        self.details = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := values.get(name))]
        if values.get("id"):
            self.ids.add(str(values["id"]))
        self.details += tag == "details"
        if tag not in self.OPEN:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


async def test_the_documentation_stands_by_itself(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get(f"{ROOT}/docs")

    reader = Reader()
    reader.feed(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert reader.stack == []
    assert reader.details > 60
    assert {link for link in reader.links if not link.startswith("#")} == {
        "/openapi.json",
        "/asyncapi.json",
    }
    assert {link[1:] for link in reader.links if link.startswith("#")} <= reader.ids
    assert "curl -X POST" in answer.text


async def test_examples_of_the_documentation_work(api: httpx.AsyncClient) -> None:
    """Each body example of a call command is accepted as it is printed."""
    description = (await api.get(f"{ROOT}/openapi.json")).json()
    page = render(description, ROOT)

    commands = [path for path in description["paths"] if "/actions/" in path and path.startswith("/v2/calls")]
    refused = {}
    for path in commands:
        printed = page.split(f"{ROOT}{path}&#x27;")[1].split("</pre>")[0].split("-d &#x27;")[1]
        body = printed.rpartition("&#x27;")[0].replace("&quot;", '"').replace("&#x27;\\&#x27;&#x27;", "'")
        method = next(iter(description["paths"][path]))
        answer = await api.request(
            method.upper(), f"{ROOT}{path.replace('{call_control_id}', 'v3:a')}", json=json.loads(body)
        )
        if answer.status_code != 200:
            refused[path] = (body, answer.text)

    assert len(commands) >= 20
    assert refused == {}


def test_a_hostile_description_is_only_text() -> None:
    evil = "<script>alert(1)</script>"
    description = {
        "info": {"title": evil, "version": evil, "description": evil},
        "paths": {
            f"/{evil}": {
                "get": {
                    "tags": [evil],
                    "description": evil,
                    "parameters": [
                        {"name": evil, "in": "query", "description": evil, "schema": {"enum": [evil]}}
                    ],
                }
            }
        },
    }

    assert "<script" not in render(description, ROOT)


async def test_keys_are_nowhere_in_the_pages(api: httpx.AsyncClient) -> None:
    for page in ("docs", "openapi.json", "metrics", "healthz"):
        assert KEY not in (await api.get(f"{ROOT}/{page}")).text
