from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.errors import ConfigError
from ringline.inference.registry import (
    HubFile,
    LocalFile,
    PypiWheel,
    Registry,
    Task,
    load_registry,
    parse_models,
    parse_source,
)

pytestmark = pytest.mark.unit

HASH = "0" * 64
ENTRY = f"""
[[model]]
name = "mine"
task = "chat"
engine = "llama.cpp"
licence = "MIT"
provenance = "me"
bytes = 3
sources = ["pypi:mine==1.0#sha256={HASH}"]
[model.files]
"m.gguf" = ["mine/m.gguf"]
"""


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (f"pypi:joe-voice==1.0.0#sha256={HASH}", PypiWheel("joe-voice", "1.0.0", HASH)),
        (f"pypi:a.b_c==2!1.0rc1+x#sha256={HASH}", PypiWheel("a.b_c", "2!1.0rc1+x", HASH)),
        (f"hf:owner/model@main/a/b.onnx#sha256={HASH}", HubFile("owner/model", "main", "a/b.onnx", HASH)),
        ("file:/srv/m.gguf", LocalFile(Path("/srv/m.gguf"), None)),
        (f"file:m.whl#sha256={HASH}", LocalFile(Path("m.whl"), HASH)),
    ],
)
def test_sources(text: str, source: object) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pypi:joe-voice",
        "pypi:joe-voice==1.0.0",
        f"pypi:joe-voice>=1#sha256={HASH}",
        f"pypi:-r x==1#sha256={HASH}",
        f"pypi:a==1 --index-url=x#sha256={HASH}",
        f"pypi:a==1\nb==2#sha256={HASH}",
        "pypi:a==1#sha256=00",
        "hf:owner/model/file",
        f"hf:model@main/f#sha256={HASH}",
        "http://somewhere/model.onnx",
        "file:",
        "file:x#sha256=nonsense",
    ],
)
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no source"):
        parse_source(text)


def test_an_entry_is_read() -> None:
    (model,) = parse_models(ENTRY, "mine.toml")
    assert (model.name, model.task, model.bytes, model.files) == (
        "mine",
        Task.CHAT,
        3,
        {"m.gguf": ("mine/m.gguf",)},
    )
    assert (model.languages, model.platform, model.context, model.dimensions) == ((), None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"mine"', '"../mine"', "cannot name a model"),
        ('"mine"', '".hidden"', "cannot name a model"),
        ('"m.gguf" =', '"../m.gguf" =', "unusable file"),
        ('"m.gguf" =', '"a/b" =', "unusable file"),
        ('["mine/m.gguf"]', "[]", "unusable file"),
        ("bytes = 3", "bytes = 0", "needs sources, files and bytes"),
        (f'["pypi:mine==1.0#sha256={HASH}"]', "[]", "needs sources, files and bytes"),
        ('"chat"', '"chatter"', "Invalid enum value"),
        ("bytes = 3", "size = 3", "unknown field|missing required field"),
        ("[[model]]", "[[model", "Expected"),
    ],
)
def test_broken_entries_are_named(old: str, new: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        parse_models(ENTRY.replace(old, new, 1), "mine.toml")
    assert str(error.value).startswith("mine.toml:")


@given(st.text(max_size=60))
@settings(max_examples=60)
def test_no_file_name_leads_out_of_its_folder(name: str) -> None:
    quoted = '"' + "".join(f"\\U{ord(sign):08x}" for sign in name if not "\ud800" <= sign <= "\udfff") + '"'
    try:
        (model,) = parse_models(ENTRY.replace('"m.gguf" =', f"{quoted} ="), "mine.toml")
    except ConfigError:
        return
    (file,) = model.files
    assert Path("/models/mine", file).resolve().parent == Path("/models/mine")


def test_the_shipped_models_cover_every_task() -> None:
    registry = load_registry()
    assert {model.task for model in registry} == set(Task)
    for model in registry:
        assert all(isinstance(source, PypiWheel) for source in model.sources), model.name
        assert model.licence, model.name
        assert model.provenance, model.name


def test_an_operators_file_adds_and_replaces(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(ENTRY + ENTRY.replace('"mine"', '"piper-joe"'))
    registry = load_registry(mine)
    assert registry["mine"].provenance == registry["piper-joe"].provenance == "me"
    assert registry["silero-vad"].engine == "silero"


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no model is called 'gpt'; there are mine"):
        Registry(parse_models(ENTRY, "x"))["gpt"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_registry(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read"):
        load_registry(tmp_path / "binary.toml")
