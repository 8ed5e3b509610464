"""Putting fragmented WebSocket messages together (RFC 6455 §5.4). Pure."""

from dataclasses import dataclass

from ringline.core.errors import ProtocolError

PROTOCOL_ERROR = 1002
TOO_BIG = 1009

Data = bytes | bytearray | memoryview


class FragmentError(ProtocolError):
    """A sequence of frames that must end the connection; `code` is the close code (RFC 6455 §7.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message; `data` of a binary one is not kept."""

    text: bool
    data: bytes


class Fragments:
    """Collects data frames until a message is whole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._text: bool | None = None

    @property
    def idle(self) -> bool:
        """Whether no message is begun, so that a final first frame is a message by itself."""
        return self._text is None

    def first(self, data: Data, *, text: bool, final: bool) -> Message | None:
        """Take a text or binary frame; the message if it is whole. Raises `FragmentError`."""
        if self._text is not None:
            raise FragmentError(PROTOCOL_ERROR, "a new message inside a fragmented one")
        self._text = text
        return self._add(data, final)

    def more(self, data: Data, *, final: bool) -> Message | None:
        """Take a continuation frame; the message if it is whole. Raises `FragmentError`."""
        if self._text is None:
            raise FragmentError(PROTOCOL_ERROR, "a continuation of nothing")
        return self._add(data, final)

    def _add(self, data: Data, final: bool) -> Message | None:
        if self._text:
            if len(self._kept) + len(data) > self._limit:
                raise FragmentError(TOO_BIG, f"a message of more than {self._limit} bytes")
            self._kept += data
        if not final:
            return None
        whole = Message(bool(self._text), bytes(self._kept))
        self._kept = bytearray()
        self._text = None
        return whole
