"""Messages: golden bytes, typed access, the parse-error policy, responses."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.sip.grammar import CSeq, Uri
from ringline.sip.message import (
    MAX_ELEMENTS,
    MAX_HEADERS,
    MAX_LINE,
    MAX_MESSAGE,
    REASONS,
    Headers,
    Request,
    Response,
    SipError,
    parse,
    response_to,
)

pytestmark = pytest.mark.unit

DATA = Path(__file__).parent / "data"
GOLDEN = {name: (DATA / f"{name}.bin").read_bytes() for name in ("invite", "ok", "register")}
INVITE = GOLDEN["invite"]


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def with_line(line: str, *, instead_of: str | None = None) -> bytes:
    """The golden INVITE with a line added, or replaced, or (line "") left out."""
    head, _, body = INVITE.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    if instead_of is None:
        lines.append(line)
    else:
        (at,) = [at for at, old in enumerate(lines) if old.startswith(instead_of)]
        lines[at : at + 1] = [line] if line else []
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def refusal(data: bytes, *, stream: bool = False) -> SipError:
    with pytest.raises(SipError) as caught:
        parse(data, stream=stream)
    return caught.value


@pytest.mark.parametrize("name", GOLDEN)
def test_parse_and_serialize_are_inverse(name: str) -> None:
    assert parse(GOLDEN[name]).serialize() == GOLDEN[name]
    assert parse(GOLDEN[name], stream=True) == parse(GOLDEN[name])


def test_a_request_is_typed() -> None:
    invite = request(INVITE)

    assert (invite.method, invite.uri) == ("INVITE", "sip:+15550100@198.51.100.1;user=phone")
    assert (invite.request_uri.user, invite.request_uri.host) == ("+15550100", "198.51.100.1")
    assert (invite.top_via.host, invite.top_via.rport) == ("192.0.2.7", 0)
    assert (invite.from_.display, invite.from_.tag, invite.to.tag) == ('Zoë "Z" Ray', "1928301774", None)
    assert (invite.call_id, invite.cseq) == ("a84b4c76e66710@192.0.2.7", CSeq(314159, "INVITE"))
    assert [str(contact.uri) for contact in invite.contacts] == ["sip:zoe@192.0.2.7:5060;ob"]
    assert (invite.max_forwards, invite.expires, invite.routes, invite.record_routes) == (70, None, (), ())
    assert invite.headers.get_all("allow") == ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"]
    assert invite.headers.has_option("Supported", "TIMER")
    assert not invite.headers.has_option("supported", "100rel")
    assert invite.content_type == "application/sdp"
    assert invite.body.startswith(b"v=0\r\n")


def test_a_response_is_typed() -> None:
    answer = parse(GOLDEN["ok"])
    assert isinstance(answer, Response)

    assert (answer.status, answer.reason) == (200, "OK")
    assert [via.transport for via in answer.vias] == ["TCP", "UDP"]
    assert answer.top_via is answer.vias[0]
    assert [str(route) for route in answer.record_routes] == [
        "<sip:edge.example.net;lr>",
        "<sip:core.example.net;lr;ftag=x>",
    ]
    assert (answer.from_.tag, answer.to.tag, answer.call_id) == ("88", "99", "7f@10.1.1.1")
    (contact,) = answer.contacts
    assert (contact.uri.host, contact.uri.port, contact.params.get("expires")) == ("2001:db8::5", 5062, "60")


def test_a_wildcard_contact_is_no_address() -> None:
    register = request(GOLDEN["register"])
    assert register.wildcard_contact
    assert register.contacts == ()
    assert register.expires == 0
    assert refusal(with_line("Contact: *, <sip:a@b>", instead_of="Contact")).status == 400


def test_any_byte_survives() -> None:
    subject = bytes(set(range(256)) - {10, 13}).strip(b" \t")
    data = INVITE.replace(b"User-Agent: made by hand", b"Subject: " + subject)
    assert parse(data).serialize() == data


def test_folded_lines_become_one() -> None:
    invite = request(with_line("Subject: one\r\n  two\r\n\tthree"))
    assert invite.headers.get("subject") == "one two three"
    assert b"Subject: one two three\r\n" in invite.serialize()


def test_leading_line_ends_are_skipped() -> None:
    assert parse(b"\r\n\r\n" + INVITE) == parse(INVITE)


def test_values_follow_changed_headers() -> None:
    invite = request(INVITE)
    assert invite.cseq.number == 314159
    invite.headers.set("CSeq", "2 INVITE")
    assert invite.cseq.number == 2
    invite.headers.prepend("Via", "SIP/2.0/UDP proxy")
    assert (invite.top_via.host, len(invite.vias)) == ("proxy", 2)
    invite.uri = "sip:other@example.com"
    assert invite.request_uri.user == "other"


def test_a_hand_made_message_says_what_it_lacks() -> None:
    bare = Request("OPTIONS", "sip:a@b")
    for name in ("top_via", "from_", "to", "call_id", "cseq"):
        with pytest.raises(SipError):
            getattr(bare, name)
    assert (bare.vias, bare.max_forwards, bare.content_type) == ((), 70, None)
    assert bare.serialize() == b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def test_content_length_is_always_the_bodys() -> None:
    headers = Headers([("l", "999"), ("X", "1"), ("Content-Length", "7")])
    assert Request("INFO", "sip:a", headers, b"ab").serialize() == (
        b"INFO sip:a SIP/2.0\r\nl: 2\r\nX: 1\r\n\r\nab"
    )


def test_a_lone_surrogate_cannot_be_sent() -> None:
    with pytest.raises(SipError):
        Request("OPTIONS", "sip:\ud800@b").serialize()
    with pytest.raises(SipError):
        Uri.parse("sip:%41\ud800@b")


# -- the parse-error policy


@pytest.mark.parametrize(
    ("line", "instead_of"),
    [
        ("Content-Length: 9999", "Content-Length"),
        ("Content-Length: -1", "Content-Length"),
        ("Content-Length: 1 1", "Content-Length"),
        ("Content-Length:", "Content-Length"),
        ("Call-ID: again", None),
        ("f: <sip:a@b>;tag=2", None),
        ("t: <sip:a@b>", None),
        ("CSeq: 314159 INVITE", None),
        ("Max-Forwards: 70", None),
        ("Max-Forwards: 256", "Max-Forwards"),
        ("Max-Forwards: many", "Max-Forwards"),
        ("Content-Type: text/plain", None),
        ("Expires: 1\r\nExpires: 2", None),
        ("CSeq: 314159 ACK", "CSeq"),
        ("CSeq: 314159 invite", "CSeq"),
        ("CSeq: 2147483648 INVITE", "CSeq"),
        ("From: <sip:a@b", "From"),
        ('To: "a <sip:a@b>', "To"),
        ("Contact: nobody", "Contact"),
        ("Route: <sip:a", None),
        ("Record-Route: sip:", None),
        ("Via: nonsense", None),
        ("no colon", None),
        (": no name", None),
        ("Bad Name: x", None),
        ("Bad\x01Name: x", None),
        ("X: a\rb", None),
        ("X: a\nb", None),
        ("X: " + "a" * MAX_LINE, None),
        ("\r\n".join(["X: y"] * MAX_HEADERS), None),
        ("\r\n".join(["Via: SIP/2.0/UDP h"] * MAX_ELEMENTS), None),
        ("m: " + ",".join(["<sip:a@b>"] * MAX_ELEMENTS), None),
        ("Route: " + ",".join(["<sip:a>"] * (MAX_ELEMENTS + 1)), None),
        ("Record-Route: " + ",".join(["<sip:a>"] * (MAX_ELEMENTS + 1)), None),
        ("v: " + ",".join(["SIP/2.0/UDP h"] * MAX_ELEMENTS), None),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_bad_line_in_a_request_is_a_400(line: str, instead_of: str | None) -> None:
    error = refusal(with_line(line, instead_of=instead_of))

    assert error.status == 400
    assert error.partial is not None
    answer = response_to(error.partial, 400, to_tag="t")
    assert answer.serialize().startswith(b"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;rport;")
    assert answer.headers.repeated() <= {"via"}
    assert all(
        answer.headers.get(name) == error.partial.headers.get(name) for name in ("From", "Call-ID", "CSeq")
    )


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"INVITE sip:+15550100@198.51.100.1;user=phone", b"INVITE isbn:123", 416),
        (b"INVITE sip:+15550100@198.51.100.1;user=phone", b"INVITE nonsense", 400),
        (b"INVITE sip:", b"INVITE  sip:", 400),
        (b"phone SIP/2.0\r\n", b"phone SIP/2.1\r\n", 505),
        (b"phone SIP/2.0\r\n", b"phone SIP/2.0 \r\n", 400),
        (b"phone SIP/2.0\r\n", b"phone sip/2.0\r\n", None),
        (b"phone SIP/2.0\r\n", b"phone?Subject=x SIP/2.0\r\n", 400),
        (b"Via: SIP/2.0", b"Via: SIP/3.0", 505),
    ],
)
def test_the_request_line(old: bytes, new: bytes, status: int | None) -> None:
    data = INVITE.replace(old, new)
    assert data != INVITE
    if status is None:
        assert isinstance(parse(data), Request)
    else:
        assert refusal(data).status == status


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_without_what_an_answer_copies_a_request_is_dropped(name: str) -> None:
    for line in ("", f"{name}:"):
        error = refusal(with_line(line, instead_of=f"{name}:"))
        assert (error.status, error.partial) == (None, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x00" * 40,
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"INVITE sip:a@b\r\n\r\n",
        b"IN@VITE sip:a@b SIP/2.0\r\n\r\n",
        b"SIP/2.0\r\n\r\n",
        b"SIP/2.0 20 OK\r\n\r\n",
        b"SIP/2.0 0200 OK\r\n\r\n",
        b"SIP/2.0 700 Odd\r\n\r\n",
        b"SIP/2.0 2\xc2\xb20 OK\r\n\r\n",
        GOLDEN["ok"].replace(b"SIP/2.0 200", b"SIP/3.0 200"),
        GOLDEN["ok"].replace(b"CSeq: 2 INVITE", b"CSeq: 2"),
        GOLDEN["ok"].replace(b"l: 0", b"l: 1"),
        GOLDEN["ok"].replace(b"m: <", b"m: <<"),
        b"INVITE sip:" + b"a" * MAX_LINE + b" SIP/2.0\r\n" + INVITE.partition(b"\r\n")[2],
        INVITE + b"x" * MAX_MESSAGE,
    ],
    ids=lambda data: str(data[:20]),
)
def test_what_is_dropped(data: bytes) -> None:
    error = refusal(data)
    assert (error.status, error.partial) == (None, None)


def test_a_head_that_never_ends_is_a_400() -> None:
    assert refusal(INVITE.partition(b"\r\n\r\n")[0]).status == 400


def test_a_datagram_is_trimmed_to_content_length_and_without_it_is_all_body() -> None:
    assert parse(INVITE + b"trailing") == parse(INVITE)
    assert parse(with_line("", instead_of="Content-Length")).body == parse(INVITE).body
    assert refusal(with_line("", instead_of="Content-Length"), stream=True).status == 400


def test_an_answer_to_a_half_read_request_finds_its_way() -> None:
    error = refusal(with_line("Contact: nobody", instead_of="Contact"))
    assert error.partial is not None
    answer = response_to(error.partial, 400, "Bad Contact", to_tag="x")
    assert answer.serialize().startswith(b"SIP/2.0 400 Bad Contact\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;rport;")
    assert (answer.top_via.branch, answer.cseq, answer.to.tag) == (
        "z9hG4bK776asdhds",
        CSeq(314159, "INVITE"),
        "x",
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("60", 60),
        ("4294967295", 2**32 - 1),
        ("4294967296", 2**32 - 1),
        ("9" * 400, 2**32 - 1),
        ("soon", None),
        ("-1", None),
    ],
)
def test_expires_is_clamped_and_forgiving(value: str, seconds: int | None) -> None:
    assert request(with_line(f"Expires: {value}")).expires == seconds


# -- responses


def test_response_to_copies_and_tags() -> None:
    invite = request(INVITE)
    invite.headers.prepend("Via", "SIP/2.0/TCP proxy;branch=z9hG4bKp")
    invite.headers.add("Timestamp", "54")
    invite.headers.add("Record-Route", "<sip:p;lr>")

    ringing = response_to(
        invite,
        180,
        to_tag="7",
        headers=[("Contact", "<sip:me@h>")],
        body=b"v=0",
        content_type="application/sdp",
    )

    assert list(ringing.headers) == [
        ("Via", "SIP/2.0/TCP proxy;branch=z9hG4bKp"),
        ("Via", "SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK776asdhds"),
        ("From", '"Zoë \\"Z\\" Ray" <sip:zoe@example.com>;tag=1928301774'),
        ("To", "<sip:+15550100@198.51.100.1;user=phone>;tag=7"),
        ("Call-ID", "a84b4c76e66710@192.0.2.7"),
        ("CSeq", "314159 INVITE"),
        ("Contact", "<sip:me@h>"),
        ("Content-Type", "application/sdp"),
    ]
    assert (ringing.reason, ringing.body) == ("Ringing", b"v=0")
    assert response_to(invite, 100).headers.get("Timestamp") == "54"


@pytest.mark.parametrize(
    ("to", "tagged"),
    [
        ("<sip:a@b>", "<sip:a@b>;tag=new"),
        ("sip:a@b", "sip:a@b;tag=new"),
        ("<sip:a@b>;tag=old", "<sip:a@b>;tag=old"),
        ("<sip:a@b>;tag=", "<sip:a@b>;tag=new"),
        ('"unreadable <sip:a@b>', '"unreadable <sip:a@b>'),
    ],
)
def test_a_tag_is_added_once(to: str, tagged: str) -> None:
    asked = Request("OPTIONS", "sip:a@b", Headers([("To", to)]))
    assert response_to(asked, 200, to_tag="new").headers.get("to") == tagged
    assert response_to(asked, 200).headers.get("to") == to


def test_reasons_cover_what_we_send_and_others_are_unknown() -> None:
    asked = Request("OPTIONS", "sip:a@b")
    assert response_to(asked, 486).reason == REASONS[486] == "Busy Here"
    assert response_to(asked, 499).reason == "Unknown"
    assert response_to(asked, 499, "Ours").reason == "Ours"


# -- properties

LINES = st.text(alphabet=st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=30).map(
    lambda text: text.strip(" \t")
)
NAMES = st.from_regex(r"X-[A-Za-z0-9-]{1,12}", fullmatch=True)


@given(st.lists(st.tuples(NAMES, LINES), max_size=8), st.binary(max_size=60))
@settings(max_examples=60)
def test_any_headers_and_body_survive(extra: list[tuple[str, str]], body: bytes) -> None:
    invite = request(INVITE)
    for name, value in extra:
        invite.headers.add(name, value)
    invite.body = body
    again = request(invite.serialize())
    assert again.body == body
    assert [item for item in again.headers if item[0].startswith("X-")] == [("X-Account", "4711"), *extra]


def outcome(data: bytes, *, stream: bool) -> SipError | None:
    """The refusal, or None for a message that was taken."""
    try:
        parse(data, stream=stream)
    except SipError as error:
        return error
    return None


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_any_bytes_parse_or_raise_sip_error(data: bytes) -> None:
    for candidate in (data, b"OPTIONS sip:a SIP/2.0\r\n" + data, INVITE[:200] + data, INVITE[:-100] + data):
        for stream in (False, True):
            refused = outcome(candidate, stream=stream)
            assert refused is None or (refused.status is None) == (refused.partial is None)
