"""Ports and addresses: can others reach what this server says of itself?"""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

from ringline.cli.doctor.findings import Finding, fail, ok, warn
from ringline.cli.doctor.sockets import PROC, Transport, bound_ports, holder
from ringline.core.net import Policy
from ringline.core.settings import Settings


def check_ports(settings: Settings, proc: Path = PROC) -> Iterator[Finding]:
    """The three listening sockets, and the range of RTP."""
    http, sip = settings.http, settings.sip
    yield check_port("API", http.host, http.port, "tcp", "--http", proc)
    yield check_port("SIP", sip.host, sip.port, "udp", "--sip", proc)
    yield check_port("SIP", sip.host, sip.port, "tcp", "--sip", proc)
    yield from check_rtp_ports(settings, proc)


def check_port(
    what: str, host: str, port: int, transport: Transport, option: str, proc: Path = PROC
) -> Finding:
    """Whether one port is free, or held by a ringline that runs."""
    place = f"{what} {host} port {port}/{transport}"
    if port == 0:
        return ok(f"{what} takes a free {transport} port when it starts")
    refused = _bind(host, port, transport)
    if refused is None:
        return ok(f"{place} is free")
    if refused == errno.EADDRINUSE:
        by = holder(transport, port, proc)
        if by is not None and by.is_ringline:
            return ok(f"{place} is held by ringline itself, pid {by.pid}")
        who = str(by) if by else "another program (run as root to see which)"
        return fail(f"{place} is taken by {who}", f"choose another with {option} {host}:PORT, or stop it")
    if refused == errno.EACCES:
        return fail(
            f"{place} is for privileged programs only",
            f"choose one above 1023 with {option}, or allow CAP_NET_BIND_SERVICE",
        )
    return fail(
        f"{place} cannot be bound: {_words(refused)}",
        f"give {option} an address of this machine; what others see goes into external_address",
    )


def check_rtp_ports(settings: Settings, proc: Path = PROC) -> Iterator[Finding]:
    """Enough of them, free, and out of the way of other programs' outgoing connections."""
    media, limit = settings.media, settings.calls.limit
    ports = media.port_range()
    place = f"RTP {media.host} ports {media.ports}/udp"
    if refused := _bind(media.host, 0, "udp"):
        yield fail(
            f"{place}: the address cannot be bound: {_words(refused)}",
            "set media.host to one of this machine",
        )
        return
    taken = {port & ~1 for port in bound_ports("udp", proc) if port in ports}
    pairs = media.pairs()
    if pairs < limit:
        yield warn(
            f"{place} carry {pairs} calls, fewer than calls.limit = {limit}: the next gets a 503",
            f"widen media.ports to {2 * limit} ports, or lower calls.limit",
        )
    elif pairs - len(taken) < limit:
        yield warn(
            f"{place}: {len(taken)} of {pairs} pairs are in use",
            "choose a range that other programs leave alone (media.ports)",
        )
    else:
        yield ok(f"{place}: {pairs - len(taken)} of {pairs} pairs are free, calls.limit is {limit}")
    outgoing = _outgoing_ports(proc)
    if outgoing and ports.start < outgoing.stop and outgoing.start < ports.stop:
        yield warn(
            f"{place} overlap the ports of outgoing connections, {outgoing.start}-{outgoing.stop - 1}",
            "choose a range below it, or sysctl -w net.ipv4.ip_local_reserved_ports="
            f"{ports.start}-{ports.stop - 1}",
        )


def check_addresses(settings: Settings) -> Iterator[Finding]:
    """What Contact, Via and SDP will say, and who can send anything there."""
    sip, media = settings.sip, settings.media
    said_sip = sip.external_address or sip.host
    said_media = media.external_address or media.host
    yield _check_address("Contact and Via say", said_sip, "sip")
    yield _check_address("SDP says", said_media, "media")
    reach = _reach(said_sip), _reach(said_media)
    if "loopback" in reach and reach[0] != reach[1]:
        yield fail(
            f"SIP says {said_sip}, media says {said_media}: calls from elsewhere connect and stay silent",
            "set sip.host and media.host, or their external_address, alike",
        )


def check_exposure(settings: Settings) -> Iterator[Finding]:
    """Who can talk to this server, and whom it may be made to talk to."""
    http, net = settings.http, settings.net
    if _reach(http.host) == "loopback":
        yield ok(f"the API listens on {http.host}: only programs on this machine reach it")
    else:
        yield warn(
            f"the API listens on {http.host} without TLS",
            "put a proxy with TLS before it and set http.public_url",
        )
    private = Policy.build(net.policy, net.allow, net.deny, (http.host, settings.sip.host)).private
    listening = _reach(http.host) != "loopback" or _reach(settings.sip.host) != "loopback"
    if private and listening:
        yield warn(
            "webhooks, streams and files may go to private addresses, and strangers reach this server",
            'set net.policy = "auto" and name your own networks in net.allow',
        )
    elif private:
        yield ok("webhooks, streams and files may go to this machine and private networks (net.policy)")
    else:
        named = f", except {', '.join(net.allow)}" if net.allow else ""
        yield ok(f"webhooks, streams and files go to public addresses only{named}")


def _check_address(says: str, address: str, section: str) -> Finding:
    advice = f"set {section}.external_address to the address that callers send to"
    match _reach(address):
        case "loopback":
            return ok(f"{says} {address}: only phones on this machine can call")
        case "wildcard":
            return fail(f"{says} {address}, where nobody can send anything", advice)
        case "private":
            return warn(f"{says} {address}, which callers outside your network cannot reach", advice)
        case "public":
            return ok(f"{says} {address}")
        case _:
            return fail(f"{says} {address!r}, which is no IP address", advice)


def _reach(text: str) -> str:
    """`loopback`, `wildcard`, `private`, `public`; `unknown` for what is no address."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if text == "localhost" else text)
    except ValueError:
        return "unknown"
    if address.is_unspecified:
        return "wildcard"
    if address.is_loopback:
        return "loopback"
    return "public" if address.is_global else "private"


def _bind(host: str, port: int, transport: Transport) -> int | None:
    """None when it works, otherwise the errno; −1 for a host that is no address here."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    except socket.gaierror:
        return -1
    with socket.socket(family, kind) as sock:
        if transport == "tcp":
            # As servers do: connections of an earlier life in TIME_WAIT hold nothing.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
        except OSError as error:
            return error.errno or -1
    return None


def _words(number: int) -> str:
    return "the name does not resolve" if number == -1 else _lower(errno.errorcode.get(number, str(number)))


def _lower(code: str) -> str:
    known = {"EADDRNOTAVAIL": "the address is not of this machine", "EAFNOSUPPORT": "IPv6 is off"}
    return known.get(code, code)


def _outgoing_ports(proc: Path) -> range | None:
    try:
        low, high = (proc / "sys/net/ipv4/ip_local_port_range").read_text().split()
        return range(int(low), int(high) + 1)
    except (OSError, ValueError):
        return None
