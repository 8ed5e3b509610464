"""One child process and the parent's end of its socket."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Mapping

from ringline.workers.protocol import Configure, Frames, FromChild, Stop, ToChild, frame, read_from_child
from ringline.workers.spec import WorkerSpec

READ = 256 * 1024
STDERR_KEPT = 4096
# What a child may see of our environment: enough to find libraries and write temporary files, no secrets.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


def environment_for(spec: WorkerSpec, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child."""
    inherited = {name: ours[name] for name in INHERITED if name in ours}
    return inherited | dict.fromkeys(THREAD_VARIABLES, str(spec.threads)) | dict(spec.environment)


class ChildProcess:
    """A running child. `messages` ends when the child does, for whatever reason."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._stderr = bytearray()
        self._listening = asyncio.create_task(self._keep_stderr(), name=f"stderr of {process.pid}")

    @classmethod
    async def launch(cls, spec: WorkerSpec) -> "ChildProcess":
        """Start a child and hand it its settings; raises OSError when the system cannot."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    spec.python,
                    "-P",  # the folder we were started in must not shadow a library
                    "-m",
                    "ringline.workers.child",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    spec.factory,
                    str(spec.limits.in_flight),
                    str(spec.niceness),
                    "-" if spec.memory is None else str(spec.memory),
                    ",".join(map(str, sorted(spec.cpus))) or "-",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    pass_fds=(theirs.fileno(),),
                    env=environment_for(spec, os.environ),
                )
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        child = cls(process, reader, writer)
        child.send(Configure(spec.settings))
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def messages(self) -> AsyncGenerator[FromChild, None]:
        """What the child says; raises `WorkerProtocolError` for anything else."""
        frames = Frames()
        with contextlib.suppress(ConnectionError):  # a killed child may reset: an end like any other
            while data := await self._reader.read(READ):
                for body in frames.feed(data):
                    yield read_from_child(body)

    def send(self, message: ToChild) -> None:
        """Say something to the child; lost if it is gone, which `messages` reports by ending."""
        if not self._writer.is_closing():
            self._writer.write(frame(message))

    def kill(self) -> None:
        """SIGKILL; nothing happens if the child is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def stop(self) -> None:
        """Ask the child to leave."""
        self.send(Stop())

    async def reap(self, within: float) -> str:
        """Wait for the end, by force after `within` seconds; returns how it ended, in words."""
        self._writer.close()
        try:
            async with asyncio.timeout(within):
                status = await self._process.wait()
        except TimeoutError:
            self.kill()
            status = await self._process.wait()
        finally:
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()
            # A grandchild may hold the pipe open for ever.
            await asyncio.wait({self._listening}, timeout=1.0)
            self._listening.cancel()
        ended = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        last = self._stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return f"{ended}: {last}" if last else ended

    async def _keep_stderr(self) -> None:
        stream = self._process.stderr
        while stream is not None and (data := await stream.read(STDERR_KEPT)):
            self._stderr = (self._stderr + data)[-STDERR_KEPT:]
