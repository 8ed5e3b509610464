"""Asks DNS what a `Resolution` needs: NAPTR and SRV of the configured name servers, addresses of the system.

Addresses go through `getaddrinfo`, so that the hosts file counts, as it does for everything else on the
machine.
"""

import asyncio
import socket
from typing import Final, cast

import dns.asyncresolver
import dns.exception
import dns.rdtypes.IN.NAPTR
import dns.rdtypes.IN.SRV
import dns.resolver

from ringline.sip.resolver import Answer, Lookup, Naptr, Resolution, Srv, Target

TIMEOUT_S: Final = 2.0
"""For one NAPTR or SRV question over all servers; a call waits for it."""


class DnsLookup:
    """Answers lookups; NAPTR and SRV answers are cached for their time to live."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        """`resolver` None: the system's name servers; without any, every NAPTR and SRV is answered empty."""
        if resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=False)
            try:
                resolver.read_resolv_conf("/etc/resolv.conf")
            except dns.resolver.NoResolverConfiguration:
                resolver.nameservers = []
            resolver.lifetime = TIMEOUT_S
            resolver.cache = dns.resolver.LRUCache(1000)
        self._resolver = resolver

    async def resolve(self, resolution: Resolution) -> list[Target]:
        """The targets in order; none when nothing was found or nobody answered."""
        while resolution.targets is None:
            needed = resolution.needed
            found = await asyncio.gather(*(self.answer(lookup) for lookup in needed))
            resolution.answer(dict(zip(needed, found, strict=True)))
        return resolution.targets

    async def answer(self, lookup: Lookup) -> Answer:
        """The records for one question; the empty answer for none, no such name, no server, no time."""
        if lookup.kind in {"A", "AAAA"}:
            return await self._addresses(lookup)
        if not self._resolver.nameservers:
            return Answer()
        try:
            found = await self._resolver.resolve(lookup.name, lookup.kind)
        except dns.exception.DNSException:
            return Answer()
        if lookup.kind == "SRV":
            records = [cast(dns.rdtypes.IN.SRV.SRV, record) for record in found]
            return Answer(
                srv=tuple(
                    Srv(r.priority, r.weight, r.port, r.target.to_text(omit_final_dot=True)) for r in records
                )
            )
        pointers = [cast(dns.rdtypes.IN.NAPTR.NAPTR, record) for record in found]
        return Answer(
            naptr=tuple(
                Naptr(
                    r.order,
                    r.preference,
                    r.flags.decode("ascii", "replace"),
                    r.service.decode("ascii", "replace"),
                    r.replacement.to_text(omit_final_dot=True),
                )
                for r in pointers
            )
        )

    @staticmethod
    async def _addresses(lookup: Lookup) -> Answer:
        family = socket.AF_INET if lookup.kind == "A" else socket.AF_INET6
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(lookup.name, None, family=family, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):  # a label too long for IDNA is UnicodeError
            return Answer()
        return Answer(addresses=tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))
