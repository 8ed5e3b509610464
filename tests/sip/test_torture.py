"""RFC 4475 and RFC 5118: what the parser makes of messages written to break parsers."""

import csv
from pathlib import Path

import pytest

from ringline.sip import sdp
from ringline.sip.message import Request, Response, SipError, parse, response_to

pytestmark = pytest.mark.unit

CORPUS = Path(__file__).parent / "torture"
LINES = (CORPUS / "expect.tsv").read_text(encoding="utf-8").splitlines()
TABLE = list(csv.DictReader(LINES, delimiter="\t", quoting=csv.QUOTE_NONE))


def load(name: str) -> bytes:
    return (CORPUS / f"{name}.dat").read_bytes()


def request(name: str) -> Request:
    message = parse(load(name))
    assert isinstance(message, Request)
    return message


def test_every_message_has_its_row_and_every_row_its_message() -> None:
    assert {row["name"] for row in TABLE} == {path.stem for path in CORPUS.glob("*.dat")}
    assert len(TABLE) == 49 + 12  # RFC 4475 and RFC 5118


@pytest.mark.parametrize("row", [row for row in TABLE if row["outcome"] == "ok"], ids=lambda row: row["name"])
def test_a_good_message_is_read_and_written_again(row: dict[str, str]) -> None:
    message = parse(load(row["name"]))

    start = message.method if isinstance(message, Request) else str(message.status)
    assert (start, len(message.vias), len(message.body)) == (row["start"], int(row["vias"]), int(row["body"]))
    again = parse(message.serialize())
    assert again.serialize() == message.serialize()
    # inv2543 has no Content-Length of its own
    assert [line for line in again.headers if line in [*message.headers]] == [*message.headers]


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row["outcome"].isdigit()], ids=lambda row: row["name"]
)
def test_a_bad_request_is_answered(row: dict[str, str]) -> None:
    with pytest.raises(SipError) as caught:
        parse(load(row["name"]))

    partial = caught.value.partial
    assert caught.value.status == int(row["outcome"])
    assert partial is not None
    assert partial.method == row["start"]
    answer = response_to(partial, caught.value.status, to_tag="ours")
    for name in ("Via", "From", "Call-ID", "CSeq"):
        assert answer.headers.get(name) == partial.headers.get(name)
    assert answer.serialize().startswith(f"SIP/2.0 {row['outcome']} ".encode())


@pytest.mark.parametrize(
    "row", [row for row in TABLE if row["outcome"] == "drop"], ids=lambda row: row["name"]
)
def test_what_cannot_be_answered_is_dropped(row: dict[str, str]) -> None:
    with pytest.raises(SipError) as caught:
        parse(load(row["name"]))
    assert caught.value.status is None
    assert caught.value.partial is None


def test_wsinv_means_what_it_says() -> None:
    message = request("wsinv")

    assert message.request_uri.params.has("unknownparam")
    assert message.to.tag == "1918181833n"
    assert (message.from_.display, message.from_.tag) == ('J Rosenberg \\"', "98asjd8")
    assert message.max_forwards == 68
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.headers.get("Subject") == ""
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    (route,) = message.routes
    assert route.uri.lr
    assert route.uri.params.get("unknownwith") == "value"
    (contact,) = message.contacts
    assert contact.display == 'Quoted string ""'
    assert contact.params.get("newparam") == "newvalue"
    assert contact.params.get("secondparam") == ""
    assert contact.params.get("q") == "0.33"
    assert [media.media for media in sdp.parse(message.body).media] == ["audio", "video"]


def test_intmeth_keeps_every_odd_character() -> None:
    message = request("intmeth")

    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.to.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.request_uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.params.get("fromParam''~+*_!.-%") == "работающий"
    assert message.from_.tag == "_token~1'+`*%!-."
    assert message.top_via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


def test_escapes_are_resolved_for_comparing_only() -> None:
    assert request("esc01").request_uri.user == "sips%3Auser%40example.com"
    assert request("esc01").request_uri.user_key == "sips:user@example.com"
    assert [contact.uri.user_key for contact in request("escnull").contacts] == ["\0", "\0\0"]
    assert request("esc02").to.display == "%Z%45"


def test_semicolons_belong_to_the_user() -> None:
    uri = request("semiuri").request_uri
    assert (uri.user_key, uri.host, uri.params.items) == ("user;par=u@example.net", "example.com", ())


def test_a_uri_parameter_and_a_header_parameter_are_told_apart() -> None:
    (header,) = request("cparam01").contacts
    (uri,) = request("cparam02").contacts
    assert header.params.has("unknownparam")
    assert not header.uri.params.has("unknownparam")
    assert uri.uri.params.has("unknownparam")
    assert not uri.params.has("unknownparam")


def test_unknown_schemes_outside_the_request_uri_are_kept() -> None:
    message = request("unksm2")
    assert (message.to.uri.scheme, message.to.uri.opaque) == ("isbn", "2983792873")
    assert str(message.from_.uri) == "http://www.example.com"
    assert str(message.contacts[0].uri) == "name:John_Smith"


def test_reason_phrases() -> None:
    unusual, absent = parse(load("unreason")), parse(load("noreason"))
    assert isinstance(unusual, Response)
    assert isinstance(absent, Response)
    assert unusual.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert absent.reason == ""


def test_rfc_2543_has_no_branch_and_no_max_forwards() -> None:
    message = request("inv2543")
    assert (message.top_via.branch, message.from_.tag, message.max_forwards) == (None, None, 70)


def test_the_port_is_what_follows_the_bracket() -> None:
    assert (request("port-ambiguous").request_uri.host, request("port-ambiguous").request_uri.port) == (
        "2001:db8::10:5070",
        None,
    )
    assert (request("port-unambiguous").request_uri.host, request("port-unambiguous").request_uri.port) == (
        "2001:db8::10",
        5070,
    )


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_received_with_and_without_brackets_is_one_address(name: str) -> None:
    assert request(name).top_via.received == "2001:db8::9:255"


def test_each_media_section_has_its_own_address() -> None:
    session = sdp.parse(request("mult-ip-in-sdp").body)
    assert [session.address_of(media) for media in session.media] == ["192.0.2.1", "2001:db8::1"]
