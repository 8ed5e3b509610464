"""`ringline serve` as it is, except that SIGUSR1 keeps its control thread busy for 100 ms.

The handler runs in the main thread between two of its instructions, which is where anything slow that a
callback of the loop did would run.
"""

import signal
import time

from ringline.cli.main import app

BUSY_S = 0.1


def stay_busy(_number: int, _frame: object) -> None:
    until = time.perf_counter() + BUSY_S
    while time.perf_counter() < until:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, stay_busy)
    app()
