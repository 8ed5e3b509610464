"""Runs commands as a user does: through the whole command line, on a store of the test's own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from typer.testing import CliRunner

from ringline.cli.main import app


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read."""
        return msgspec.json.decode(self.out)

    @property
    def lines(self) -> list[str]:
        """Standard output by lines, without trailing blanks."""
        return [line.rstrip() for line in self.out.splitlines()]


def ringline(*words: object, environ: dict[str, str] | None = None) -> Said:
    """Run it in this process."""
    clean = {key: None for key in os.environ if key.startswith("RINGLINE_")}
    result = CliRunner().invoke(app, [str(word) for word in words], env={**clean, **(environ or {})})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def ringline_process(*words: object, cwd: Path | None = None) -> Said:
    """Run it as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "ringline", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=50,
        env={key: text for key, text in os.environ.items() if not key.startswith("RINGLINE_")},
    )
    return Said(done.returncode, done.stdout, done.stderr)
