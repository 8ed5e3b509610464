"""Processes that a benchmark starts; none outlives it, however it ends."""

import asyncio
import contextlib
from typing import Any

_children: list[asyncio.subprocess.Process] = []


async def spawn(*arguments: object, **options: Any) -> asyncio.subprocess.Process:
    """`asyncio.create_subprocess_exec`, remembered."""
    process = await asyncio.create_subprocess_exec(*map(str, arguments), **options)
    _children.append(process)
    return process


async def end_all() -> None:
    """Kill those that still run."""
    for process in _children:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    _children.clear()
