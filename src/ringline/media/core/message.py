# cython: infer_types=True, annotation_typing=False, wraparound=False, boundscheck=False
"""The `media` messages of the streaming protocol (spec media-streaming §3.3, §4.1) without a JSON parser.

They come and go fifty times a second and stream. What is written here is what a JSON writer would write; what
is read here is the exact shape that apps send, and everything else is left to the parser.
"""

from array import array
from collections.abc import MutableSequence, Sequence
from typing import Final

from ringline.media.core.base64 import BASE64

INBOUND = 1
# The text around the numbers, one after the other: each ends where the next value begins.
PARTS = (
    b'{"event":"media","sequence_number":"',
    b'","media":{"track":"inbound","chunk":"',
    b'","media":{"track":"outbound","chunk":"',
    b'","timestamp":"',
    b'","payload":"',
    b'"},"stream_id":"',
    b'"}',
)
SEQUENCE = 0
TRACK = 1
TIMESTAMP = 3
PAYLOAD = 4
STREAM = 5
END = 6
NUMBERS = 60  # characters that three numbers take at most
SHAPES = (
    (b'{"event":"media","media":{"payload":"', b'"}}'),
    (b'{"event": "media", "media": {"payload": "', b'"}}'),
)


def _joined(parts: tuple[bytes, ...]) -> tuple["array[int]", "array[int]"]:
    """Parts one after the other, and where each ends."""
    ends, text = [0], b""
    for part in parts:
        text += part
        ends.append(len(text))
    return array("B", text), array("i", ends)


TEXT, ENDS = _joined(PARTS)


class Writer:
    """Writes one stream's `media` messages; what all of them have in common, all writers have."""

    def __init__(self, stream: bytes, most: int) -> None:
        """`stream` is the id, of letters that JSON need not escape; `most` octets are a payload's longest."""
        self.base64 = BASE64
        self.text = TEXT
        self.ends = ENDS
        self.stream = array("B", stream)
        self.digits = array("B", bytes(20))
        self.longest = len(TEXT) + len(stream) + NUMBERS + (most + 2) // 3 * 4
        self.out = array("B", bytes(self.longest))

    def c_part(self, number: int, dst: MutableSequence[int], at: int) -> int:
        """Write one part of the text at `dst[at]`; returns where the next goes."""
        begin = self.ends[number]
        size = self.ends[number + 1] - begin
        for i in range(size):
            dst[at + i] = self.text[begin + i]
        return at + size

    def c_number(self, value: int, dst: MutableSequence[int], at: int) -> int:
        """Write a number in decimal, not below zero."""
        count = 0
        while True:
            self.digits[count] = 48 + value % 10
            value //= 10
            count += 1
            if not value:
                break
        for i in range(count):
            dst[at + i] = self.digits[count - 1 - i]
        return at + count

    def c_write(
        self,
        track: int,
        chunk: int,
        timestamp_ms: int,
        sequence: int,
        payload: MutableSequence[int],
        s: int,
        size: int,
        dst: MutableSequence[int],
        begin: int,
    ) -> int:
        """Write one message at `dst[begin]`, `longest` octets at most; returns its size."""
        at = self.c_part(SEQUENCE, dst, begin)
        at = self.c_number(sequence, dst, at)
        at = self.c_part(TRACK if track == INBOUND else TRACK + 1, dst, at)
        at = self.c_number(chunk, dst, at)
        at = self.c_part(TIMESTAMP, dst, at)
        at = self.c_number(timestamp_ms, dst, at)
        at = self.c_part(PAYLOAD, dst, at)
        at += self.base64.c_encode(payload, s, size, dst, at)
        at = self.c_part(STREAM, dst, at)
        for i in range(len(self.stream)):
            dst[at + i] = self.stream[i]
        return self.c_part(END, dst, at + len(self.stream)) - begin

    def write(self, track: int, chunk: int, timestamp_ms: int, sequence: int, payload: bytes) -> bytes:
        """`c_write` for Python."""
        given = array("B", payload)
        size = self.c_write(track, chunk, timestamp_ms, sequence, given, 0, len(payload), self.out, 0)
        return bytes(self.out[:size])


class Reader:
    """Finds the payload in an app's `media` message of the usual exact shape. Has no state between calls, so
    all inlets share one instance.
    """

    def __init__(self) -> None:
        self.base64 = BASE64
        self.heads = array("B", b"".join(head for head, _ in SHAPES))
        self.second = len(SHAPES[0][0])
        self.tail = array("B", SHAPES[0][1])

    def c_head(self, text: Sequence[int], at: int, size: int, begin: int, end: int) -> int:
        """How long the head is that stands in `heads[begin:end]` if the message begins with it, else −1."""
        count = end - begin
        if size < count + len(self.tail):
            return -1
        for i in range(count):
            if text[at + i] != self.heads[begin + i]:
                return -1
        return count

    def c_read(self, text: Sequence[int], at: int, size: int, dst: MutableSequence[int], most: int) -> int:
        """Decode the payload of the message of `size` octets at `text[at]` into `dst`; its octets, −1 where a
        parser must look.

        Strict base64 admits no quote or backslash, so what is taken here is what a parser would have found.
        """
        head = self.c_head(text, at, size, 0, self.second)
        if head < 0:
            head = self.c_head(text, at, size, self.second, len(self.heads))
        if head < 0:
            return -1
        letters = size - head - len(self.tail)
        if letters // 4 * 3 > most:
            return -1
        for i in range(len(self.tail)):
            if text[at + head + letters + i] != self.tail[i]:
                return -1
        return self.base64.c_decode(text, at + head, letters, dst, 0)

    def read(self, message: bytes) -> bytes | None:
        """`c_read` for Python: the payload, or None."""
        out = array("B", bytes(len(message) + 3))
        size = self.c_read(message, 0, len(message), out, len(message))
        return None if size < 0 else out[:size].tobytes()


READER: Final = Reader()
