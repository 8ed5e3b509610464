"""`ringline models`: the list, and pulling from a folder without a network."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from ringline.inference import registry
from ringline.inference.registry import Registry, parse_models

from .command import ringline

pytestmark = pytest.mark.unit


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the wheel of the one model that there is."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = folder / "small_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small_model/weights.bin", b"w" * 1234)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    text = f"""
        [[model]]
        name = "small"
        task = "chat"
        engine = "llama.cpp"
        licence = "MIT"
        provenance = "made here"
        bytes = 1234
        sources = ["pypi:small-model==1.0#sha256={digest}"]
        [model.files]
        "weights.bin" = ["small_model/weights.bin"]
    """
    monkeypatch.setattr("ringline.cli.models.load_registry", lambda: Registry(parse_models(text, "here")))
    return folder


def test_a_model_is_pulled_from_a_folder_and_listed(wheels: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    before = ringline("models", "list", "--json", "--data", data).json
    assert [(one["name"], one["present"], one["bytes"]) for one in before] == [("small", False, 1234)]

    said = ringline("models", "pull", "small", "--from", wheels, "--data", data)

    assert said.status == 0
    assert said.lines[0] == "small: fetching (1.2 kB)"
    assert said.lines[-1] == "small: done (1.2 kB)"
    assert (data / "models" / "small" / "weights.bin").read_bytes() == b"w" * 1234
    row = ringline("models", "list", "--data", data).lines[1]
    assert row.split()[:5] == ["small", "chat", "1.2", "kB", "present"]
    assert ringline("models", "pull", "--from", wheels, "--data", data).lines == ["small: present (1.2 kB)"]


def test_a_pull_that_fails_is_one_line(wheels: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    said = ringline("models", "pull", "--from", empty, "--data", tmp_path / "data")
    assert said.status == 1
    assert said.err.startswith(f"ringline: {empty} has no small_model-1.0-*.whl")
    unknown = ringline("models", "pull", "large", "--from", wheels, "--data", tmp_path / "data")
    assert unknown.err == "ringline: no model is called 'large'; there are small\n"


def test_the_models_that_are_shipped_have_licence_and_origin() -> None:
    listed = ringline("models", "list", "--json").json
    assert [one["name"] for one in listed] == [model.name for model in registry.load_registry()]
    assert all(one["licence"] and one["provenance"] for one in listed)
