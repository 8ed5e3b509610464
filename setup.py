"""Compiles the media engine where a C compiler is found; without one the `.py` files run as they are."""

import os
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

CORE = Path("src/ringline/media/core")
DRIVER = Path("src/ringline/media/io_native.py")
# No debug information, which takes as long to write as the code; no fused multiply-add, so that every machine
# hears the same digits.
FLAGS = ["-O3", "-g0", "-ffp-contract=off"]
# A memory view travels by value, and the media core has none of more than one dimension: with room for two
# (one less is refused) instead of eight, a call copies a quarter.
Options.buffer_max_dims = 2
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
        # Every view is made in its object's `__init__`, so none needs to be asked for at each element.
        compiler_directives={"show_performance_hints": False, "initializedcheck": False},
        nthreads=PROCESSORS,
    )
    for module in modules:
        # Set here because cythonize does not carry it over.
        module.optional = True
    return modules


setup(ext_modules=extensions(), options={"build_ext": {"parallel": PROCESSORS}})
