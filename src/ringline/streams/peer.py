"""Our end of a WebSocket (RFC 6455) without a connection: octets in, messages out, and back."""

from collections.abc import Sequence

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from ringline.streams.fragments import Fragments
from ringline.streams.transport import HUNG_UP, Endpoint, Receiver


class Peer:
    """websockets' I/O-free half. `receiver` is told of messages and pongs; `to_send` has what goes out."""

    def __init__(self, endpoint: Endpoint, receiver: Receiver) -> None:
        """Begins with the request for the upgrade."""
        self._receiver = receiver
        self._protocol = ClientProtocol(parse_uri(endpoint.url), max_size=endpoint.limits.message_bytes)
        self._fragments = Fragments(endpoint.limits.message_bytes)
        self.shaken = False
        """The app has agreed to the upgrade."""
        self.refusal: str | None = None
        """Why there will be no WebSocket."""
        self.code: int | None = None
        """The code with which the app closed; 1005 stands for none."""
        self.why = "the connection broke"
        """How the WebSocket ended, if it has."""
        request = self._protocol.connect()
        for name, value in endpoint.headers:
            request.headers[name] = value
        self._protocol.send_request(request)

    @property
    def open(self) -> bool:
        """Whether messages may be sent."""
        return self._protocol.state is State.OPEN

    @property
    def over(self) -> bool:
        """Whether to let go of the connection once all is sent.

        After our own close frame we still read until the app's: closing with unread octets would reset the
        connection and take what we said last with it.
        """
        broken = self._protocol.parser_exc is not None
        return self.code is not None or (self._protocol.close_expected() and broken)

    def say(self, message: bytes) -> None:
        """Send a text message, while that is possible."""
        if self.open:
            self._protocol.send_text(message)

    def ping(self) -> None:
        """Ask for a sign of life, while that is possible."""
        if self.open:
            self._protocol.send_ping(b"")

    def take_leave(self, code: int) -> None:
        """Send a close frame, unless that was done."""
        if self.open:
            self._protocol.send_close(code)

    def to_send(self) -> Sequence[bytes]:
        """Take what is to be sent; an empty part means that no more will be."""
        return self._protocol.data_to_send()

    def hear(self, data: bytes) -> None:
        """Take octets of the app."""
        self._protocol.receive_data(data)
        self._take()

    def hear_end(self) -> None:
        """The app sends no more."""
        self._protocol.receive_eof()
        self._take()

    def _take(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                # Not asked by state: the app's close frame may have come in the same packet.
                self.shaken = self._protocol.handshake_exc is None
            elif isinstance(event, Frame):
                self._frame(event)
        broken = self._protocol.parser_exc
        if broken is not None and not isinstance(broken, EOFError) and self.code is None:
            self.why = f"the app broke the WebSocket protocol: {broken}"
        if self._protocol.handshake_exc is not None:
            self.refusal = _answer(self._protocol.handshake_exc)

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._data(frame)
            case Opcode.PONG:
                self._receiver.on_pong()
            case Opcode.CLOSE:
                received = self._protocol.close_rcvd
                self.code = received.code if received is not None else 1005
                self.why = f"the app closed with {self.code}"

    def _data(self, frame: Frame) -> None:
        # `ClientProtocol` has refused what is out of place or too big.
        if frame.opcode is Opcode.CONT:
            message = self._fragments.more(frame.data, final=frame.fin)
        else:
            message = self._fragments.first(frame.data, text=frame.opcode is Opcode.TEXT, final=frame.fin)
        if message is None:
            return
        if message.text:
            self._receiver.on_text(message.data)
        else:
            self._receiver.on_binary()


def _answer(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"the app answered HTTP {error.response.status_code} to the upgrade"
    if isinstance(error.__cause__, EOFError):
        return HUNG_UP
    return f"the app's answer is no WebSocket handshake: {error}"
