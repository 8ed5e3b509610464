"""The DNS shell against a name server on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from ringline.core.ids import Ids
from ringline.sip.grammar import Uri
from ringline.sip.lookup import DnsLookup
from ringline.sip.resolver import Answer, Lookup, Naptr, Resolution, Srv

pytestmark = pytest.mark.system

ZONE = {
    ("example.test.", "NAPTR"): [
        '20 10 "s" "SIP+D2U" "" _sip._udp.example.test.',
        '10 10 "s" "SIP+D2T" "" _sip._tcp.example.test.',
    ],
    ("_sip._tcp.example.test.", "SRV"): ["5 7 5070 127.0.0.1.", "6 7 5071 localhost."],
    ("_sip._udp.example.test.", "SRV"): ["1 0 5060 ."],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from `ZONE`; `broken.test` gets bytes that are no DNS message."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{kind} {name}")
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        records = ZONE.get((name, kind))
        if records is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        else:
            reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, records))
        self._transport.sendto(b"garbage" if name == "broken.test." else reply.to_wire(), address)


@pytest.fixture
async def server() -> AsyncIterator[tuple[NameServer, DnsLookup]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    resolver.lifetime = 0.3
    resolver.cache = dns.resolver.LRUCache(10)
    yield server, DnsLookup(resolver)
    transport.close()


async def test_records_become_values(server: tuple[NameServer, DnsLookup]) -> None:
    _, lookup = server
    pointers = await lookup.answer(Lookup("NAPTR", "example.test"))
    assert set(pointers.naptr) == {  # a record set has no order
        Naptr(20, 10, "s", "SIP+D2U", "_sip._udp.example.test"),
        Naptr(10, 10, "s", "SIP+D2T", "_sip._tcp.example.test"),
    }
    services = await lookup.answer(Lookup("SRV", "_sip._tcp.example.test"))
    assert set(services.srv) == {Srv(5, 7, 5070, "127.0.0.1"), Srv(6, 7, 5071, "localhost")}
    assert (await lookup.answer(Lookup("A", "localhost"))).addresses == ("127.0.0.1",)


async def test_a_whole_resolution(server: tuple[NameServer, DnsLookup]) -> None:
    name_server, lookup = server
    resolution = Resolution(Uri.parse("sip:bob@example.test"), ids=Ids.seeded(1))
    targets = await lookup.resolve(resolution)
    assert [(t.transport, t.address, t.port) for t in targets if t.address != "::1"] == [
        ("tcp", "127.0.0.1", 5070),
        ("tcp", "127.0.0.1", 5071),
    ]
    assert name_server.asked == [
        "NAPTR example.test.",
        "SRV _sip._tcp.example.test.",
        "SRV _sip._udp.example.test.",
    ]


async def test_answers_are_cached_for_their_time_to_live(server: tuple[NameServer, DnsLookup]) -> None:
    name_server, lookup = server
    first = await lookup.answer(Lookup("NAPTR", "example.test"))
    assert await lookup.answer(Lookup("NAPTR", "example.test")) == first
    assert len(name_server.asked) == 1


@pytest.mark.parametrize("name", ["absent.test", "broken.test", "a..b", "x" * 70 + ".test"])
async def test_failures_are_empty_answers(server: tuple[NameServer, DnsLookup], name: str) -> None:
    _, lookup = server
    assert await lookup.answer(Lookup("SRV", name)) == Answer()


@pytest.mark.parametrize("name", ["a..b", "x" * 70, "", "nul\0"])
async def test_hopeless_names_have_no_address(server: tuple[NameServer, DnsLookup], name: str) -> None:
    _, lookup = server
    assert await lookup.answer(Lookup("A", name)) == Answer()


async def test_without_name_servers_addresses_still_work() -> None:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = []
    lookup = DnsLookup(resolver)
    resolution = Resolution(Uri.parse("sip:localhost"), ids=Ids.seeded(1))
    targets = await lookup.resolve(resolution)
    assert targets[0].address == "127.0.0.1"
    assert await lookup.answer(Lookup("SRV", "_sip._udp.example.test")) == Answer()
    assert isinstance(DnsLookup(), DnsLookup)
