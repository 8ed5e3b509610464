"""Checks that public names exist and are spelled alike wherever they stand. Part of `make check`.

In README.md, docs and changelog: `ringline` commands with their options, `RINGLINE_` variables, settings by
their dotted name, event types, `make` targets, links to files and headings. In the code: `__all__`, event
types, and commands and variables that messages tell people to use.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from ringline.cli.main import COMMANDS
from ringline.core.settings import names, variable
from ringline.webhooks.policy import KNOWN_EVENT_TYPES

ROOT = Path(__file__).resolve().parent.parent

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|(?<=[\s`;|&(]))(?:\.venv/bin/)?ringline((?: +[^\s`;|&)#]+)*)")
OPTION = re.compile(r"--[a-z][a-z-]*")
WORD = re.compile(r"[a-z][a-z-]*")
VARIABLE = re.compile(r"\bRINGLINE_[A-Z0-9_]*[A-Z0-9]\b(?![<*_])")
TARGET = re.compile(r"(?:^|[`;|&(]) *(?:\$ +)?make +([a-z][a-z-]*)", re.MULTILINE)
COMMENT = re.compile(r"(?<=\s)#.*$", re.MULTILINE)
EVENT = re.compile(r"(?:call|conference|streaming)(?:\.[a-z_]+)+")
FILE_ENDINGS = ("css", "html", "json", "py", "txt", "zip")
"""`call.json` is a file."""

RESOURCES = {"calls", "media"}
"""Sections of settings that are resources of the SDK too: `calls.dial` is an operation."""

RUN_BY_HAND = {"--help", "--version"}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One name that leads nowhere."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.text}"


def check_page(file: Path) -> Iterator[Wrong]:
    """Everything in one Markdown page."""
    text = file.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    spans = [(found.start(), found[1]) for found in SPAN.finditer(prose)]
    fences = [(found.start(), found[0]) for found in FENCE.finditer(text)]
    for at, code in (*spans, *fences):
        for offset, problem in check_code(code):
            yield Wrong(file, _line(text, at + offset), problem)
    for at, code in spans:
        for problem in (*check_setting(code), *check_event(code)):
            yield Wrong(file, _line(text, at), problem)
    for found in LINK.finditer(SPAN.sub(lambda span: " " * len(span[0]), prose)):
        for problem in check_link(file, found[1]):
            yield Wrong(file, _line(text, found.start()), problem)


def check_code(code: str) -> Iterator[tuple[int, str]]:
    """Commands, variables and targets in a piece of code or a message, each with its offset."""
    done = COMMENT.sub(lambda found: " " * len(found[0]), code)
    for found in COMMAND.finditer(done):
        for problem in check_command(found[1].split()):
            yield found.start(), problem
    for found in VARIABLE.finditer(code):
        if found[0] not in _variables():
            yield found.start(), f"{found[0]} is no setting"
    for found in TARGET.finditer(done):
        if found[1] not in _targets():
            yield found.start(), f"the Makefile has no target {found[1]}"


def check_command(words: list[str]) -> Iterator[str]:
    """`words` after `ringline`: commands that exist, with options that they have."""
    path = "ringline"
    command: Any = None
    options: set[str] = set(RUN_BY_HAND)
    for word in words:
        inner = _commands() if command is None else getattr(command, "commands", {})
        if inner and WORD.fullmatch(word):
            if word not in inner:
                # `ringline ready http=…` is a line that the server prints.
                if command is not None or word != "ready":
                    yield f"there is no command `{path} {word}`"
                return
            command, path = inner[word], f"{path} {word}"
            options |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        elif inner and not OPTION.match(word):
            return  # a placeholder, or words of a sentence
        for option in OPTION.findall(word):
            if option not in options:
                yield f"`{path}` has no option {option}"


def check_setting(code: str) -> Iterator[str]:
    """A dotted name whose first part is a section of the settings."""
    section, dot, name = code.partition(".")
    inside = [one.partition(".")[2] for one in _settings() if one.startswith(f"{section}.")]
    if not (dot and inside and re.fullmatch(r"[a-z_0-9]+", name)) or name in FILE_ENDINGS:
        return
    if name not in inside and (section not in RESOURCES or get_close_matches(name, inside, 1, 0.75)):
        yield f"{code} is no setting"


def check_event(code: str) -> Iterator[str]:
    """A text that looks like an event type."""
    if EVENT.fullmatch(code) and code not in KNOWN_EVENT_TYPES and not code.endswith(FILE_ENDINGS):
        yield f"{code} is no event type"


def check_link(page: Path, target: str) -> Iterator[str]:
    """A link to a file of this repository, or to a heading in one."""
    if re.match(r"[a-z]+:", target):
        return
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        yield f"the link {target} leads nowhere"
    elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
        yield f"the link {target} names no heading of {file.name}"


def check_source(file: Path) -> Iterator[Wrong]:
    """`__all__`, and names in the texts of one Python file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for name, line in _exported(tree):
        if name not in _defined(tree):
            yield Wrong(file, line, f"__all__ names {name}, which is not there")
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for problem in check_event(node.value):
                yield Wrong(file, node.lineno, problem)
            for span in SPAN.finditer(node.value):
                for _, problem in check_code(span[1]):
                    yield Wrong(file, node.lineno, problem)


def pages(root: Path = ROOT) -> list[Path]:
    """What people read."""
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("changelog.d/*.md")])


def sources(root: Path = ROOT) -> list[Path]:
    """What we ship."""
    return sorted((root / "src").glob("**/*.py"))


def main() -> int:
    """Print what is wrong; returns the exit status."""
    wrong = [one for page in pages() for one in check_page(page)]
    wrong += [one for source in sources() for one in check_source(source)]
    for one in wrong:
        sys.stderr.write(f"{one}\n")
    return 1 if wrong else 0


def _exported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            for name in ast.literal_eval(node.value):
                yield name, node.lineno


def _defined(tree: ast.Module) -> set[str]:
    """Names that a module binds, in any branch of its top level."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Import() | ast.ImportFrom():
                found |= {(one.asname or one.name).partition(".")[0] for one in node.names}
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case _:
                pass
    return found


@cache
def _commands() -> dict[str, Any]:
    return {entry.name: entry.load() for entry in COMMANDS}


@cache
def _settings() -> frozenset[str]:
    return frozenset(name for name, _, _ in names())


@cache
def _variables() -> frozenset[str]:
    """Those of the settings, and those that the build and the benchmarks read."""
    readers = (ROOT / "setup.py", *(ROOT / "benchmarks").glob("*.py"))
    built = [name for file in readers for name in VARIABLE.findall(file.read_text(encoding="utf-8"))]
    return frozenset({variable(name) for name in _settings()}.union(built))


@cache
def _targets() -> frozenset[str]:
    makefile = ROOT / "Makefile"
    return frozenset(re.findall(r"^([a-z][a-z-]*):", makefile.read_text(), re.MULTILINE))


@cache
def _anchors(file: Path) -> frozenset[str]:
    """Headings as GitHub makes anchors of them: lower case, no punctuation, hyphens for blanks."""
    text = FENCE.sub("", file.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return frozenset(heading.replace(" ", "-") for heading in plain)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


if __name__ == "__main__":
    sys.exit(main())
