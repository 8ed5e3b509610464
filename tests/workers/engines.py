"""Engines that misbehave on request; they run in real children of the tests."""

import os
import sys
import time
from collections.abc import Callable, Iterator

from ringline.core.errors import RinglineError


class Script:
    """Does what the payload says: a verb and an argument."""

    def __init__(self, settings: bytes) -> None:
        self._settings = settings

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        verb, _, rest = payload.partition(b" ")
        match verb:
            case b"echo":
                yield rest
            case b"settings":
                yield self._settings
            case b"pid":
                yield str(os.getpid()).encode()
            case b"environment":
                yield repr(sorted(os.environ)).encode()
            case b"count":
                for number in range(int(rest)):
                    yield str(number).encode() + b","
            case b"refuse":
                raise RinglineError(rest.decode())
            case b"break":
                raise KeyError(rest.decode())
            case b"die":
                os.kill(os.getpid(), int(rest))
            case b"print":
                sys.stdout.write(rest.decode())
                sys.stdout.flush()
                yield b"printed"
            case b"allocate":
                yield str(len(bytearray(int(rest)))).encode()
            case b"huge":
                yield bytes(int(rest))
            case b"until-cancelled":
                yield b"begun"
                while not cancelled():
                    time.sleep(0.005)
                with open(rest, "w") as sign:
                    sign.write("cancelled")
            case b"hang":
                yield b"begun"
                time.sleep(1000)
            case b"garbage":
                for descriptor in range(3, 64):
                    try:
                        os.write(descriptor, b"\xff" * 64)
                    except OSError:
                        continue
            case b"nonsense":
                for descriptor in range(3, 64):
                    try:
                        os.write(descriptor, b"\x00\x00\x00\x03abc")
                    except OSError:
                        continue


def unloadable(settings: bytes) -> Script:
    raise RinglineError("the weights are not here")


def broken(settings: bytes) -> Script:
    raise OSError(2, "no such library")


def loads_slowly(settings: bytes) -> Script:
    time.sleep(1000)
    return Script(settings)


def dies_loading(settings: bytes) -> Script:
    os.write(2, b"a native library is unhappy\n")
    os.abort()


class Stopped(Script):
    """Stops its whole process, as a native call that keeps the interpreter's lock would."""

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        if payload == b"stop":
            os.kill(os.getpid(), 19)
            time.sleep(1000)  # the other threads stop first
        yield from super().run(payload, cancelled)
