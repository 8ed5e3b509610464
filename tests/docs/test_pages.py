"""Pages say what is true: links lead somewhere, names exist, lists are complete."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ringline.api.routes.actions import NOT_YET

from .pages import DECISIONS, PAGES, README, ROOT, programs

pytestmark = pytest.mark.unit

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAME = re.compile(r"`(ringline(?:\.\w+)+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TYPES = ("feature", "bugfix", "removal", "doc", "misc")


def anchor(heading: str) -> str:
    """A heading as links name it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text())
    return {anchor(line.lstrip("#").strip()) for line in text.splitlines() if line.startswith("#")}


def resolve(dotted: str) -> Any:
    """The module, class, method or function of that name; raises AttributeError where there is none."""
    module, rest = dotted, list[str]()
    while True:
        try:
            found = import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
    for name in rest:
        found = getattr(found, name)
    return found


def requirements(lines: list[str]) -> set[str]:
    """Names of packages, of lines as pip reads them."""
    found = (re.match(r"[\w.-]+", line) for line in lines)
    return {name[0].lower() for name in found if name}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if target.startswith(("https://", "http://")):
            continue
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if place:
            assert place in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_that_pages_name_exists(page: Path) -> None:
    for name in NAME.findall(page.read_text()):
        resolve(name)


def test_names_that_do_not_exist_are_found_out() -> None:
    with pytest.raises(AttributeError):
        resolve("ringline.calls.leg.disobey")
    with pytest.raises(AttributeError):
        resolve("ringline.cals.leg")


def test_readme_lists_every_command_that_is_not_there() -> None:
    section = README.read_text().partition("### Not yet")[2].partition("So do these options")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert sorted(re.findall(r"`(\w+)`", "\n".join(rows))) == sorted(NOT_YET)


def test_the_ten_line_app_has_ten_lines() -> None:
    assert len([line for line in programs()["hello.py"].splitlines() if line.strip()]) == 10


def test_every_room_is_described_and_nothing_else() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition("## Rooms")[2].partition("\n## ")[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    packages = {path.parent.name for path in (ROOT / "src" / "ringline").glob("*/__init__.py")}
    assert named == packages


def test_every_dependency_has_its_row_and_every_row_its_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = requirements(
        [
            *project["build-system"]["requires"],
            *project["project"]["dependencies"],
            *(one for extra in project["project"]["optional-dependencies"].values() for one in extra),
            *(ROOT / "requirements" / "dev.in").read_text().splitlines(),
        ]
    )
    text = (ROOT / "docs" / "dependencies.md").read_text().partition("## Not Python")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    named = {name.strip().lower() for row in rows for name in row.split(",")} - {"package"}
    assert named == needed


def test_decisions_are_numbered_without_holes_and_indexed() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    for number, page in enumerate(DECISIONS, 1):
        assert page.name.startswith(f"{number:04d}-")
        title = page.read_text().splitlines()[0]
        assert title.startswith(f"# {number}. ")
        assert f"{number}. [{title.partition('. ')[2]}](decisions/{page.name})" in index


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_asks_chooses_and_says_what_would_change_it(page: Path) -> None:
    text = page.read_text()
    places = [text.find(f"\n**{part}.** ") for part in ("Question", "Chosen", "What would change our mind")]
    assert -1 not in places
    assert places == sorted(places)
    assert len(text.splitlines()) <= 50, "one page"


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in index, page.name


def test_changelog_fragments_are_one_line_and_of_a_known_kind() -> None:
    for fragment in (ROOT / "changelog.d").glob("*.md"):
        name, kind, _ = fragment.name.rsplit(".", 2)
        assert re.fullmatch(r"\d+|\+[a-z0-9-]+", name), fragment.name
        assert kind in TYPES, fragment.name
        assert len(fragment.read_text().strip().splitlines()) == 1, fragment.name


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "img").glob("*.svg")), ids=lambda path: path.name)
def test_pictures_are_whole_and_have_both_colour_schemes(picture: Path) -> None:
    root = ElementTree.fromstring(picture.read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    style = root.findtext(".//{http://www.w3.org/2000/svg}style") or ""
    assert "prefers-color-scheme:dark" in style
    light, _, dark = style.partition("@media")
    used = set(re.findall(r"var\((--\w+)\)", picture.read_text()))
    assert used
    for variable in used:
        assert f"{variable}:" in light
        assert f"{variable}:" in dark
