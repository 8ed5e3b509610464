"""Messages out of a byte stream (RFC 3261 §18.3) and its keepalives (RFC 5626 §3.5.1, §4.4.1). Pure."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from ringline.sip.params import SipError

MAX_MESSAGE: Final = 65536
"""Bytes of one message, head and body; what a UDP datagram can hold."""

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)", re.IGNORECASE
)
_DIGITS: Final = re.compile(rb"[0-9]{1,10}")


class KeepAlive(StrEnum):
    """Line ends between messages."""

    PING = "ping"  # CRLF CRLF: answer with one CRLF
    PONG = "pong"  # one CRLF: the answer to our ping


class StreamFramer:
    """Cuts a stream into whole messages. Each byte is looked at a bounded number of times.

    After it has raised, the stream has lost its framing for good: every further `feed` raises the same error,
    and the connection can only be closed.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max = max_message
        self._buffer = bytearray()
        self._searched = 0  # bytes known not to hold the end of the head
        self._needed = 0  # bytes of the message whose head has been read; 0 while its head is incomplete
        self._after_crlf = False
        self._broken: SipError | None = None

    @property
    def buffered(self) -> int:
        """Bytes of an incomplete message held back."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes | KeepAlive]:
        """Take bytes in; yields what they complete. Raises `SipError` (400, 513) while iterating."""
        if self._broken is None:
            self._buffer += data
        return self._complete()

    def _complete(self) -> Iterator[bytes | KeepAlive]:
        try:
            if self._broken is not None:
                raise self._broken
            while (item := self._next()) is not None:
                yield item
        except SipError as error:
            self._broken = error
            self._buffer.clear()
            raise

    def _next(self) -> bytes | KeepAlive | None:
        buffer = self._buffer
        if not self._needed:
            if buffer.startswith(_END):
                del buffer[:4]
                self._after_crlf = False
                return KeepAlive.PING
            if buffer.startswith(b"\r\n"):
                # A ping in two segments shows as pong, then ping: a stray pong harms nobody, an unanswered
                # ping costs the connection (RFC 5626 §4.4.1).
                del buffer[:2]
                self._after_crlf = not self._after_crlf
                return KeepAlive.PONG if self._after_crlf else KeepAlive.PING
            if not self._head():
                return None
        if len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._searched = self._needed = 0
        self._after_crlf = False
        return message

    def _head(self) -> bool:
        """Look for the end of the head; learn the message's length from it."""
        end = self._buffer.find(_END, self._searched, self._max)
        if end < 0:
            if len(self._buffer) >= self._max:
                raise SipError(f"a head of more than {self._max} bytes", 513)
            self._searched = max(0, len(self._buffer) - 3)
            return False
        lengths = {
            value.replace(b"\r\n", b" ").strip(b" \t") for value in _LENGTH.findall(self._buffer, 0, end + 2)
        }
        if len(lengths) != 1:
            raise SipError(f"{len(lengths)} values of Content-Length in a stream (RFC 3261 §18.3)", 400)
        value = lengths.pop()
        if not _DIGITS.fullmatch(value):
            raise SipError("Content-Length is not a number", 400)
        self._needed = end + 4 + int(value)
        if self._needed > self._max:
            raise SipError(f"a message of {self._needed} bytes", 513)
        return True
