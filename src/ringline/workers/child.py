"""The other side of a `Worker`: `python -m ringline.workers.child FD PARENT_PID FACTORY ...`.

The main thread reads the socket and so answers pings while the engine computes in its own threads. The
process ends with its parent: by SIGKILL on Linux, by end of file everywhere.
"""

import ctypes
import importlib
import os
import resource
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ringline.core.errors import RinglineError
from ringline.workers.protocol import (
    Begin,
    Cancel,
    Configure,
    Done,
    Engine,
    Failed,
    Frames,
    FromChild,
    Item,
    Ping,
    Pong,
    Ready,
    Stop,
    ToChild,
    Unusable,
    frame,
    read_to_child,
)

READ = 256 * 1024
PR_SET_PDEATHSIG = 1  # prctl(2)
EXIT_UNUSABLE = 3


class Channel:
    """The child's end of the socket; whole messages in, whole messages out, from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._frames = Frames()
        self._pending: deque[bytes] = deque()
        self._lock = threading.Lock()

    def read(self) -> ToChild | None:
        """The next message; None at end of file. Blocks; for one thread."""
        while not self._pending:
            data = self._socket.recv(READ)
            if not data:
                return None
            self._pending.extend(self._frames.feed(data))
        return read_to_child(self._pending.popleft())

    def send(self, message: FromChild) -> None:
        """Send a message; a parent that is gone ends the process, for nobody is left to work for."""
        data = frame(message)
        with self._lock:
            try:
                self._socket.sendall(data)
            except OSError:
                os._exit(0)


class Host:
    """Runs an engine's requests on threads."""

    def __init__(self, engine: Engine, channel: Channel, in_flight: int) -> None:
        self._engine = engine
        self._channel = channel
        self._threads = ThreadPoolExecutor(in_flight, thread_name_prefix="engine")
        self._cancelled: dict[int, threading.Event] = {}

    def serve(self) -> None:
        """Read messages until told to stop or the parent is gone."""
        while (message := self._channel.read()) is not None:
            match message:
                case Begin(id=request, payload=payload):
                    self._cancelled[request] = threading.Event()
                    self._threads.submit(self._run, request, payload)
                case Cancel(id=request):
                    if flag := self._cancelled.get(request):
                        flag.set()
                case Ping(number=number):
                    self._channel.send(Pong(number, resident_bytes()))
                case Stop():
                    break
                case Configure():
                    raise RuntimeError("a worker is configured once")

    def _run(self, request: int, payload: bytes) -> None:
        flag = self._cancelled[request]
        try:
            if not flag.is_set():
                for piece in self._engine.run(payload, flag.is_set):
                    if flag.is_set():
                        break
                    self._channel.send(Item(request, piece))
            answer: FromChild = Done(request)
        except (RinglineError, ValueError) as error:
            answer = Failed(request, str(error))
        # The edge of the process: whatever an engine's native code raises becomes this request's answer.
        except Exception as error:
            answer = Failed(request, f"{type(error).__name__}: {error}")
        del self._cancelled[request]
        self._channel.send(answer)


def resident_bytes() -> int:
    """Resident memory of this process; 0 where /proc does not tell."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; end now if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def load(factory: str) -> Callable[[bytes], Engine]:
    """Find the function that `package.module:function` names."""
    module, _, function = factory.partition(":")
    made: Callable[[bytes], Engine] = getattr(importlib.import_module(module), function)
    return made


def main(arguments: list[str]) -> int:
    """Serve one engine on the socket given by descriptor; returns the exit status."""
    descriptor, parent, factory, in_flight, niceness, memory, cpus = arguments
    die_with(int(parent))
    # Ctrl-C and a service manager's SIGTERM reach the whole group; when to leave is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.dup2(2, 1)  # a library that prints must not reach the server's standard output
    os.nice(int(niceness))
    if memory != "-":
        resource.setrlimit(resource.RLIMIT_DATA, (int(memory), int(memory)))
    if cpus != "-" and sys.platform == "linux":
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})

    channel = Channel(socket.socket(fileno=int(descriptor)))
    first = channel.read()
    if not isinstance(first, Configure):
        return 0
    try:
        engine = load(factory)(first.settings)
    # The edge of the process: the parent tells its callers why there is no engine.
    except Exception as error:
        channel.send(Unusable(str(error) if isinstance(error, RinglineError) else repr(error)))
        return EXIT_UNUSABLE
    channel.send(Ready())
    Host(engine, channel, int(in_flight)).serve()
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # No interpreter shutdown: it would wait for an engine thread that may never end.
    sys.stderr.flush()
    os._exit(status)
