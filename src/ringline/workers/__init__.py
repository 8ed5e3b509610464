"""Supervised child processes: start, health, restart, the socket protocol, admission.

A model never runs inside the process that carries calls. `Worker` owns one child; `child` is what runs on
the other side; `Engine` is what a room writes to be run there.
"""

from ringline.workers.admission import Busy, Priority
from ringline.workers.lifecycle import Backoff, State
from ringline.workers.protocol import Engine, WorkerProtocolError
from ringline.workers.spec import WorkerFailed, WorkerSpec, WorkerStatus
from ringline.workers.worker import Worker

__all__ = [
    "Backoff",
    "Busy",
    "Engine",
    "Priority",
    "State",
    "Worker",
    "WorkerFailed",
    "WorkerProtocolError",
    "WorkerSpec",
    "WorkerStatus",
]
