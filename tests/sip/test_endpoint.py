"""Two endpoints on real loopback sockets, over UDP and TCP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from ringline.core.clock import SystemClock
from ringline.core.errors import ConfigError
from ringline.core.ids import Ids
from ringline.sip.digest import Ha1
from ringline.sip.endpoint import EndpointSettings, SipEndpoint
from ringline.sip.events import (
    Accept,
    CallAcked,
    CallAnswered,
    CallCancelled,
    CallEnded,
    CallFailed,
    CallProgress,
    CallReofferAnswered,
    CallReoffered,
    Challenge,
    Event,
    IncomingCall,
    InfoReceived,
    Refuse,
    RegisterOutcome,
    RegistrationChanged,
    Route,
    SipMessageSeen,
)
from ringline.sip.io.tcp import TcpLimits
from ringline.sip.message import StreamFramer, parse
from ringline.sip.stack import StackSettings
from tests.sip.wire import ANSWER, OFFER

pytestmark = pytest.mark.system

E = TypeVar("E")
DEADLINE_S = 5


class Phone:
    """An endpoint whose events can be waited for."""

    def __init__(self, decide: Callable[[IncomingCall], Route], settings: EndpointSettings) -> None:
        self.events: list[Event] = []
        self.seen: list[SipMessageSeen] = []
        self._arrived = asyncio.Event()
        self.sip = SipEndpoint(
            clock=SystemClock(),
            ids=Ids(),
            on_event=self._hear,
            decide_invite=decide,
            credentials=lambda user: Ha1.of(user, "ringline", "secret") if user == "alice" else None,
            settings=settings,
        )

    def _hear(self, event: Event) -> None:
        if isinstance(event, SipMessageSeen):
            self.seen.append(event)
        else:
            self.events.append(event)
            self._arrived.set()

    async def next(self, kind: type[E]) -> E:
        """The next event of this kind; others before it stay."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        self.events.remove(event)
                        return event
                self._arrived.clear()
                await self._arrived.wait()

    def uri(self, user: str, transport: str) -> str:
        return f"sip:{user}@127.0.0.1:{self.sip.port};transport={transport}"


@asynccontextmanager
async def phone(
    decide: Callable[[IncomingCall], Route] = lambda call: Accept(), **fields: object
) -> AsyncIterator[Phone]:
    made = Phone(decide, EndpointSettings(port=0, **fields))  # type: ignore[arg-type]  # fields of many types by name
    await made.sip.start()
    try:
        yield made
    finally:
        await made.sip.stop()


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def connected(caller: Phone, callee: Phone, transport: str) -> tuple[str, str]:
    """An answered call; both handles."""
    caller.sip.invite("c", callee.uri("bob", transport), from_uri="sip:alice@example.com", sdp=OFFER)
    incoming = await callee.next(IncomingCall)
    callee.sip.accept(incoming.handle, ANSWER)
    await caller.next(CallAnswered)
    await callee.next(CallAcked)
    return "c", incoming.handle


async def test_a_call_from_ringing_to_bye(transport: str) -> None:
    async with phone() as caller, phone() as callee:
        caller.sip.invite("c", callee.uri("bob", transport), from_uri="sip:alice@example.com", sdp=OFFER)
        incoming = await callee.next(IncomingCall)
        assert (incoming.transport, incoming.sdp) == (transport, OFFER)
        callee.sip.ring(incoming.handle)
        assert (await caller.next(CallProgress)).status == 180
        callee.sip.accept(incoming.handle, ANSWER)
        assert (await caller.next(CallAnswered)).sdp == ANSWER
        await callee.next(CallAcked)
        caller.sip.bye("c")
        assert (await callee.next(CallEnded)).by == "remote"
        assert (await caller.next(CallEnded)).by == "local"
        assert (caller.sip.calls, callee.sip.calls) == (0, 0)
        assert [seen.summary.split()[0] for seen in caller.seen] == [
            "INVITE",
            "180",
            "200",
            "ACK",
            "BYE",
            "200",
        ]


async def test_the_callee_holds_sends_info_and_hangs_up(transport: str) -> None:
    async with phone() as caller, phone() as callee:
        _, incoming = await connected(caller, callee, transport)
        callee.sip.reoffer(incoming, OFFER + b"a=sendonly\r\n")
        assert (await caller.next(CallReoffered)).sdp.endswith(b"sendonly\r\n")
        caller.sip.accept_reoffer("c", ANSWER)
        assert (await callee.next(CallReofferAnswered)).status == 200
        await caller.next(CallAcked)
        callee.sip.info(incoming, "application/dtmf-relay", b"Signal=1")
        assert (await caller.next(InfoReceived)).body == b"Signal=1"
        callee.sip.bye(incoming)
        assert (await caller.next(CallEnded)).by == "remote"
        assert (await callee.next(CallEnded)).by == "local"


async def test_cancel_and_refusal(transport: str) -> None:
    async with phone() as caller, phone() as callee:
        caller.sip.invite("c", callee.uri("bob", transport), from_uri="sip:a@example.com", sdp=OFFER)
        callee.sip.ring((await callee.next(IncomingCall)).handle)
        await caller.next(CallProgress)
        caller.sip.cancel("c", "enough")
        assert (await caller.next(CallFailed)).status == 487
        assert "enough" in (await callee.next(CallCancelled)).headers[0].value
        caller.sip.invite("d", callee.uri("bob", transport), from_uri="sip:a@example.com", sdp=OFFER)
        callee.sip.refuse((await callee.next(IncomingCall)).handle, 486)
        assert (await caller.next(CallFailed)).status == 486


async def test_digest_on_invite(transport: str) -> None:
    def decide(call: IncomingCall) -> Route:
        return Refuse(603) if call.credential_user == "alice" else Challenge()

    async with phone() as caller, phone(decide) as callee:
        for password, status in (("secret", 603), ("wrong", 407)):
            caller.sip.invite(
                password,
                callee.uri("bob", transport),
                from_uri="sip:alice@example.com",
                sdp=OFFER,
                auth=("alice", password),
            )
            assert (await caller.next(CallFailed)).status == status


async def test_register_then_be_called_over_the_flow(transport: str) -> None:
    async with phone() as device, phone() as server:
        handle = device.sip.register(
            f"sip:alice@127.0.0.1:{server.sip.port}", "alice", "secret", 120, transport=transport
        )
        assert await device.next(RegisterOutcome) == RegisterOutcome(handle, 200, "OK", 120)
        assert (await server.next(RegistrationChanged)).user == "alice"
        found = server.sip.registered("alice")
        assert found is not None
        assert found.flow.transport == transport.upper()
        assert (found.flow.connection > 0) == (transport == "tcp")

        server.sip.invite(
            "c", "sip:alice@example.com", from_uri="sip:x@example.com", sdp=OFFER, via_registration="alice"
        )
        incoming = await device.next(IncomingCall)
        assert incoming.transport == transport
        device.sip.accept(incoming.handle, ANSWER)
        await server.next(CallAnswered)
        await device.next(CallAcked)
        server.sip.bye("c")
        assert (await server.next(CallEnded)).by == "local"
        device.sip.unregister(handle)
        assert (await device.next(RegisterOutcome)).expires_s == 0
        assert server.sip.registered("alice") is None


async def test_a_phone_whose_connection_closes_is_no_longer_registered() -> None:
    async with phone() as server:
        async with phone() as device:
            device.sip.register(f"sip:alice@127.0.0.1:{server.sip.port}", "alice", "secret", transport="tcp")
            await device.next(RegisterOutcome)
            await server.next(RegistrationChanged)
        assert (await server.next(RegistrationChanged)).expires_s == 0


async def test_a_refused_connection_is_503() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused at once
        port = taken.getsockname()[1]
        async with phone() as caller:
            caller.sip.invite(
                "c", f"sip:b@127.0.0.1:{port};transport=tcp", from_uri="sip:a@example.com", sdp=OFFER
            )
            failed = await caller.next(CallFailed)
            assert failed.status == 503


async def test_a_name_is_resolved_by_the_system() -> None:
    async with phone() as caller, phone() as callee:
        uri = f"sip:bob@localhost:{callee.sip.port};transport=udp"
        caller.sip.invite("c", uri, from_uri="sip:a@example.com", sdp=OFFER)
        incoming = await callee.next(IncomingCall)
        assert incoming.request_host == "localhost"
        caller.sip.cancel("c")
        await callee.next(CallCancelled)


async def test_a_taken_port_is_a_config_error_that_says_what_to_do() -> None:
    async with phone() as first:
        second = Phone(lambda call: Accept(), EndpointSettings(port=first.sip.port))
        with pytest.raises(ConfigError, match="Choose another with --sip"):
            await second.sip.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        third = Phone(lambda call: Accept(), EndpointSettings(port=listener.getsockname()[1]))
        with pytest.raises(ConfigError, match="/tcp"):
            await third.sip.start()
        await third.sip.stop()


async def test_the_external_address_stands_in_via_and_contact() -> None:
    async with phone(external_address="203.0.113.9") as caller, phone() as callee:
        assert caller.sip.address == "203.0.113.9"
        caller.sip.invite("c", callee.uri("bob", "udp"), from_uri="sip:a@example.com", sdp=OFFER)
        await callee.next(IncomingCall)
        invite = parse(callee.seen[0].raw)
        assert (invite.top_via.host, invite.contacts[0].uri.host) == ("203.0.113.9", "203.0.113.9")


async def test_a_wildcard_endpoint_says_an_address_that_can_be_reached() -> None:
    async with phone(host="0.0.0.0") as made:
        assert made.sip.address not in {"0.0.0.0", ""}


async def test_an_error_in_the_house_stops_neither_the_endpoint_nor_other_events() -> None:
    async with phone() as caller, phone() as callee:
        hear = callee._hear

        def fail_once(event: Event) -> None:
            callee.sip._on_event = hear
            raise RuntimeError("the house stumbles")

        callee.sip._on_event = fail_once
        caller.sip.invite("c", callee.uri("bob", "udp"), from_uri="sip:a@example.com", sdp=OFFER)
        caller.sip.invite("d", callee.uri("bob", "udp"), from_uri="sip:a@example.com", sdp=OFFER)
        await callee.next(IncomingCall)
        assert callee.sip.counters["event_errors"] == 1


async def test_a_router_that_stumbles_is_500_to_that_caller_alone() -> None:
    def decide(call: IncomingCall) -> Route:
        if call.request_user == "trap":
            raise RuntimeError("the house stumbles")
        return Refuse(404)

    async with phone() as caller, phone(decide) as callee:
        for user, status in (("trap", 500), ("other", 404)):
            caller.sip.invite(user, callee.uri(user, "udp"), from_uri="sip:a@example.com", sdp=OFFER)
            assert (await caller.next(CallFailed)).status == status
        assert callee.sip.counters["decide_errors"] == 1


async def test_credentials_that_cannot_be_looked_up_are_unknown() -> None:
    async with phone() as device, phone() as server:

        def fail(user: str) -> Ha1 | None:
            raise RuntimeError("the store is away")

        server.sip._credentials = fail
        device.sip.register(f"sip:alice@127.0.0.1:{server.sip.port}", "alice", "secret")
        assert (await device.next(RegisterOutcome)).status == 401
        assert server.sip.counters["credential_errors"] == 1


async def test_draining_refuses_new_calls() -> None:
    async with phone() as caller, phone() as callee:
        _, incoming = await connected(caller, callee, "udp")
        callee.sip.drain()
        caller.sip.invite("d", callee.uri("bob", "udp"), from_uri="sip:a@example.com", sdp=OFFER)
        assert (await caller.next(CallFailed)).status == 503
        callee.sip.bye(incoming)
        assert (await caller.next(CallEnded)).by == "remote"


async def test_thirty_calls_at_once(transport: str) -> None:
    async with phone() as caller, phone() as callee:
        for number in range(30):
            caller.sip.invite(
                str(number), callee.uri(str(number), transport), from_uri="sip:a@example.com", sdp=OFFER
            )
        for _ in range(30):
            callee.sip.accept((await callee.next(IncomingCall)).handle, ANSWER)
        answered = {(await caller.next(CallAnswered)).handle for _ in range(30)}
        assert len(answered) == 30
        for handle in answered:
            caller.sip.bye(handle)
        ended = [await callee.next(CallEnded) for _ in range(30)]
        assert {event.by for event in ended} == {"remote"}
        assert callee.sip.calls == 0


# The TCP shell itself


async def stream(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


def options(branch: str) -> bytes:
    return (
        "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:1;branch=z9hG4bK{branch}\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: {branch}\r\nCSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


async def closed(reader: asyncio.StreamReader) -> None:
    """The peer has closed, one way or the other."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            return


async def test_messages_in_pieces_and_in_one_piece_are_all_answered() -> None:
    async with phone() as server:
        reader, writer = await stream(server.sip.port)
        data = options("a") + b"\r\n\r\n" + options("b")
        for at in range(0, len(data), 7):
            writer.write(data[at : at + 7])
            await writer.drain()
        writer.write(options("c") + options("d"))
        framer, answers = StreamFramer(), []
        async with asyncio.timeout(DEADLINE_S):
            while len(answers) < 4:
                answers += [item for item in framer.feed(await reader.read(4096)) if isinstance(item, bytes)]
        assert [parse(answer).call_id for answer in answers] == ["a", "b", "c", "d"]
        writer.close()
        await writer.wait_closed()


async def test_a_ping_is_answered_with_a_pong() -> None:
    async with phone() as server:
        reader, writer = await stream(server.sip.port)
        writer.write(b"\r\n\r\n")
        async with asyncio.timeout(DEADLINE_S):
            assert await reader.readexactly(2) == b"\r\n"
        writer.close()
        await writer.wait_closed()


async def test_each_message_that_cannot_be_read_is_one_line_of_log() -> None:
    secret = b"4929000000000"
    bad = (
        options("a").replace(b"Via: SIP/2.0/TCP", b"Via: SIP/2.0/UDP").replace(b"CSeq: 1", b"CSeq: " + secret)
    )
    async with phone() as server:
        with capture_logs() as lines, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.setblocking(False)
            wire.connect(("127.0.0.1", server.sip.port))
            wire.send(bad)
            async with asyncio.timeout(DEADLINE_S):
                answer = await asyncio.get_running_loop().sock_recv(wire, 2000)
            assert answer.startswith(b"SIP/2.0 400")
            reader, writer = await stream(server.sip.port)
            writer.write(b"GET /" + secret + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            await closed(reader)
            writer.close()
        told = [(line["event"], line["transport"], line["log_level"]) for line in lines]
        what = "a SIP message could not be read"
        assert told == [(what, "udp", "warning"), (what, "tcp", "warning")]
        assert all(line["peer"].startswith("127.0.0.1:") and line["reason"] for line in lines)
        assert secret.decode() not in str(lines)


async def test_a_stream_that_is_not_sip_is_cut_and_the_others_live() -> None:
    async with phone() as server:
        bad, bad_writer = await stream(server.sip.port)
        good, good_writer = await stream(server.sip.port)
        bad_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await closed(bad)
        assert server.sip.counters["tcp_unframed"] == 1
        good_writer.write(options("g"))
        async with asyncio.timeout(DEADLINE_S):
            assert (await good.readline()).startswith(b"SIP/2.0 200")
        for writer in (bad_writer, good_writer):
            writer.close()


async def test_more_connections_than_allowed_are_refused() -> None:
    async with phone(tcp=TcpLimits(connections=2)) as server:
        kept = [await stream(server.sip.port) for _ in range(2)]
        for reader, writer in kept:
            writer.write(options("k"))
            async with asyncio.timeout(DEADLINE_S):
                await reader.readline()
        reader, extra = await stream(server.sip.port)
        await closed(reader)
        assert server.sip.counters["tcp_refused"] == 1
        for _, writer in [*kept, (reader, extra)]:
            writer.close()


@pytest.mark.parametrize("words", [b"", b"OPTIONS sip:slow"], ids=["silent", "slow"])
async def test_a_connection_that_never_says_a_whole_message_is_closed(words: bytes) -> None:
    async with phone(tcp=TcpLimits(first_s=0.05)) as server:
        reader, writer = await stream(server.sip.port)
        writer.write(words)
        await closed(reader)
        assert server.sip.counters["tcp_idle"] == 1
        writer.close()


async def test_a_connection_that_falls_silent_is_closed() -> None:
    async with phone(tcp=TcpLimits(idle_s=0.05)) as server:
        reader, writer = await stream(server.sip.port)
        writer.write(options("once"))
        await closed(reader)
        assert server.sip.counters["tcp_idle"] == 1
        writer.close()


async def test_a_peer_that_does_not_read_is_cut_off() -> None:
    async with phone(stack=StackSettings(trace=False)) as server:
        _, writer = await stream(server.sip.port)
        request = options("x").replace(b"x@127.0.0.1>", b"x@127.0.0.1>;p=" + b"y" * 8000)
        async with asyncio.timeout(DEADLINE_S * 4):
            number = 0
            while not server.sip.counters["tcp_overflow"]:
                number += 1
                writer.write(request.replace(b"z9hG4bKx", b"z9hG4bK%d" % number))
                try:
                    await writer.drain()
                except ConnectionError:
                    break
                await asyncio.sleep(0)
        writer.transport.abort()
        assert server.sip.counters["tcp_overflow"] == 1


async def test_udp_noise_is_counted_and_harmless() -> None:
    async with phone() as server:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
            noise.setblocking(False)
            for data in (b"", b"\x00" * 1000, b"SIP/2.0 200\r\n", b"\r\n\r\n"):
                await loop.sock_sendto(noise, data, ("127.0.0.1", server.sip.port))
            await loop.sock_sendto(
                noise, options("u").replace(b"/TCP", b"/UDP"), ("127.0.0.1", server.sip.port)
            )
            async with asyncio.timeout(DEADLINE_S):
                answer, _ = await loop.sock_recvfrom(noise, 65536)
        assert answer.startswith(b"SIP/2.0 200 OK")
        assert server.sip.counters["malformed"] == 2
