"""The loop as the node's alarm clock."""

import asyncio
from collections.abc import Callable


class LoopTimers:
    """Timers of the running event loop."""

    def after(self, delay_ms: int, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call once after so many milliseconds."""
        return asyncio.get_running_loop().call_later(delay_ms / 1000, call)
