"""The written pages, and the programs in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
AI = sorted((ROOT / "docs" / "ai").glob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *AI, *DECISIONS]

_PROGRAM = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def programs() -> dict[str, str]:
    """The README's programs by file name."""
    return dict(_PROGRAM.findall(README.read_text()))


def commands(word: str) -> str:
    """The README's shell block that holds `word`."""
    (found,) = [block for block in _SHELL.findall(README.read_text()) if word in block]
    return str(found)
