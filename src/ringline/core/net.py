"""The guard on every address that a user may name (design: security rules).

A URL is checked, its host resolved once, every address held against the policy, and the connection
pinned to an address that passed: a name that resolves differently a second later changes nothing.
Redirects are checked again.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx

from ringline.core.errors import NotAllowed, RinglineError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_URL = 2000
MAX_REDIRECTS = 3


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(one) for one in text.split())


METADATA = _networks(
    "169.254.0.0/16 fe80::/10 fd00:ec2::254/128 fd20:ce::254/128 100.100.100.200/32 168.63.129.16/32"
)
"""Link-local addresses and the clouds' metadata services: never allowed, whatever the settings say."""

SPECIAL = _networks("100.64.0.0/10 192.0.0.0/24 192.88.99.0/24 64:ff9b:1::/48 3fff::/20")
"""Blocks for special purposes (RFC 6890, 6598, 7526, 8215, 9637) that not every Python counts as private."""

NAT64 = _networks("64:ff9b::/96 64:ff9b:1::/48")
"""Behind these, a translator's IPv4 address stands in the last 32 bits (RFC 6052 §2.2, RFC 8215)."""

PUBLIC6 = _networks("2000::/3 64:ff9b::/96")
"""All that is global unicast in IPv6 (RFC 4291 §2.4), and NAT64's well-known prefix."""

NOBODY = ipaddress.ip_network("240.0.0.0/4")
"""Reserved for ever (RFC 1112 §4); Python counts it as private."""

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class FetchError(RinglineError):
    """A fetch that did not bring the file: status, size, time or connection; the message says which."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        """Whether the far end said that there is no such file (404, 410)."""


@dataclass(frozen=True, slots=True)
class Target:
    """A vetted place to connect to: `address` is numeric, `host` goes into SNI and Host."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("https", "wss")


@dataclass(frozen=True, slots=True)
class Policy:
    """Which addresses may be connected to."""

    private: bool
    """Whether loopback and private addresses are allowed."""
    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()

    @classmethod
    def build(
        cls,
        policy: Literal["auto", "open", "closed"],
        allow: Sequence[str],
        deny: Sequence[str],
        listening_on: Sequence[str],
    ) -> "Policy":
        """The policy of the settings; `auto` is open while every listener is on loopback."""
        local = all(_is_loopback(host) for host in listening_on)
        return cls(
            private=policy == "open" or (policy == "auto" and local),
            allow=tuple(ipaddress.ip_network(text) for text in allow),
            deny=tuple(ipaddress.ip_network(text) for text in deny),
        )

    def permits(self, address: Address) -> bool:
        """Whether a connection to `address` may be made; IPv4 addresses that it carries must pass as well."""
        if isinstance(address, ipaddress.IPv4Address):
            return self._passes(address)
        if address.ipv4_mapped:
            return self._passes(address.ipv4_mapped)
        return self._passes(address) and all(self._passes(one) for one in _carried(address))

    def _passes(self, address: Address) -> bool:
        if _within(address, METADATA) or _within(address, self.deny):
            return False
        if _within(address, self.allow):
            return True
        if address.is_multicast or address.is_unspecified:
            return False
        if address.is_loopback or address.is_private or _within(address, SPECIAL):
            return self.private and not _within(address, (NOBODY,))
        return address.is_global and (address.version == 4 or _within(address, PUBLIC6))


class Guard:
    """Turns a user's URL into a vetted target, and fetches files from it."""

    def __init__(self, policy: Policy, *, resolver: Resolver | None = None) -> None:
        self._policy = policy
        self._resolve: Resolver = resolver or resolve_by_system

    async def vet(self, url: str, schemes: Sequence[str]) -> Target:
        """Check `url` and choose the address to connect to.

        Raises `NotAllowed` when the scheme, the form or an address is against the rules. A host with several
        addresses must pass with all of them.
        """
        scheme, host, port, path = _split(url, schemes)
        addresses = await self._addresses(host, port)
        for text in addresses:
            if not self._policy.permits(ipaddress.ip_address(text)):
                raise NotAllowed(f"the network policy forbids {host}; allow it with the setting net.allow")
        return Target(scheme, host, port, addresses[0], path)

    async def vet_host(self, host: str, port: int) -> str:
        """The vetted numeric address of a host that is not in a URL (media fork, SIP trunk)."""
        return (await self.vet(f"udp://{host}:{port}", ("udp",))).address

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            try:
                addresses = await self._resolve(host, port)
            except (OSError, UnicodeError) as error:
                raise NotAllowed(f"{host} does not resolve: {error}") from error
            if not addresses:
                raise NotAllowed(f"{host} does not resolve") from None
            return addresses
        return [host]

    async def download(self, url: str, to: Path, *, max_bytes: int, timeout_s: float) -> str:
        """Fetch `url` into the file `to`, never more than `max_bytes`; returns the content type.

        Raises `FetchError` or `NotAllowed`.
        """
        try:
            async with asyncio.timeout(timeout_s), self._opened(url) as response:
                if response.status_code in (404, 410):
                    raise FetchError(f"{response.status_code} from {urlsplit(url).hostname}", missing=True)
                if response.status_code >= 300:
                    raise FetchError(f"{response.status_code} from {urlsplit(url).hostname}")
                await _save(response, to, max_bytes)
                return str(response.headers.get("content-type", ""))
        except TimeoutError as error:
            raise FetchError(f"no whole file within {timeout_s:g} s") from error
        except httpx.HTTPError as error:
            raise FetchError(f"connection failed: {type(error).__name__}") from error

    @asynccontextmanager
    async def _opened(self, url: str) -> AsyncIterator[httpx.Response]:
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(MAX_REDIRECTS + 1):
                target = await self.vet(url, ("http", "https"))
                request = pinned_request(client, target)
                response = await client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        yield response
                        return
                    url = str(httpx.URL(url).join(response.headers["location"]))
                finally:
                    await response.aclose()
            raise FetchError(f"more than {MAX_REDIRECTS} redirects")


def pinned_request(client: httpx.AsyncClient, target: Target) -> httpx.Request:
    """A GET that connects to the vetted address and speaks for the host."""
    shown = f"[{target.address}]" if ":" in target.address else target.address
    default = DEFAULT_PORTS[target.scheme] == target.port
    return client.build_request(
        "GET",
        f"{target.scheme}://{shown}:{target.port}{target.path}",
        headers={"host": target.host if default else f"{target.host}:{target.port}"},
        extensions={"sni_hostname": target.host},
    )


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in found))


async def _save(response: httpx.Response, to: Path, max_bytes: int) -> None:
    size = 0
    with to.open("wb") as file:
        async for block in response.aiter_bytes():
            size += len(block)
            if size > max_bytes:
                raise FetchError(f"larger than {max_bytes // 1_000_000} MB")
            file.write(block)


def _split(url: str, schemes: Sequence[str]) -> tuple[str, str, int, str]:
    if len(url) > MAX_URL:
        raise NotAllowed(f"URL longer than {MAX_URL} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotAllowed(f"not a URL: {error}") from error
    if parts.scheme not in schemes:
        raise NotAllowed(f"scheme must be {' or '.join(schemes)}, not {parts.scheme or 'absent'}")
    if not parts.hostname:
        raise NotAllowed("the URL names no host")
    if parts.username or parts.password:
        raise NotAllowed("credentials in a URL are not sent; use a header or a token")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme, 0), path


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _carried(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that packets to `address` may be sent to: 6to4, Teredo, NAT64, IPv4-compatible."""
    if address.sixtofour:  # RFC 3056 §2
        return (address.sixtofour,)
    if address.teredo:  # its server and its client, RFC 4380 §4
        return address.teredo
    compatible = 1 < int(address) < 1 << 32  # RFC 4291 §2.5.5.1; 0 and 1 are :: and ::1
    if compatible or _within(address, NAT64):
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
