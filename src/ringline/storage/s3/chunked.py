"""The content encoding `aws-chunked`: chunks that may be signed, and trailers that may follow.

::

    body    = *chunk "0" [signature] CRLF *trailer CRLF
    chunk   = 1*HEX [signature] CRLF octets CRLF
    signature = ";chunk-signature=" 64HEX          ignored, as every signature is (spec ai-api §12)
    trailer = name ":" value CRLF

(S3 API reference, "Signature calculations for the Authorization header: transferring payload in multiple
chunks" and "… with trailing headers".)
"""

import re
from enum import StrEnum

from ringline.storage.s3.errors import S3Error

LINE_LIMIT = 1024
"""Octets of a chunk's first line or of one trailer."""

TRAILERS_LIMIT = 16
CHUNK_LIMIT = 5 * 1024**3
"""Octets of one chunk: no body has more."""

_HEX = re.compile(rb"[0-9A-Fa-f]{1,16}")


class _State(StrEnum):
    SIZE = "size"
    DATA = "data"
    DATA_END = "data end"
    TRAILER = "trailer"
    DONE = "done"


class ChunkedDecoder:
    """Takes the body as it comes in, in pieces of any size; keeps at most one line of it."""

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        """Names in lower case; complete once the body is."""
        self._state = _State.SIZE
        self._line = bytearray()
        self._left = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The octets of the object that are in `data`. Raises `S3Error` InvalidRequest."""
        found: list[bytes] = []
        position = 0
        while position < len(data):
            if self._state is _State.DATA:
                piece = data[position : position + self._left]
                found.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _State.DATA_END
            elif self._state is _State.DONE:
                raise _malformed("there is more after its end")
            else:
                position = self._read_line(data, position)
        return found

    def finish(self) -> None:
        """Say that nothing more comes. Raises `S3Error` IncompleteBody when something is missing."""
        # Some clients leave out the empty line where no trailer is sent.
        if self._state is _State.DONE or (self._state is _State.TRAILER and not self._line):
            return
        raise S3Error("IncompleteBody", "The chunked body ends before its last chunk.")

    def _read_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position)
        stop = len(data) if end < 0 else end + 1
        if len(self._line) + stop - position > LINE_LIMIT:
            raise _malformed(f"a line has more than {LINE_LIMIT} bytes")
        self._line += data[position:stop]
        if end >= 0:
            line = bytes(self._line).removesuffix(b"\n").removesuffix(b"\r")
            self._line.clear()
            self._take(line)
        return stop

    def _take(self, line: bytes) -> None:
        if self._state is _State.SIZE:
            self._left = _size(line)
            self._state = _State.DATA if self._left else _State.TRAILER
        elif self._state is _State.DATA_END:
            if line:
                raise _malformed("a chunk is longer than it says")
            self._state = _State.SIZE
        elif line:
            self._add_trailer(line)
        else:
            self._state = _State.DONE

    def _add_trailer(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise _malformed("a trailer has no colon")
        if len(self.trailers) >= TRAILERS_LIMIT:
            raise _malformed(f"it has more than {TRAILERS_LIMIT} trailers")
        self.trailers[name.strip().lower()] = value.strip()


def _size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _HEX.fullmatch(digits) or int(digits, 16) > CHUNK_LIMIT:
        raise _malformed("a chunk's size is not a number in hexadecimal, or too large")
    return int(digits, 16)


def _malformed(what: str) -> S3Error:
    return S3Error("InvalidRequest", f"The aws-chunked body is malformed: {what}.")
