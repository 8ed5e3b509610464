"""RFC 3263: which questions a URI asks, and the order of what comes out."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.ids import Ids
from ringline.sip.grammar import Uri
from ringline.sip.params import SipError
from ringline.sip.resolver import MAX_TARGETS, Answer, Lookup, Naptr, Resolution, Srv, Target

pytestmark = pytest.mark.unit

ALL = ("udp", "tcp", "tls", "ws", "wss")
Zone = Mapping[Lookup, Answer]


def a(name: str, *addresses: str) -> tuple[Lookup, Answer]:
    return Lookup("A", name), Answer(addresses=addresses)


def aaaa(name: str, *addresses: str) -> tuple[Lookup, Answer]:
    return Lookup("AAAA", name), Answer(addresses=addresses)


def srv(name: str, *records: tuple[int, int, int, str]) -> tuple[Lookup, Answer]:
    return Lookup("SRV", name), Answer(srv=tuple(Srv(*record) for record in records))


def naptr(name: str, *records: tuple[int, int, str, str, str]) -> tuple[Lookup, Answer]:
    return Lookup("NAPTR", name), Answer(naptr=tuple(Naptr(*record) for record in records))


def resolve(
    uri: str, zone: Zone | None = None, transports: tuple[str, ...] = ("udp", "tcp"), seed: int = 1
) -> tuple[list[str], list[list[str]]]:
    """The targets as text, and the questions of each round."""
    resolution = Resolution(Uri.parse(uri), transports=transports, ids=Ids.seeded(seed))
    rounds: list[list[str]] = []
    while resolution.targets is None:
        rounds.append([f"{lookup.kind} {lookup.name}" for lookup in resolution.needed])
        resolution.answer(
            {lookup: (zone or {})[lookup] for lookup in resolution.needed if lookup in (zone or {})}
        )
    assert resolution.needed == ()
    return [f"{target.transport} {target.address} {target.port}" for target in resolution.targets], rounds


@pytest.mark.parametrize(
    ("uri", "transports", "target"),
    [
        ("sip:192.0.2.1", ("udp", "tcp"), "udp 192.0.2.1 5060"),
        ("sip:a@192.0.2.1:5080", ("udp", "tcp"), "udp 192.0.2.1 5080"),
        ("sip:192.0.2.1;transport=TCP", ("udp", "tcp"), "tcp 192.0.2.1 5060"),
        ("sip:192.0.2.1;transport=tls", ALL, "tls 192.0.2.1 5061"),
        ("sips:192.0.2.1", ALL, "tls 192.0.2.1 5061"),
        ("sips:192.0.2.1;transport=tcp", ALL, "tls 192.0.2.1 5061"),
        ("sips:192.0.2.1;transport=ws", ALL, "wss 192.0.2.1 443"),
        ("sip:[2001:db8::1]:5070", ("udp",), "udp 2001:db8::1 5070"),
        ("sip:192.0.2.1", ("tcp",), "tcp 192.0.2.1 5060"),
        ("sip:name.example.com;maddr=192.0.2.7", ("udp",), "udp 192.0.2.7 5060"),
        ("sip:name.example.com;maddr=[2001:db8::7]", ("udp",), "udp 2001:db8::7 5060"),
    ],
)
def test_an_address_needs_no_question(uri: str, transports: tuple[str, ...], target: str) -> None:
    assert resolve(uri, transports=transports) == ([target], [])


def test_a_port_asks_for_addresses_only() -> None:
    zone = dict([a("pbx.example.com", "192.0.2.1", "192.0.2.2"), aaaa("pbx.example.com", "2001:db8::1")])
    assert resolve("sip:pbx.example.com:5080;transport=tcp", zone) == (
        ["tcp 192.0.2.1 5080", "tcp 192.0.2.2 5080", "tcp 2001:db8::1 5080"],
        [["A pbx.example.com", "AAAA pbx.example.com"]],
    )


@pytest.mark.parametrize("host", ["localhost", "freeswitch", "localhost."])
def test_a_single_label_has_no_srv(host: str) -> None:
    targets, rounds = resolve(f"sip:{host}", dict([a(host, "127.0.0.1")]))
    assert targets == ["udp 127.0.0.1 5060"]
    assert rounds == [[f"A {host}", f"AAAA {host}"]]


def test_the_rfcs_own_example() -> None:  # RFC 3263 §4.1 and §4.2
    zone = dict(
        [
            naptr(
                "example.com",
                (100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
                (90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
                (50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
                (1, 1, "u", "E2U+sip", "x"),
                (2, 2, "a", "SIP+D2U", "y"),
            ),
            srv(
                "_sip._tcp.example.com",
                (0, 1, 5060, "server1.example.com"),
                (1, 2, 5062, "server2.example.com"),
            ),
            srv("_sip._udp.example.com", (0, 1, 5066, "server1.example.com")),
            a("server1.example.com", "192.0.2.1"),
            aaaa("server2.example.com", "2001:db8::2"),
        ]
    )
    assert resolve("sip:user@example.com", zone) == (
        ["tcp 192.0.2.1 5060", "tcp 2001:db8::2 5062", "udp 192.0.2.1 5066"],
        [
            ["NAPTR example.com"],
            ["SRV _sip._tcp.example.com", "SRV _sip._udp.example.com"],
            [
                "A server1.example.com",
                "AAAA server1.example.com",
                "A server2.example.com",
                "AAAA server2.example.com",
            ],
        ],
    )
    _, rounds = resolve("sips:user@example.com", zone, ALL)
    assert rounds[1] == ["SRV _sips._tcp.example.com"]


def test_without_naptr_our_order_asks() -> None:
    zone = dict(
        [srv("_sip._tcp.example.com", (0, 0, 5070, "h.example.com")), a("h.example.com", "192.0.2.1")]
    )
    targets, rounds = resolve("sip:example.com", zone)
    assert targets == ["tcp 192.0.2.1 5070"]
    assert rounds[1] == ["SRV _sip._udp.example.com", "SRV _sip._tcp.example.com"]


def test_a_transport_skips_naptr() -> None:
    _, rounds = resolve("sip:example.com;transport=tcp")
    assert rounds == [["SRV _sip._tcp.example.com"], ["A example.com", "AAAA example.com"]]


def test_without_srv_the_default_port() -> None:
    zone = dict([a("example.com", "192.0.2.1")])
    assert resolve("sip:example.com", zone)[0] == ["udp 192.0.2.1 5060"]
    assert resolve("sips:example.com", zone, ALL)[0] == ["tls 192.0.2.1 5061"]
    assert resolve("sip:example.com;transport=tcp", zone)[0] == ["tcp 192.0.2.1 5060"]


def test_nothing_found_is_no_target() -> None:
    assert resolve("sip:example.com")[0] == []


def test_a_service_that_is_not_offered_is_skipped() -> None:
    zone = dict(
        [
            srv("_sip._udp.example.com", (0, 0, 5060, "."), (1, 0, 5060, "h.example.com.")),
            a("h.example.com.", "192.0.2.1"),
        ]
    )
    assert resolve("sip:example.com", zone)[0] == ["udp 192.0.2.1 5060"]


def test_an_srv_target_may_be_an_address_and_answers_must_be_addresses() -> None:
    zone = dict(
        [
            srv("_sip._udp.example.com", (0, 0, 5060, "192.0.2.9"), (1, 0, 5060, "h.com")),
            a("h.com", "no", "192.0.2.1"),
        ]
    )
    assert resolve("sip:example.com", zone)[0] == ["udp 192.0.2.9 5060", "udp 192.0.2.1 5060"]


def test_the_certificates_name_is_the_uris() -> None:
    resolution = Resolution(Uri.parse("sips:example.com"), transports=ALL, ids=Ids.seeded(1))
    resolution.answer({})
    resolution.answer(dict([srv("_sips._tcp.example.com", (0, 0, 5061, "edge.provider.net"))]))
    resolution.answer(dict([a("edge.provider.net", "192.0.2.1")]))
    assert resolution.targets == [Target("tls", "192.0.2.1", 5061, "example.com")]
    with pytest.raises(ValueError, match="already"):
        resolution.answer({})


def test_weights_divide_the_load_and_priorities_do_not_mix() -> None:
    zone = dict(
        [
            srv(
                "_sip._udp.x.com",
                (1, 75, 1, "192.0.2.1"),
                (1, 25, 1, "192.0.2.2"),
                (1, 0, 1, "192.0.2.3"),
                (0, 0, 1, "192.0.2.9"),
            ),
        ]
    )
    first, second = Counter[str](), Counter[str]()
    for seed in range(400):
        targets, _ = resolve("sip:x.com", zone, seed=seed)
        assert sorted(targets) == sorted(set(targets))
        assert len(targets) == 4
        first[targets[0]] += 1
        second[targets[1]] += 1
    assert first == {"udp 192.0.2.9 1": 400}
    assert 250 < second["udp 192.0.2.1 1"] < 350  # 300 expected
    assert 50 < second["udp 192.0.2.2 1"] < 150
    assert second["udp 192.0.2.3 1"] < 20


def test_the_same_randomness_gives_the_same_order() -> None:
    zone = dict([srv("_sip._udp.x.com", *((1, 1, 1, f"192.0.2.{n}") for n in range(9)))])
    assert resolve("sip:x.com", zone, seed=7) == resolve("sip:x.com", zone, seed=7)
    assert len({tuple(resolve("sip:x.com", zone, seed=seed)[0]) for seed in range(9)}) > 1


@pytest.mark.parametrize("uri", ["tel:+123", "urn:x", "sip:h;transport=sctp", "sips:h"])
def test_what_cannot_be_reached(uri: str) -> None:
    with pytest.raises(SipError) as caught:
        resolve(uri)
    assert caught.value.status == 416


NAMES = st.sampled_from(["example.com", "h.example.com", "_sip._udp.example.com", ".", "192.0.2.1", "", "é"])


@given(
    st.lists(st.builds(Srv, *[st.integers(0, 65535)] * 3, NAMES), max_size=40).map(tuple),
    st.lists(
        st.builds(
            Naptr,
            st.integers(0, 65535),
            st.integers(0, 65535),
            st.sampled_from(["s", "S", "u", ""]),
            st.sampled_from(["SIP+D2U", "sip+d2t", "SIPS+D2T", "x"]),
            NAMES,
        ),
        max_size=40,
    ).map(tuple),
    st.lists(st.one_of(st.ip_addresses().map(str), NAMES), max_size=40).map(tuple),
    st.sampled_from(["sip:example.com", "sips:example.com", "sip:example.com;transport=tcp"]),
)
@settings(max_examples=60)
def test_any_answers_end_in_few_targets(
    records: tuple[Srv, ...], pointers: tuple[Naptr, ...], addresses: tuple[str, ...], uri: str
) -> None:
    resolution = Resolution(Uri.parse(uri), transports=ALL, ids=Ids.seeded(1))
    for _ in range(3):
        if resolution.targets is not None:
            break
        assert len(resolution.needed) <= 2 * MAX_TARGETS
        resolution.answer(dict.fromkeys(resolution.needed, Answer(pointers, records, addresses)))
    assert resolution.targets is not None
    assert len(resolution.targets) <= MAX_TARGETS
