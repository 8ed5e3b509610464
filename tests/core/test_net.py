"""The guard on addresses that users name (design: security rules)."""

import ipaddress
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from ringline.core.errors import NotAllowed
from ringline.core.net import FetchError, Guard, Policy

pytestmark = pytest.mark.unit

LOCAL = Policy.build("auto", (), (), ("127.0.0.1", "localhost"))
PUBLIC = Policy.build("auto", (), (), ("127.0.0.1", "0.0.0.0"))


def teredo(server: str, client: str) -> str:
    """An address of RFC 4380 §4: the client's bits are inverted."""
    hidden = int(ipaddress.IPv4Address(client)) ^ 0xFFFFFFFF
    whole = 0x20010000 << 96 | int(ipaddress.IPv4Address(server)) << 64 | hidden
    return str(ipaddress.IPv6Address(whole))


def carriers(inner: str) -> list[str]:
    """IPv6 addresses behind which an IPv4 address is reached."""
    high, low = divmod(int(ipaddress.IPv4Address(inner)), 1 << 16)
    return [
        f"::ffff:{inner}",
        f"::{inner}",
        f"64:ff9b::{inner}",
        f"64:ff9b:1::{inner}",
        f"2002:{high:x}:{low:x}::1",
        teredo(inner, "8.8.8.8"),
        teredo("8.8.8.8", inner),
    ]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_private_addresses_only_while_all_listeners_are_local(address: str) -> None:
    assert LOCAL.permits(ipaddress.ip_address(address))
    assert not PUBLIC.permits(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "policy", [LOCAL, PUBLIC, Policy.build("open", ("0.0.0.0/0", "::/0"), (), ("0.0.0.0",))]
)
@pytest.mark.parametrize(
    "address",
    [
        *("169.254.0.1", "fe80::1", "fd20:ce::254", "100.100.100.200", "168.63.129.16"),
        *("169.254.169.254", *carriers("169.254.169.254")),
    ],
)
def test_metadata_and_link_local_never(policy: Policy, address: str) -> None:
    assert not policy.permits(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *carriers("127.0.0.1"),
        *carriers("10.1.2.3"),
        *("100.64.0.1", "192.0.0.1", "192.0.0.9", "192.88.99.1", "198.18.0.1", "192.0.2.1"),
        *("64:ff9b:1::8.8.8.8", "fec0::1", "3fff::1", "5f00::1", "2001:db8::1", "100::1", "4000::1"),
    ],
)
def test_nothing_that_is_not_public_is_reached_by_another_way(address: str) -> None:
    assert not PUBLIC.permits(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2600::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_what_is_public_is_reached_by_any_way(address: str) -> None:
    assert PUBLIC.permits(ipaddress.ip_address(address))


def test_exceptions_hold_for_what_an_address_carries() -> None:
    policy = Policy.build("closed", ("10.0.0.0/8", "::/0"), ("10.9.0.0/16",), ("127.0.0.1",))
    for address in carriers("10.9.1.1"):
        assert not policy.permits(ipaddress.ip_address(address)), address
    for address in ("::ffff:10.1.1.1", "64:ff9b::10.1.1.1", "2002:a01:101::1"):
        assert policy.permits(ipaddress.ip_address(address)), address


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "::", "240.0.0.1"])
def test_addresses_that_are_nobody(address: str) -> None:
    assert not LOCAL.permits(ipaddress.ip_address(address))


def test_exceptions_by_name() -> None:
    policy = Policy.build("closed", ("10.0.0.0/8",), ("10.9.0.0/16", "8.8.8.8/32"), ("127.0.0.1",))
    permitted = {
        a: policy.permits(ipaddress.ip_address(a))
        for a in ("10.1.1.1", "10.9.1.1", "127.0.0.1", "8.8.8.8", "9.9.9.9")
    }
    assert permitted == {
        "10.1.1.1": True,
        "10.9.1.1": False,
        "127.0.0.1": False,
        "8.8.8.8": False,
        "9.9.9.9": True,
    }


def resolving(*addresses: str) -> Guard:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return Guard(PUBLIC, resolver=resolve)


async def test_every_address_of_a_name_must_pass() -> None:
    target = await resolving("93.184.216.34").vet("https://example.com/a?b=1", ("https",))
    assert (target.address, target.port, target.path, target.tls) == ("93.184.216.34", 443, "/a?b=1", True)
    with pytest.raises(NotAllowed, match="network policy"):
        await resolving("93.184.216.34", "10.0.0.1").vet("https://example.com/", ("https",))
    with pytest.raises(NotAllowed, match="does not resolve"):
        await resolving().vet("https://example.com/", ("https",))


@pytest.mark.parametrize(
    "url",
    ["ftp://a/", "http:///x", "http://user:pw@a/", "http://a:99999/", "http://[::1", "x" * 2001, "//a", ""],
)
async def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(NotAllowed):
        await resolving("93.184.216.34").vet(url, ("http", "https"))


async def test_a_label_too_long_for_dns_is_refused_and_not_an_error() -> None:
    with pytest.raises(NotAllowed):
        await Guard(LOCAL).vet("http://" + "a" * 70 + ".example/", ("http",))


@pytest_asyncio.fixture
async def site() -> AsyncIterator[str]:
    async def serve(request: web.Request) -> web.StreamResponse:
        match request.match_info["what"]:
            case "file":
                return web.Response(body=b"x" * 1000, content_type="audio/wav")
            case "away":
                raise web.HTTPFound("/file")
            case "inside":
                raise web.HTTPFound("http://169.254.169.254/latest")
            case "round":
                raise web.HTTPFound("/round")
            case _:
                return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{what}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_downloads_follow_checked_redirects_and_keep_their_limits(site: str, tmp_path: Path) -> None:
    guard, to = Guard(LOCAL), tmp_path / "file"
    for path in ("/file", "/away"):
        assert await guard.download(site + path, to, max_bytes=2000, timeout_s=5) == "audio/wav"
        assert to.read_bytes() == b"x" * 1000
    with pytest.raises(FetchError, match="larger"):
        await guard.download(site + "/file", to, max_bytes=999, timeout_s=5)
    with pytest.raises(FetchError, match="redirects"):
        await guard.download(site + "/round", to, max_bytes=2000, timeout_s=5)
    with pytest.raises(NotAllowed):
        await guard.download(site + "/inside", to, max_bytes=2000, timeout_s=5)
    with pytest.raises(FetchError) as missing:
        await guard.download(site + "/none", to, max_bytes=2000, timeout_s=5)
    assert missing.value.missing
    with pytest.raises(FetchError, match="connection failed"):
        await guard.download("http://127.0.0.1:1/", to, max_bytes=2000, timeout_s=5)
