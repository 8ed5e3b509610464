"""What the check of public names finds, and what it leaves alone."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names() -> ModuleType:
    spec = spec_from_file_location("check_names", ROOT / "scripts" / "check_names.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["check_names"] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def page(tmp_path: Path, names: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(names, "ROOT", tmp_path)
    (tmp_path / "Makefile").write_text("demo: x\n\techo\n\ntest:\n")
    (tmp_path / "setup.py").write_text('os.environ.get("RINGLINE_PURE")\n')
    names._targets.cache_clear()
    names._variables.cache_clear()
    return tmp_path / "README.md"


def found(names: ModuleType, page: Path, text: str) -> list[str]:
    page.write_text(text)
    return [str(one) for one in names.check_page(page)]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Run `ringline serv`.", "there is no command `ringline serv`"),
        ("```\nringline calls shw ID\n```", "there is no command `ringline calls shw`"),
        ("```\nringline calls list --limt 3\n```", "`ringline calls list` has no option --limt"),
        ("```\nX=1 ringline serve --htp 127.0.0.1:0 &\n```", "`ringline serve` has no option --htp"),
        ("Set `RINGLINE_SIP_PROT=5080`.", "RINGLINE_SIP_PROT is no setting"),
        ("```\nRINGLINE_SIP_PROT=1 ringline serve\n```", "RINGLINE_SIP_PROT is no setting"),
        ("`sip.prot` is a number.", "sip.prot is no setting"),
        ("`media.hots` is an address.", "media.hots is no setting"),
        ("Wait for `call.hungup`.", "call.hungup is no event type"),
        ("```\nmake dmeo\n```", "the Makefile has no target dmeo"),
        ("See [this](docs/none.md).", "the link docs/none.md leads nowhere"),
        (
            "# Some `head`, here\n[to](#some-head-there)",
            "the link #some-head-there names no heading of README.md",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(names: ModuleType, page: Path, text: str, wrong: str) -> None:
    [one] = found(names, page, f"first\n\n{text}\n")
    assert one.startswith("README.md:")
    assert one.endswith(f": {wrong}")


@pytest.mark.parametrize(
    "text",
    [
        "`ringline`, `ringline serve`, `ringline calls show ID --follow` and `ringline --help`.",
        "```\n$ ringline keys create --name laptop\nringline ready http=http://127.0.0.1:8080/v2 sip=x\n```",
        "```\nRINGLINE_SIP_PORT=0 .venv/bin/ringline serve --data x | grep ready  # make nothing\n```",
        "`RINGLINE_<SECTION>_<NAME>`, `RINGLINE_*`, `RINGLINE_PURE=1`",
        "`sip.port`, `calls.dial`, `media.upload`, `call.hangup`, `call.json`, `client.calls`",
        "ringline makes calls; make of it what you will",
        "```\nmake demo && make test\n```",
        "# Some `head`, here\n[to](#some-head-here) [out](https://example.com/x) [file](setup.py)",
        "```python\n[not](a-link)\n```",
    ],
)
def test_what_is_right_is_left_alone(names: ModuleType, page: Path, text: str) -> None:
    assert found(names, page, text) == []


def test_sources_are_checked_too(names: ModuleType, page: Path) -> None:
    file = page.with_name("code.py")
    file.write_text(
        '__all__ = ["there", "Here", "gone"]\n'
        "from x import y as there\n"
        "class Here: ...\n"
        'EVENT = "call.hungup"\n'
        'FINE = "call.hangup", "call.css"\n'
        'WORDS = "Run `ringline doctr` or set RINGLINE_ANYTHING"\n'
    )
    assert [str(one) for one in names.check_source(file)] == [
        "code.py:1: __all__ names gone, which is not there",
        "code.py:4: call.hungup is no event type",
        "code.py:6: there is no command `ringline doctr`",
    ]


def test_our_own_sources_are_spelled_right(names: ModuleType) -> None:
    sources = names.sources(ROOT)
    assert len(sources) > 100
    assert [str(one) for source in sources for one in names.check_source(source)] == []
