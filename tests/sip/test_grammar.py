"""URIs, addresses, Via, CSeq, parameters: examples, then properties."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.sip.grammar import (
    CSeq,
    NameAddr,
    Params,
    SipError,
    Uri,
    Via,
    decimal,
    escape_user,
    quote,
    split_commas,
    unquote,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:example.com", Uri("sip", host="example.com")),
        ("sip:alice@example.com", Uri("sip", "alice", "example.com")),
        ("SIPS:alice@example.com:5061", Uri("sips", "alice", "example.com", 5061)),
        ("sip:alice:secret@10.0.0.1", Uri("sip", "alice", "10.0.0.1", password="secret")),
        ("sip:[2001:db8::1]:5070", Uri("sip", host="2001:db8::1", port=5070)),
        ("sip:*98#@pbx_1.local", Uri("sip", "*98#", "pbx_1.local")),
        (
            "sip:+15551234567;phone-context=x@gw;user=phone?Subject=a&Priority=urgent",
            Uri(
                "sip",
                "+15551234567;phone-context=x",
                "gw",
                params=Params((("user", "phone"),)),
                headers="Subject=a&Priority=urgent",
            ),
        ),
        ("sip:a?b@example.com", Uri("sip", "a?b", "example.com")),
        ("tel:+1-201-555-0123;ext=7", Uri("tel", "+1-201-555-0123", params=Params((("ext", "7"),)))),
        ("urn:service:sos", Uri("urn", opaque="service:sos")),
        ("https://example.com/a?b=c", Uri("https", opaque="//example.com/a?b=c")),
    ],
)
def test_uri(text: str, uri: Uri) -> None:
    assert Uri.parse(text) == uri
    assert str(uri) == text.replace("SIPS", "sips")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        ":",
        "sip:",
        "sip:@example.com",
        "sip::pw@example.com",
        "sip:alice@",
        "sip:alice@example.com:",
        "sip:alice@example.com:x",
        "sip:alice@example.com:65536",
        "sip:alice@example.com:-1",
        "sip:alice@example.com:５０６０",
        "sip:alice@example.com:5_060",
        "sip:a b@example.com",
        "sip:alice@exa mple.com",
        "sip:alice@corp@example.com",
        "sip:alice@example.com;a=<",
        'sip:alice@example.com;a="',
        "sip:alice@[2001:db8::1",
        "sip:alice@[2001:db8::g]",
        "sip:alice@[fe80::1%eth0]",
        "sip:alice@[::1]x",
        "sip:alice@2001:db8::1",
        "sip:alice\r\n@example.com",
        "sip:alice@example.com\0",
        "1sip:alice@example.com",
        "tel:",
        "tel:;ext=1",
        "urn:a b",
        "urn:",
        "*",
    ],
)
def test_what_is_not_a_uri(text: str) -> None:
    with pytest.raises(SipError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


def test_uri_properties() -> None:
    uri = Uri.parse("sip:alice@example.com;Transport=TCP;lr;maddr=10.0.0.1")
    assert (uri.transport, uri.lr, uri.params.get("maddr")) == ("tcp", True, "10.0.0.1")
    plain = Uri.parse("sip:alice@example.com")
    assert (plain.transport, plain.lr) == (None, False)
    assert str(plain.with_params(transport="tls", lr=None)) == "sip:alice@example.com;transport=tls;lr"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sip:alice@h", "alice"),
        ("sip:%61lice@h", "alice"),
        ("sip:a%40b@h", "a@b"),
        ("sip:%00@h", "\0"),
        ("sip:%C3%A9t%C3%A9@h", "été"),
        ("sip:50%@h", "50%"),
        ("tel:+1-(201)-555.0123", "+12015550123"),
        ("sip:a-b@h", "a-b"),
    ],
)
def test_user_key(text: str, key: str) -> None:
    assert Uri.parse(text).user_key == key


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
@settings(max_examples=60)
def test_an_escaped_user_comes_back(user: str) -> None:
    uri = Uri.parse(str(Uri("sip", escape_user(user), "example.com")))
    assert uri.user_key == user


@pytest.mark.parametrize(  # RFC 3261 §19.1.4's own examples, and RFC 3966 §4's
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER", "sip:biloxi.com;method=REGISTER;transport=tcp"),
        ("sip:alice@atlanta.com?subject=x&priority=y", "sip:alice@atlanta.com?priority=y&subject=x"),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
    ],
)
def test_equal_uris(one: str, other: str) -> None:
    assert Uri.parse(one).same_as(Uri.parse(other))
    assert Uri.parse(other).same_as(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:carol@chicago.com", "sips:carol@chicago.com"),
        ("sip:carol:a@chicago.com", "sip:carol:b@chicago.com"),
        ("tel:+12015550123;ext=1", "tel:+12015550123"),
        ("urn:a", "urn:b"),
    ],
)
def test_unequal_uris(one: str, other: str) -> None:
    assert not Uri.parse(one).same_as(Uri.parse(other))
    assert not Uri.parse(other).same_as(Uri.parse(one))


@pytest.mark.parametrize(
    ("text", "display", "uri", "tag"),
    [
        ("sip:a@b;tag=x", "", "sip:a@b", "x"),
        ("<sip:a@b;transport=tcp>;tag=x", "", "sip:a@b;transport=tcp", "x"),
        ('"A. \\"B\\" C" <sip:a@b>', 'A. "B" C', "sip:a@b", None),
        ("Alice <sip:a@b>", "Alice", "sip:a@b", None),
        ("Alice<sip:a@b>", "Alice", "sip:a@b", None),
        ("Zoë Müller <sip:a@b>", "Zoë Müller", "sip:a@b", None),
        ("Alice (home) <sip:a@b>", "Alice (home)", "sip:a@b", None),
        ('"<sip:x@y>" <sip:a@b>', "<sip:x@y>", "sip:a@b", None),
        ("  < sip:a@b > ; tag = x ", "", "sip:a@b", "x"),
        ("<sip:a@b>;tag=", "", "sip:a@b", None),
        ("<sip:a@b>;tag", "", "sip:a@b", None),
        ("<tel:+123>", "", "tel:+123", None),
        ("<urn:service:sos>;tag=y", "", "urn:service:sos", "y"),
    ],
)
def test_name_addr(text: str, display: str, uri: str, tag: str | None) -> None:
    address = NameAddr.parse(text)
    assert (address.display, str(address.uri), address.tag) == (display, uri, tag)
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Alice",
        "<sip:a@b",
        "sip:a@b>",
        '"Alice <sip:a@b>',
        '"Alice" sip:a@b',
        "Bell, Alexander <sip:a@b>",
        'A "B" <sip:a@b>',
        "<sip:a@b>tag=x",
        "<sip:a@b>;tag=x y",
        "<sip:a@b>;=x",
        "sip:a@b?Subject=x",
        "<>",
        "<sip:a@b>;tag=\xa0x\x01",
    ],
)
def test_what_is_not_a_name_addr(text: str) -> None:
    with pytest.raises(SipError):
        NameAddr.parse(text)


def test_with_tag_replaces() -> None:
    assert str(NameAddr.parse("<sip:a@b>;x=1").with_tag("t")) == "<sip:a@b>;x=1;tag=t"
    assert str(NameAddr.parse("<sip:a@b>;TAG=1;x").with_tag("t")) == "<sip:a@b>;TAG=t;x"


def test_via() -> None:
    via = Via.parse(
        "SIP / 2.0 / udp first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1"
    )
    assert (via.transport, via.host, via.port) == ("UDP", "first.example.com", 4000)
    assert (via.branch, via.rport, via.received, via.params.get("ttl")) == (
        "z9hG4bKa7c6a8dlze.1",
        None,
        None,
        "16",
    )
    assert str(via) == "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1"


def test_a_stamped_via_keeps_its_order() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:db8::1];rport;branch=z9hG4bK1")
    assert via.rport == 0
    stamped = via.stamped("192.0.2.9", 4061)
    assert str(stamped) == "SIP/2.0/UDP [2001:db8::1];rport=4061;branch=z9hG4bK1;received=192.0.2.9"
    assert (stamped.rport, stamped.received) == (4061, "192.0.2.9")


@pytest.mark.parametrize("value", ["x", "65536", "-1", "５", "000005060000", "+1"])
def test_a_bad_rport_is_none(value: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP h;rport={value}").rport is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "SIP/2.0/UDP",
        "SIP/2.0 h",
        "SIP/x/UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/ h",
        "SIP/2.0/U@P h",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP h h",
        "SIP/2.0/UDP h;branch=a b",
        "SIP/2.0/UDP 2001:db8::1",
    ],
)
def test_what_is_not_a_via(text: str) -> None:
    with pytest.raises(SipError):
        Via.parse(text)


def test_cseq() -> None:
    assert CSeq.parse(" 0009 \t INVITE") == CSeq(9, "INVITE")
    assert CSeq.parse("2147483647 ACK").number == 2**31 - 1
    assert str(CSeq(7, "BYE")) == "7 BYE"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "INVITE",
        "2147483648 ACK",
        "-1 ACK",
        "+1 ACK",
        "1_0 ACK",
        "٣ ACK",
        "1 IN VITE",
        "1 @",
        "1.0 ACK",
    ],
)
def test_what_is_not_a_cseq(text: str) -> None:
    with pytest.raises(SipError):
        CSeq.parse(text)


def test_decimal_is_bounded_and_cheap() -> None:
    assert decimal("0" * 4000 + "7", 8) == 7
    for text in ("8", "9" * 100_000, "", " 1", "0x1"):
        with pytest.raises(SipError):
            decimal(text, 8)


@pytest.mark.parametrize(
    ("value", "pieces"),
    [
        ("a", ["a"]),
        (" a , b ", ["a", "b"]),
        ("", [""]),
        (",,", ["", "", ""]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("<sip:a,b>,<sip:c>", ["<sip:a,b>", "<sip:c>"]),
        ('<sip:a">,b', ['<sip:a">', "b"]),
        ('"never closed, a', ['"never closed, a']),
        ("a, <never closed, b", ["a", "<never closed, b"]),
        ("a>b,c", ["a>b", "c"]),
    ],
)
def test_split_commas(value: str, pieces: list[str]) -> None:
    assert split_commas(value) == pieces


def test_params() -> None:
    params = Params.parse(' ;a = 1 ; B ;c="x;y\\"z"; ;a=2')
    assert params.items == (("a", "1"), ("B", None), ("c", '"x;y\\"z"'), ("a", "2"))
    assert (params.get("A"), params.get("b"), params.get("c"), params.get("d")) == ("1", "", 'x;y"z', None)
    assert params.get("d", "other") == "other"
    assert "b" in params
    assert "d" not in params
    assert list(params)[:3] == [("a", "1"), ("B", None), ("c", 'x;y"z')]
    assert len(params) == 4
    assert str(params) == ';a=1;B;c="x;y\\"z";a=2'


def test_params_are_changed_by_copying() -> None:
    params = Params.parse("a=1;b;a=2")
    assert str(params.with_("A", "3")) == ";a=3;b"
    assert str(params.with_("c", "x y")) == ';a=1;b;a=2;c="x y"'
    assert str(params.with_("b", "q")) == ";a=1;b=q;a=2"
    assert str(params.without("A")) == ";b"
    assert str(params) == ";a=1;b;a=2"


def test_params_are_few() -> None:
    assert len(Params.parse(";a" * 128)) == 128
    with pytest.raises(SipError):
        Params.parse(";" * 129)


@pytest.mark.parametrize("text", ["=1", "a=b c", 'a="b', 'a="b"c', "a b=1", "a<=1", "a=\\", "a=b,c"])
def test_what_are_not_params(text: str) -> None:
    with pytest.raises(SipError):
        Params.parse(text)


@given(st.text(alphabet=st.characters(exclude_characters="\r\n"), max_size=40))
@settings(max_examples=60)
def test_quote_and_unquote_are_inverse(text: str) -> None:
    assert unquote(quote(text)) == text
    assert Params.parse(f"a={quote(text)};b").get("a") == text


TOKENS = st.text(string.ascii_letters + string.digits + "-.!%*_+`'~", min_size=1, max_size=12)
HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,4}){0,2}", fullmatch=True),
    st.ip_addresses().map(str),
)
PORTS = st.none() | st.integers(0, 65535)
PARAMS = st.lists(st.tuples(TOKENS, st.none() | TOKENS), max_size=4).map(lambda items: Params(tuple(items)))
DISPLAYS = st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
URIS = st.builds(
    Uri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=st.text(min_size=1, max_size=12).map(escape_user),
    host=HOSTS,
    port=PORTS,
    params=PARAMS,
)


@given(URIS)
@settings(max_examples=80)
def test_any_uri_survives_its_text(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri
    assert uri.same_as(Uri.parse(str(uri)))


@given(st.builds(NameAddr, display=DISPLAYS, uri=URIS, params=PARAMS), PARAMS)
@settings(max_examples=60)
def test_any_address_survives_its_text_in_a_list(address: NameAddr, params: Params) -> None:
    other = NameAddr("x,y", address.uri, params)
    listed = f"{address},{other} , {address}"
    assert [NameAddr.parse(piece) for piece in split_commas(listed)] == [address, other, address]


@given(st.builds(Via, transport=TOKENS.map(str.upper), host=HOSTS, port=PORTS, params=PARAMS))
@settings(max_examples=60)
def test_any_via_survives_its_text(via: Via) -> None:
    assert Via.parse(str(via)) == via


NOISE = st.text(alphabet=st.sampled_from(list(' \t",;:<>@%\\[]=?/.*aA09é\x00\x7f\udcff')), max_size=60)


@pytest.mark.parametrize(
    "parser", [Uri.parse, NameAddr.parse, Via.parse, CSeq.parse, Params.parse, split_commas]
)
@given(text=NOISE)
@settings(max_examples=60)
def test_any_text_parses_or_raises_sip_error(parser: object, text: str) -> None:
    assert callable(parser)
    try:
        value = parser(text)
    except SipError:
        return
    if isinstance(value, NameAddr | Uri | Via | CSeq):  # what was taken can be written and read again
        assert type(value).parse(str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        '"' * 8000,
        '"\\' * 4000,
        "<" * 8000,
        "," * 8000,
        '"",' * 2700,
        "<>," * 2700,
        ";" * 8000,
        ';a="' * 2000,
        " \t" * 4000,
        "sip:" + "@" * 8000,
        "SIP/2.0/UDP" + " " * 8000,
        "[" * 8000,
        "a=" * 4000,
    ],
    ids=lambda text: text[:6],
)
def test_hostile_text_costs_little(text: str) -> None:
    """Linear time: a quadratic parser would need minutes for these times forty."""
    for parser in (Uri.parse, NameAddr.parse, Via.parse, CSeq.parse, Params.parse, split_commas):
        try:
            parser(text * 40)
        except SipError:
            continue
