"""The pages on AI are run as they stand there, from top to bottom, against a real server.

What answers behind it is scripted: the pages promise a protocol, not what a model thinks.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ringline.testing.engine import Engine, Reply, echo
from tests.docs.pages import ROOT
from tests.finetune.serving import a_server, command

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

FAMILIES = ("chat", "embeddings", "conversations", "insights", "fine-tuning", "storage", "reports")
PAGES = [ROOT / "docs" / "ai" / f"{family}.md" for family in FAMILIES]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```\n(?:```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
TAGS = {"chat", "responses", "models", "conversations", "insights", "fine-tuning", "storage", "reports"}
SERVED = re.compile(
    r'^ringline_api_requests_total{method="(\w+)",route="([^"]+)",status="2\d\d"}', re.MULTILINE
)
CONTACT = '{"name": "Ann", "number": "+13125550100"}'


@dataclass(frozen=True)
class Example:
    """One block, and what the page says that it prints."""

    language: str
    text: str
    printed: str | None


def examples(page: Path) -> list[Example]:
    """Every block of a page; none may hide behind a fence that is not read."""
    text = page.read_text()
    assert len(BLOCK.findall(text)) == text.count("```sh\n") + text.count("```python\n")
    return [Example(*(part or None for part in found)) for found in BLOCK.findall(text)]  # type: ignore[arg-type]  # the first two are never empty


def answer(request: dict[str, Any]) -> Reply:
    """What the pages expect of a good model."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return Reply("It is 21 degrees in Chicago.")
    if request.get("tools"):
        return Reply(calls=(("temperature", '{"city": "Chicago"}'),))
    asked = str(last["content"])
    if "SIP trunk" in asked:
        return Reply("A SIP trunk carries calls between a phone system and a carrier.")
    if "Ann's number" in asked:
        return Reply(CONTACT)
    return Reply('{"score":5}') if "score" in str(request.get("response_format")) else echo(request)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, str]]:
    """Variables by which the examples find a server."""
    folder = tmp_path_factory.mktemp("pages")
    async with Engine(answer) as engine:
        trained = {"training.command": command("good", 8)}
        async with a_server(folder, {**engine.settings, **trained, "inference.model": "scripted"}) as server:
            yield {
                **os.environ,
                "TELNYX_BASE_URL": server.url,
                "TELNYX_API_KEY": server.api_key,
                "OPENAI_BASE_URL": f"{server.url}/ai/openai",
                "OPENAI_API_KEY": server.api_key,
            }


async def run(example: Example, folder: Path, environment: Mapping[str, str]) -> str:
    how = ("sh", "-eu", "-c") if example.language == "sh" else (sys.executable, "-W", "error", "-c")
    process = await asyncio.create_subprocess_exec(
        *(*how, example.text),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate()
    assert process.returncode == 0, f"{example.text}\n{output.decode()}\n{complaints.decode()}"
    return output.decode()


@pytest.fixture(scope="module")
def shown() -> set[Path]:
    """The pages that have been begun."""
    return set()


async def go_through(page: Path, environment: Mapping[str, str], folder: Path) -> None:
    """Run a page's examples in their order."""
    for example in examples(page):
        output = await run(example, folder, environment)
        if example.printed is not None:
            assert output == example.printed, example.text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_what_a_page_shows_works(
    page: Path, environment: Mapping[str, str], tmp_path: Path, shown: set[Path]
) -> None:
    assert len(examples(page)) >= 2
    shown.add(page)
    await go_through(page, environment, tmp_path)


def operations(description: dict[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """Routes of the AI operations by what they do; the same one may be served at several paths."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if TAGS.intersection(operation["tags"]):
                found.setdefault(operation["summary"], set()).add((method.upper(), path))
    return found


@pytest.mark.asyncio(loop_scope="module")
async def test_each_operation_is_shown(
    environment: Mapping[str, str], tmp_path: Path, shown: set[Path]
) -> None:
    for page in PAGES:
        if page not in shown:
            await go_through(page, environment, tmp_path)
    root = environment["TELNYX_BASE_URL"].removesuffix("/v2")
    async with httpx.AsyncClient(base_url=root) as http:
        described = operations((await http.get("/openapi.json")).json())
        served = SERVED.findall((await http.get("/metrics")).text)

    # A route's label is its path as its own router knows it, without the prefix of the routers around.
    tried = {(method, route.replace(":path}", "}")) for method, route in served}
    unseen = [
        name
        for name, routes in described.items()
        if not any(verb == method and path.endswith(tail) for verb, path in routes for method, tail in tried)
    ]
    assert unseen == []
    assert len(described) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_index_leads_to_each_page(page: Path) -> None:
    assert f"(ai/{page.name})" in (ROOT / "docs" / "index.md").read_text()
