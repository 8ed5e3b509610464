"""One core for the server, the others for everything around it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server_alone() -> Iterator[set[int]]:
    """Moves this process, and what it starts, off the core that it yields; all of them where there is one."""
    before = os.sched_getaffinity(0)
    last = {max(before)}
    os.sched_setaffinity(0, before - last or before)
    try:
        yield last
    finally:
        os.sched_setaffinity(0, before)
