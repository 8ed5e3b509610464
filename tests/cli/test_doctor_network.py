"""What the doctor says of ports and addresses, on real sockets and on a written /proc."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.cli.doctor import network
from ringline.cli.doctor.findings import Finding, Level
from ringline.cli.doctor.sockets import Process, Transport, bound_ports, holder, parse_table
from ringline.core.settings import (
    CallSettings,
    HttpSettings,
    MediaSettings,
    NetSettings,
    Settings,
    SipSettings,
)

pytestmark = pytest.mark.unit

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = (
    "{:4}: 0100007F:{:04X} 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 {} 2 0 0\n"
)


@pytest.fixture(params=["udp", "tcp"])
def held(request: pytest.FixtureRequest) -> Iterator[tuple[Transport, int]]:
    """A port that this process holds."""
    transport: Transport = request.param
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        if transport == "tcp":
            sock.listen()
        yield transport, sock.getsockname()[1]


def written_proc(
    folder: Path, *, udp: dict[int, int] | None = None, outgoing: str = "32768\t60999\n"
) -> Path:
    """A /proc with UDP ports and the inodes that they have."""
    (folder / "net").mkdir(parents=True)
    (folder / "sys/net/ipv4").mkdir(parents=True)
    lines = [
        LINE.format(number, port, "07", inode) for number, (port, inode) in enumerate((udp or {}).items())
    ]
    (folder / "net/udp").write_text(HEAD + "".join(lines))
    (folder / "net/tcp").write_text(HEAD)
    (folder / "sys/net/ipv4/ip_local_port_range").write_text(outgoing)
    return folder


def written_process(proc: Path, pid: int, name: str, command: str, inode: int) -> None:
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(name + "\n")
    (folder / "cmdline").write_text(command.replace(" ", "\0") + "\0")
    (folder / "fd" / "3").symlink_to("/dev/null")
    (folder / "fd" / "4").symlink_to(f"socket:[{inode}]")


def test_the_holder_of_a_port_is_this_process(held: tuple[Transport, int]) -> None:
    by = holder(*held)
    assert by is not None
    assert by.pid == os.getpid()
    assert by.name


def test_a_taken_port_fails_and_names_who_has_it(held: tuple[Transport, int]) -> None:
    transport, port = held
    finding = network.check_port("SIP", "127.0.0.1", port, transport, "--sip")
    assert finding.level is Level.FAIL
    assert finding.text.startswith(f"SIP 127.0.0.1 port {port}/{transport} is taken by pid {os.getpid()} (")
    assert finding.advice == "choose another with --sip 127.0.0.1:PORT, or stop it"


def test_a_free_port_is_free(held: tuple[Transport, int]) -> None:
    _, port = held
    other: Transport = "tcp" if held[0] == "udp" else "udp"
    assert network.check_port("SIP", "127.0.0.1", port, other, "--sip").level is Level.OK
    assert "takes a free" in network.check_port("SIP", "127.0.0.1", 0, "udp", "--sip").text


def test_a_running_ringline_is_no_fault(held: tuple[Transport, int], tmp_path: Path) -> None:
    transport, port = held
    inode = next(iter(bound_ports(transport)[port]))
    proc = written_proc(tmp_path)
    line = LINE.format(0, port, "0A" if transport == "tcp" else "07", inode)
    (proc / "net" / transport).write_text(HEAD + line)
    written_process(proc, 77, "python", "/usr/bin/python /opt/bin/ringline serve --data x", inode)
    finding = network.check_port("SIP", "127.0.0.1", port, transport, "--sip", proc)
    assert finding == Finding(
        Level.OK, f"SIP 127.0.0.1 port {port}/{transport} is held by ringline itself, pid 77"
    )


def test_a_holder_that_may_not_be_seen(held: tuple[Transport, int], tmp_path: Path) -> None:
    finding = network.check_port("API", "127.0.0.1", held[1], held[0], "--http", written_proc(tmp_path))
    assert finding.level is Level.FAIL
    assert "another program" in finding.text


def test_an_address_that_is_not_ours() -> None:
    finding = network.check_port("SIP", "192.0.2.1", 5060, "udp", "--sip")
    assert finding.level is Level.FAIL
    assert "cannot be bound: the address is not of this machine" in finding.text
    nowhere = network.check_port("SIP", "no such host", 5060, "udp", "--sip")
    assert "the name does not resolve" in nowhere.text


def test_only_a_server_that_serves_is_ringline() -> None:
    assert Process(1, "ringline", ("/opt/bin/ringline", "serve")).is_ringline
    assert Process(1, "python", ("python", "-m", "ringline", "serve", "--data", "x")).is_ringline
    assert not Process(1, "python", ("python", "-m", "ringline", "doctor")).is_ringline
    assert not Process(1, "nc", ("nc", "serve")).is_ringline


def test_listening_tcp_sockets_only() -> None:
    table = HEAD + LINE.format(0, 5060, "0A", 11) + LINE.format(1, 5061, "01", 12)
    assert list(parse_table(table, listening=True)) == [(5060, 11)]
    assert list(parse_table(table, listening=False)) == [(5060, 11), (5061, 12)]


@given(st.text(max_size=200))
def test_any_table_is_read(text: str) -> None:
    for port, inode in parse_table(text, listening=False):
        assert isinstance(port, int)
        assert isinstance(inode, int)


def _rtp(settings: Settings, proc: Path) -> list[Finding]:
    return list(network.check_rtp_ports(settings, proc))


def _media(ports: str, limit: int) -> Settings:
    return Settings(media=MediaSettings(ports=ports), calls=CallSettings(limit=limit))


def test_rtp_ports_are_counted_in_pairs(tmp_path: Path) -> None:
    proc = written_proc(tmp_path, udp={20000: 1, 20001: 2, 20005: 3, 19999: 4})
    [finding] = _rtp(_media("20000-20019", 8), proc)
    assert finding.level is Level.OK
    assert "8 of 10 pairs are free, calls.limit is 8" in finding.text
    [finding] = _rtp(_media("20000-20019", 9), proc)
    assert finding.level is Level.WARN
    assert "2 of 10 pairs are in use" in finding.text
    [finding] = _rtp(_media("20001-20019", 10), proc)
    assert finding.level is Level.WARN
    assert "carry 9 calls, fewer than calls.limit = 10" in finding.text


def test_rtp_ports_beside_those_of_outgoing_connections(tmp_path: Path) -> None:
    proc = written_proc(tmp_path, outgoing="20010 21000\n")
    assert [one.level for one in _rtp(_media("20000-20009", 5), proc)] == [Level.OK]
    overlapping = _rtp(_media("20000-20010", 5), proc)
    assert overlapping[-1].level is Level.WARN
    assert "ip_local_reserved_ports=20000-20010" in overlapping[-1].advice


def _levels(sip: SipSettings, media: MediaSettings) -> list[str]:
    settings = Settings(sip=sip, media=media)
    return [finding.level.value for finding in network.check_addresses(settings)]


@pytest.mark.parametrize(
    ("sip", "media", "levels"),
    [
        ({}, {}, ["ok", "ok"]),
        ({"host": "0.0.0.0"}, {"host": "0.0.0.0"}, ["fail", "fail"]),
        ({"host": "10.0.0.5"}, {"host": "10.0.0.5"}, ["warn", "warn"]),
        ({"host": "8.8.8.8"}, {"host": "8.8.8.8"}, ["ok", "ok"]),
        (
            {"host": "0.0.0.0", "external_address": "8.8.8.8"},
            {"host": "0.0.0.0", "external_address": "8.8.8.8"},
            ["ok", "ok"],
        ),
        ({"host": "8.8.8.8"}, {}, ["ok", "ok", "fail"]),
        ({"host": "8.8.8.8", "external_address": "voice"}, {"host": "8.8.8.8"}, ["fail", "ok"]),
    ],
)
def test_addresses_that_others_are_told(
    sip: dict[str, str], media: dict[str, str], levels: list[str]
) -> None:
    assert _levels(SipSettings(**sip), MediaSettings(**media)) == levels


def _exposure(http: str, sip: str, policy: str) -> list[str]:
    settings = Settings(
        http=HttpSettings(host=http),
        sip=SipSettings(host=sip),
        net=NetSettings.model_validate({"policy": policy}),
    )
    return [finding.level.value for finding in network.check_exposure(settings)]


@pytest.mark.parametrize(
    ("http", "sip", "policy", "levels"),
    [
        ("127.0.0.1", "127.0.0.1", "auto", ["ok", "ok"]),
        ("0.0.0.0", "127.0.0.1", "auto", ["warn", "ok"]),
        ("127.0.0.1", "0.0.0.0", "open", ["ok", "warn"]),
        ("0.0.0.0", "0.0.0.0", "open", ["warn", "warn"]),
        ("127.0.0.1", "127.0.0.1", "closed", ["ok", "ok"]),
    ],
)
def test_exposure(http: str, sip: str, policy: str, levels: list[str]) -> None:
    assert _exposure(http, sip, policy) == levels
