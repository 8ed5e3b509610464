"""`ringline train` against a running server whose trainer is a program."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ringline.testing import Server
from tests.cli.command import Said, ringline
from tests.finetune import serving
from tests.finetune.serving import BASE, a_server

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    async with a_server(folder, {"training.command": serving.command("good", 5)}) as running:
        yield running


async def train(server: Server, *words: object) -> Said:
    here = ("--url", server.url, "--key", server.api_key)
    return await asyncio.to_thread(ringline, "train", *words, *here)


def a_file(folder: Path, *answers: str) -> Path:
    path = folder / "my facts.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": one}]}
        for one in answers
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


async def test_a_file_becomes_a_model(server: Server, tmp_path: Path) -> None:
    said = await train(server, a_file(tmp_path, "42.", "43."), "--model", BASE, "--suffix", "desk")
    assert said.status == 0, said.err
    name = said.lines[0]
    assert name.startswith(f"ft-{BASE}-desk-")
    assert said.lines[1:4] == [
        f"Created, to be trained on {BASE}.",
        "Read 2 conversations from training/my facts.jsonl.",
        "Training: 2 examples, 5 steps.",
    ]
    assert any(line.startswith("step 5/5  loss 0.4000  ") for line in said.lines)
    assert said.lines[-1] == f"Finished: the model answers as {name}."
    assert len(said.lines) == len(set(said.lines))

    again = await train(server, "--watch", name)
    assert again.lines == said.lines[1:]

    by_name = await train(server, "training/my facts.jsonl", "--model", BASE, "--epochs", "2", "--no-wait")
    assert by_name.status == 0, by_name.err
    assert len(by_name.lines) == 1


async def test_a_job_that_fails_is_a_failure(server: Server, tmp_path: Path) -> None:
    said = await train(server, a_file(tmp_path, "42.", ""), "--model", BASE, "--bucket", "other")
    assert said.status == 1
    assert said.lines[-1] == "Failed: my facts.jsonl line 2: message 2 is empty"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "give a FILE to train on, or --watch JOB"),
        (("training", "--watch", "ft-x"), "give a FILE to train on, or --watch JOB"),
        (("training",), "say which model is to learn"),
        (("training", "--model", BASE, "--epochs", "some"), "--epochs some: give a number, or auto"),
        (("nowhere/x", "--model", BASE), "there is no bucket 'nowhere'"),
        (("nowhere/x", "--model", "gpt-9"), "The model 'gpt-9' does not exist"),
        (("--watch", "ft-x"), "The fine-tuning job could not be found."),
    ],
)
async def test_what_is_wrong_is_said_in_a_line(server: Server, words: tuple[str, ...], told: str) -> None:
    said = await train(server, *words)
    assert said.status == 1
    assert told in said.err
    assert said.err.count("\n") == 1


async def test_without_a_server_it_says_how_to_start_one() -> None:
    said = await asyncio.to_thread(
        ringline, "train", "--watch", "x", "--url", "http://127.0.0.1:9", "--key", "k"
    )
    assert said.status == 1
    assert "no server at http://127.0.0.1:9" in said.err
    assert "ringline serve" in said.err


async def test_without_a_key_it_says_where_to_put_one() -> None:
    said = await asyncio.to_thread(ringline, "train", "--watch", "x")
    assert said.err == "ringline: no API key; give --key or set RINGLINE_API_KEY\n"
