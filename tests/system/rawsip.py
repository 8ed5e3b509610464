"""SIP by hand: messages as text, sockets without a stack, so that a test can say what no phone would."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

STATUS = re.compile(rb"SIP/2\.0 (\d{3}) ")
LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)


def offer(port: int = 9) -> bytes:
    """SDP of a phone that speaks PCMA and waits on `port`."""
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    ).encode()


def request(
    method: str,
    uri: str,
    *,
    transport: str = "UDP",
    call_id: str = "",
    cseq: int = 1,
    body: bytes = b"",
    extra: str = "",
    user: str = "raw",
    branch: str = "",
    to_tag: str = "",
    contact: int = 9,
) -> bytes:
    """A request outside a dialog, or inside one whose far tag is `to_tag`."""
    call_id = call_id or secrets.token_hex(8)
    head = (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} 127.0.0.1:9;rport;branch=z9hG4bK{branch or secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{user}@127.0.0.1>;tag=t{call_id}\r\n"
        f"To: <{uri}>{';tag=' + to_tag if to_tag else ''}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{user}@127.0.0.1:{contact}>\r\n{extra}"
    )
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


def header(message: bytes, name: str) -> str:
    """The first value of a header, or nothing."""
    found = re.search(rf"^{name}[ \t]*:[ \t]*(.*?)\r?$", message.decode(errors="replace"), re.I | re.M)
    return found[1] if found else ""


def reply(asked: bytes, status: str = "200 OK") -> bytes:
    """The response to a request."""
    echoed = [
        line
        for line in asked.decode(errors="replace").split("\r\n")
        if re.match(r"(via|from|to|call-id|cseq)[ \t]*:", line, re.I)
    ]
    echoed = [
        f"{line};tag=raw" if line.lower().startswith("to:") and "tag=" not in line else line
        for line in echoed
    ]
    return "\r\n".join([f"SIP/2.0 {status}", *echoed, "Content-Length: 0", "", ""]).encode()


def status_of(message: bytes) -> int:
    """The status of a response; 0 for a request."""
    found = STATUS.match(message)
    return int(found[1]) if found else 0


class Wire:
    """One socket to a SIP server; what came is in `heard`, in order.

    It is busy when called, and takes every BYE.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._by_call: dict[str, list[bytes]] = {}
        self._changed = asyncio.Event()
        self._send: Callable[[bytes], object] = lambda _data: None
        self.port = 0
        """Our own port."""

    def send(self, data: bytes) -> None:
        """Send these bytes as they are."""
        self._send(data)

    async def answer(self, call_id: str, least: int = 200, method: str = "", wait_s: float = 10) -> bytes:
        """The first response of `least` or more to this Call-ID, and to this method if one is given."""

        def wanted(message: bytes) -> bool:
            return status_of(message) >= least and header(message, "CSeq").endswith(method)

        return await self._first(self._by_call.setdefault(call_id, []), wanted, wait_s)

    async def first(self, wanted: Callable[[bytes], bool], wait_s: float = 10) -> bytes:
        """The first message that is wanted, come or to come."""
        return await self._first(self.heard, wanted, wait_s)

    async def _first(self, among: list[bytes], wanted: Callable[[bytes], bool], wait_s: float) -> bytes:
        seen = 0
        async with asyncio.timeout(wait_s):
            while True:
                for message in among[seen:]:
                    seen += 1
                    if wanted(message):
                        return message
                changed = self._changed
                await changed.wait()

    async def is_alive(self, uri: str, transport: str) -> bool:
        """Whether OPTIONS is still answered."""
        call_id = secrets.token_hex(8)
        asked = request("OPTIONS", uri, transport=transport, call_id=call_id)
        for _ in range(10):  # a datagram may be lost where many come; RFC 3261 §17.1.2 has a client repeat it
            self.send(asked)
            with contextlib.suppress(TimeoutError):
                answer = await self.answer(call_id, wait_s=1 if transport == "UDP" else 10)
                return status_of(answer) in (200, 404)
        return False

    def _hear(self, message: bytes) -> None:
        self.heard.append(message)
        self._by_call.setdefault(header(message, "Call-ID"), []).append(message)
        if message.startswith(b"BYE "):
            self.send(reply(message))
        elif message.startswith(b"INVITE "):
            self.send(reply(message, "486 Busy Here"))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._wire._hear(data)

    def error_received(self, exc: Exception) -> None:
        """A closed port elsewhere is no concern of a test's."""


@asynccontextmanager
async def udp(address: str, source: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """A UDP socket at `source` to `host:port`."""
    host, _, port = address.rpartition(":")
    wire = Wire()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(wire), local_addr=(source, 0), remote_addr=(host, int(port))
    )
    wire._send = transport.sendto
    wire.port = int(transport.get_extra_info("sockname")[1])
    try:
        yield wire
    finally:
        transport.close()


@asynccontextmanager
async def tcp(address: str) -> AsyncIterator[Wire]:
    """A TCP connection to `host:port`."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    wire = Wire()
    wire._send = writer.write

    async def read() -> None:
        kept = b""
        while data := await reader.read(65536):
            kept += data
            while b"\r\n\r\n" in kept:
                head, _, rest = kept.partition(b"\r\n\r\n")
                found = LENGTH.search(head)
                length = int(found[1]) if found else 0
                if len(rest) < length:
                    break
                wire._hear(head.lstrip(b"\r\n") + b"\r\n\r\n" + rest[:length])
                kept = rest[length:]

    task = asyncio.create_task(read())
    try:
        yield wire
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()
