"""Compiles the media engine where a C compiler is found; without one the `.py` files run as they are."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

CORE = Path("src/ringline/media/core")
DRIVER = Path("src/ringline/media/io_native.py")
# No debug information, which takes as long to write as the code; no fused multiply-add, so that every machine
# hears the same digits.
FLAGS = ["-O2", "-g0", "-ffp-contract=off"]
PROCESSORS = os.cpu_count() or 1


def extensions() -> list[Extension]:
    """One extension per module that has C types beside it; the build goes on without those that fail."""
    if os.environ.get("RINGLINE_PURE", "") not in {"", "0"}:
        return []
    sources = [path for path in sorted(CORE.glob("*.py")) if path.with_suffix(".pxd").exists()]
    modules = cythonize(
        [
            Extension(".".join(path.with_suffix("").parts[1:]), [path.as_posix()], extra_compile_args=FLAGS)
            for path in [*sources, DRIVER]
        ],
        include_path=["src"],
        language_level=3,
        compiler_directives={"show_performance_hints": False},
        nthreads=PROCESSORS,
    )
    for module in modules:
        # Set here because cythonize does not carry it over.
        module.optional = True
    return modules


setup(ext_modules=extensions(), options={"build_ext": {"parallel": PROCESSORS}})
