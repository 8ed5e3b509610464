# cython: infer_types=True, annotation_typing=False, wraparound=False
"""The `media` messages of the streaming protocol (spec media-streaming §3.3, §4.1) without a JSON parser.

They come and go fifty times a second and stream. What is written here is what a JSON writer would write; what
is read here is the exact shape that apps send, and everything else is left to the parser.
"""

from array import array
from collections.abc import MutableSequence, Sequence

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


class Writer:
    """Writes one stream's `media` messages."""

    def __init__(self, stream: bytes, most: int) -> None:
        """`stream` is the id, of letters that JSON need not escape; `most` octets are a payload's longest."""
        ends, text = [0], b""
        for part in (*PARTS[:STREAM], PARTS[STREAM] + stream + PARTS[END]):
            text += part
            ends.append(len(text))
        self.base64 = BASE64
        self.text = array("B", text)
        self.ends = array("i", ends)
        self.digits = array("B", bytes(20))
        self.out = array("B", bytes(len(text) + NUMBERS + (most + 2) // 3 * 4))

    def c_part(self, number: int, at: int) -> int:
        """Write one part of the text at `out[at]`; returns where the next goes."""
        begin = self.ends[number]
        size = self.ends[number + 1] - begin
        for i in range(size):
            self.out[at + i] = self.text[begin + i]
        return at + size

    def c_number(self, value: int, at: int) -> int:
        """Write a number in decimal, not below zero."""
        count = 0
        while True:
            self.digits[count] = 48 + value % 10
            value //= 10
            count += 1
            if not value:
                break
        for i in range(count):
            self.out[at + i] = self.digits[count - 1 - i]
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
    ) -> int:
        """Write one message to `out`; returns its size."""
        at = self.c_part(SEQUENCE, 0)
        at = self.c_number(sequence, at)
        at = self.c_part(TRACK if track == INBOUND else TRACK + 1, at)
        at = self.c_number(chunk, at)
        at = self.c_part(TIMESTAMP, at)
        at = self.c_number(timestamp_ms, at)
        at = self.c_part(PAYLOAD, at)
        at += self.base64.c_encode(payload, s, size, self.out, at)
        return self.c_part(STREAM, at)

    def write(self, track: int, chunk: int, timestamp_ms: int, sequence: int, payload: bytes) -> bytes:
        """`c_write` for Python."""
        size = self.c_write(track, chunk, timestamp_ms, sequence, array("B", payload), 0, len(payload))
        return bytes(self.out[:size])


class Reader:
    """Finds the payload in an app's `media` message of the usual exact shape."""

    def __init__(self) -> None:
        self.base64 = BASE64
        self.heads = array("B", b"".join(head for head, _ in SHAPES))
        self.second = len(SHAPES[0][0])
        self.tail = array("B", SHAPES[0][1])

    def c_head(self, message: Sequence[int], size: int, begin: int, end: int) -> int:
        """How long the head is that stands in `heads[begin:end]` if the message begins with it, else −1."""
        count = end - begin
        if size < count + len(self.tail):
            return -1
        for i in range(count):
            if message[i] != self.heads[begin + i]:
                return -1
        return count

    def c_read(self, message: Sequence[int], size: int, dst: MutableSequence[int], most: int) -> int:
        """Decode the payload of `message` into `dst`; its octets, −1 where a parser must look.

        Strict base64 admits no quote or backslash, so what is taken here is what a parser would have found.
        """
        head = self.c_head(message, size, 0, self.second)
        if head < 0:
            head = self.c_head(message, size, self.second, len(self.heads))
        if head < 0:
            return -1
        letters = size - head - len(self.tail)
        if letters // 4 * 3 > most:
            return -1
        for i in range(len(self.tail)):
            if message[head + letters + i] != self.tail[i]:
                return -1
        return self.base64.c_decode(message, head, letters, dst, 0)

    def read(self, message: bytes) -> bytes | None:
        """`c_read` for Python: the payload, or None."""
        out = array("B", bytes(len(message) + 3))
        size = self.c_read(message, len(message), out, len(message))
        return None if size < 0 else out[:size].tobytes()
