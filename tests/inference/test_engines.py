import re
from pathlib import Path

import pytest

from ringline.core.errors import ConfigError
from ringline.inference.cards import BY_DIALECT, Dialect, GuideKind
from ringline.inference.engines import Engine, _Engine, checked_urls, load_engines, parse_engines

pytestmark = pytest.mark.unit

FILE = """
[[engine]]
name = "gpu"
urls = ["http://a:8000/v1/", "http://b:8000/v1"]
key_variable = "GPU_KEY"
dialect = "vllm"
models = ["org/big"]
context = 32768
max_completion_tokens = 4096
vision = true
thinking = false

[[engine]]
name = "plain"
urls = ["https://engine.example/v1"]
key = "k"

[aliases]
"gpt-4o" = "org/big"
usual = ""
"""


def test_a_whole_file() -> None:
    read = parse_engines(FILE, "engines.toml", {"GPU_KEY": "secret"})
    gpu, plain = read.engines
    assert gpu.urls == ("http://a:8000/v1", "http://b:8000/v1")
    assert (gpu.key, gpu.dialect, gpu.models) == ("secret", Dialect.VLLM, ("org/big",))
    assert (gpu.context, gpu.max_completion) == (32768, 4096)
    assert gpu.capabilities.vision
    assert not gpu.capabilities.thinking
    assert GuideKind.REGEX in gpu.capabilities.guides
    assert plain == Engine(
        "plain", ("https://engine.example/v1",), "k", capabilities=BY_DIALECT[Dialect.OPENAI]
    )
    assert read.aliases == {"gpt-4o": "org/big", "usual": ""}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[engine]", "engines.toml"),
        ("[[engine]]\nname = 'a'", "urls"),
        ("[[engine]]\nname = 'a'\nurls = []", "a needs urls"),
        ("[[engine]]\nname = 'a'\nurls = ['ftp://x']", "ftp://x"),
        ("[[engine]]\nname = 'a'\nurls = ['http://x']\ndialect = 'klingon'", "klingon"),
        ("[[engine]]\nname = 'a'\nurls = ['http://x']\nkey_variable = 'NOT_SET'", "NOT_SET"),
        ("[[engine]]\nname = 'a'\nurls = ['http://x']\n" * 2, "same name"),
        ("[[engine]]\nname = 'a'\nurls = ['http://x']\nmodles = []", "modles"),
        ("[aliases]\na = 3", "aliases"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_engines(text, "engines.toml", {})


def test_a_file_that_is_not_there_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("none") / "engines.toml"
    with pytest.raises(ConfigError, match=r"engines\.toml"):
        load_engines(path)


def test_urls() -> None:
    assert checked_urls(("http://x/v1/",), "inference.upstream") == ("http://x/v1",)
    with pytest.raises(ConfigError, match=r"inference\.upstream"):
        checked_urls(("x:8000",), "inference.upstream")


def test_the_documented_file_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "engines.md").read_text()
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    read = parse_engines(text, "engines.md", {"HOSTED_KEY": "k"})
    assert [engine.name for engine in read.engines] == ["gpu", "hosted"]
    members = set(re.findall(r"`(\w+)`", page.split("|---|---|")[1].split("Of several")[0]))
    assert set(_Engine.__struct_fields__) <= members
