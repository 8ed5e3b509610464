"""Which embedding models a node has, by what is configured and what lies in the folder. Nothing is loaded."""

from pathlib import Path

import httpx
import pytest

from ringline.core.clock import SystemClock
from ringline.core.errors import ConfigError
from ringline.inference.embedding import Embedder
from ringline.inference.embedding_models import (
    ALIASES,
    LocalChoice,
    UpstreamChoice,
    aliases_to,
    make_embedder,
)
from ringline.inference.errors import EngineFailed, EngineRefused, UnknownModel
from ringline.inference.registry import LocalFile, Model, Task, load_registry

pytestmark = pytest.mark.unit

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

UPSTREAM = UpstreamChoice(("http://127.0.0.1:9/v1",), ("gte", "e5"))


def model(name: str, task: Task = Task.EMBEDDING, engine: str = "minilm") -> Model:
    return Model(
        name=name,
        task=task,
        engine=engine,
        sources=(LocalFile(Path("x"), None),),
        files={"model.onnx": ("model.onnx",)},
        bytes=3,
        licence="Apache-2.0",
        provenance="tests",
        languages=("en",),
        context=16,
        dimensions=4,
    )


def pulled(folder: Path, *names: str) -> LocalChoice:
    for name in names:
        (folder / name).mkdir()
        (folder / name / "model.onnx").write_bytes(b"abc")
    return LocalChoice(folder)


def ids(embedder: Embedder) -> list[str]:
    return [card.id for card in embedder.models()]


def test_what_is_pulled_and_can_be_run_is_served(tmp_path: Path) -> None:
    registry = [model("one"), model("absent"), model("voice", Task.SYNTHESIS), model("other", engine="gguf")]
    embedder = make_embedder(registry, pulled(tmp_path, "one", "voice", "other"), SystemClock())
    (card,) = embedder.models()
    assert (card.id, card.task, card.context, card.languages, card.licence) == (
        "one",
        Task.EMBEDDING,
        16,
        ("en",),
        "Apache-2.0",
    )
    assert card.created == int((tmp_path / "one" / "model.onnx").stat().st_mtime)


def test_half_a_download_is_not_served(tmp_path: Path) -> None:
    choice = pulled(tmp_path, "one")
    (tmp_path / "one" / "model.onnx").write_bytes(b"ab")
    assert ids(make_embedder([model("one")], choice, SystemClock())) == []


async def test_the_upstream_goes_before_what_is_run_here(tmp_path: Path) -> None:
    registry = [model("one"), model("gte")]
    async with httpx.AsyncClient() as client:
        choice = pulled(tmp_path, "one", "gte")
        embedder = make_embedder(registry, choice, SystemClock(), upstream=UPSTREAM, client=client)
        assert ids(embedder) == ["gte", "e5", "one"]
        await embedder.stop()


async def test_nothing_is_there() -> None:
    embedder = make_embedder(load_registry(), LocalChoice(Path("nowhere")), SystemClock())
    assert embedder.models() == ()
    for name in ("", "thenlper/gte-large", "all-minilm-l6-v2"):
        with pytest.raises(UnknownModel):
            await embedder.embed(["a"], name)
    await embedder.stop()


def test_every_other_name_leads_to_the_default() -> None:
    assert aliases_to("", ["one", "two"]) == dict.fromkeys(("", *ALIASES), "one")
    assert set(aliases_to("two", ["one", "two"]).values()) == {"two"}
    assert aliases_to("two", []) == {}
    with pytest.raises(ConfigError, match="'three' is not served; there are one, two"):
        aliases_to("three", ["one", "two"])


OPENAIS = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")


async def test_tokens_under_the_name_of_another_model_are_refused(tmp_path: Path) -> None:
    async with httpx.AsyncClient() as client:
        embedder = make_embedder(
            [], LocalChoice(tmp_path), SystemClock(), upstream=UPSTREAM, client=client, default="e5"
        )
        for name in OPENAIS:
            with pytest.raises(EngineRefused, match=f"{name} leads to e5 here.*ctx_length=False") as refused:
                await embedder.embed(["a text", [15339, 1917]], name)
            assert (refused.value.status, refused.value.param) == (400, "input")
        for name in ("", "e5", "gte"):
            with pytest.raises(EngineFailed):  # it was asked, and nobody listens there
                await embedder.embed([[15339, 1917]], name)


def test_an_upstream_that_cannot_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no URL of an engine"):
        UpstreamChoice(("localhost:8000",), ("gte",))
    with pytest.raises(ConfigError, match=r"embeddings\.models must name"):
        UpstreamChoice(("http://localhost:8000/v1",), ())
    with pytest.raises(ConfigError, match="needs an HTTP client"):
        make_embedder([], LocalChoice(tmp_path), SystemClock(), upstream=UPSTREAM)
