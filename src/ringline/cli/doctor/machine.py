"""The machine: clocks, priority, the media engine, kernel limits."""

import ctypes
import importlib.util
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from ringline.cli.doctor.findings import Finding, fail, ok, warn
from ringline.core.settings import Settings
from ringline.media.core import COMPILED
from ringline.media.plane import FIFO_PRIORITY, NICE
from ringline.media.ports import RECEIVE_BUFFER

WORST_RESOLUTION_S = 1e-4
"""A media slot is 5 ms."""
BUILT_AFTER = datetime(2025, 1, 1, tzinfo=UTC)
STA_UNSYNC = 0x0040
"""adjtimex(2): the clock is not synchronised."""
TIMEX_BYTES = 256
STATUS_AT = 40
"""Offset of `status` in struct timex where long has 8 bytes: modes, offset, freq, maxerror, esterror."""
PER_CALL = 4
"""File descriptors of a call: RTP, RTCP, a stream, a recording."""
BESIDE_CALLS = 200

Priority = Literal["fifo", "nice", "none"]


def check_clock() -> Iterator[Finding]:
    """Monotonic resolution, and a wall clock that can be believed."""
    resolution = time.get_clock_info("monotonic").resolution
    if resolution > WORST_RESOLUTION_S:
        yield fail(
            f"the monotonic clock has steps of {resolution * 1000:g} ms", "media needs another machine"
        )
    else:
        yield ok(f"monotonic clock: steps of {resolution * 1e9:g} ns")
    now = datetime.now(UTC)
    synchronised = _synchronised()
    if now < BUILT_AFTER:
        yield fail(f"the wall clock says {now:%Y-%m-%d}", "set it: webhooks' signatures carry the time")
    elif synchronised is False:
        yield warn(
            "the wall clock is not synchronised (adjtimex)",
            "run chrony or systemd-timesyncd: apps refuse webhooks whose time is 5 minutes off",
        )
    else:
        known = "synchronised" if synchronised else "whether it is synchronised is not known"
        yield ok(f"wall clock: {now:%Y-%m-%d %H:%M:%S} UTC, {known}")


def check_priority(obtained: Priority | None = None) -> Finding:
    """Whether the media thread may go before others."""
    match obtained or obtainable_priority():
        case "fifo":
            return ok(f"the media thread may run with real-time priority (SCHED_FIFO {FIFO_PRIORITY})")
        case "nice":
            return ok(f"the media thread may go before others (nice {NICE})")
        case "none":
            return warn(
                "the media thread has no priority: audio stutters when other programs are busy",
                "run as root, or allow it: setcap cap_sys_nice+ep PYTHON, "
                "or LimitRTPRIO=20 in the systemd unit",
            )


def obtainable_priority() -> Priority:
    """Ask for what the media thread asks for, in a thread that ends at once."""
    got: list[Priority] = []
    thread = threading.Thread(target=lambda: got.append(_raise_priority()))
    thread.start()
    thread.join()
    return got[0]


def check_engine() -> Finding:
    """Compiled, with a thread of its own, or inside the interpreter."""
    spec = importlib.util.find_spec("ringline.media.io_native")
    native = spec is not None and not str(spec.origin).endswith(".py")
    if COMPILED and native:
        return ok("the media engine is compiled and has a thread of its own")
    return warn(
        "the media engine is not compiled: good for development and a few calls",
        "install a C compiler and Python's headers, then: python setup.py build_ext --inplace",
    )


def check_buffers() -> Finding:
    """Room for the packets that come while the media thread waits for its turn."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        # Linux doubles what is asked for, for its own book-keeping (socket(7)).
        got = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if got < RECEIVE_BUFFER:
        return warn(
            f"UDP receive buffers get {got // 1024} KiB of {RECEIVE_BUFFER // 1024}",
            f"sysctl -w net.core.rmem_max={RECEIVE_BUFFER}",
        )
    return ok(f"UDP receive buffers of {RECEIVE_BUFFER // 1024} KiB")


def check_descriptors(settings: Settings) -> Finding:
    """Files and sockets that the server may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.calls.limit * PER_CALL + BESIDE_CALLS
    if soft != resource.RLIM_INFINITY and soft < needed:
        allowed = "" if hard == resource.RLIM_INFINITY or hard >= needed else f" (the hard limit is {hard})"
        return warn(
            f"{soft} open files are allowed; {settings.calls.limit} calls (calls.limit) need about {needed}",
            f"ulimit -n {needed}, or LimitNOFILE={needed} in the systemd unit{allowed}",
        )
    return ok(
        f"{soft} open files are allowed, about {needed} needed for calls.limit = {settings.calls.limit}"
    )


def _raise_priority() -> Priority:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except OSError:
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        except OSError:
            return "none"
        return "nice"
    return "fifo"


def _synchronised() -> bool | None:
    """What the kernel thinks; None where it cannot be asked. Asking (modes = 0) needs no right."""
    if ctypes.sizeof(ctypes.c_long) != 8:
        return None
    try:
        ask = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    answer = ctypes.create_string_buffer(TIMEX_BYTES)
    if ask(answer) < 0:
        return None
    return not int.from_bytes(answer.raw[STATUS_AT : STATUS_AT + 4], "little") & STA_UNSYNC
