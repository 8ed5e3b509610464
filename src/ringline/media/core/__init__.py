"""The media engine without I/O: no system calls, no clock, compiled when a compiler was there.

Every module is ordinary Python with its C types in a `.pxd` beside it. `RINGLINE_PURE=1` loads the sources
even where compiled modules lie beside them, so that one checkout can test both.
"""

import importlib.machinery
import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

PURE: Final = os.environ.get("RINGLINE_PURE", "") not in {"", "0"}


class _SourceFinder(MetaPathFinder):
    """Finds the media modules as `.py` files only."""

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Spec of a source file of `ringline.media`, None for everything else."""
        package, _, name = fullname.rpartition(".")
        if package != __name__:
            return None
        source = Path(__file__).with_name(f"{name}.py")
        return importlib.util.spec_from_file_location(fullname, source) if source.exists() else None


if PURE:
    sys.meta_path.insert(0, _SourceFinder())

from ringline.media.core import ring  # noqa: E402  (the finder must be in place first)

COMPILED: Final = not str(ring.__file__).endswith(".py")
"""Whether the engine's modules are the compiled ones."""
