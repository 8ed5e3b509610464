"""Server-sent events as engines write them (WHATWG HTML §9.2.6), reading side. Pure."""

from ringline.core.errors import ProtocolError

MAX_EVENT = 4 * 1024 * 1024
"""Bytes of one event. A chunk of a chat is a few hundred; 20 alternatives a token make some thousand."""


class Events:
    """Cuts a byte stream into the data of its events; comments, names and ids of events mean nothing here.

    Lines end in LF or CR LF. A lone CR, which the standard has too and no engine sends, is data.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._looked_at = 0
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes; raises `ProtocolError` for one larger than `MAX_EVENT`."""
        self._rest += data
        events: list[bytes] = []
        start = 0
        while (end := self._rest.find(b"\n", max(start, self._looked_at))) >= 0:
            line = bytes(self._rest[start:end]).removesuffix(b"\r")
            start = end + 1
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data, self._size = [], 0
        del self._rest[:start]
        self._looked_at = len(self._rest)
        if self._size + len(self._rest) > MAX_EVENT:
            raise ProtocolError(f"an event is larger than {MAX_EVENT} bytes")
        return events
