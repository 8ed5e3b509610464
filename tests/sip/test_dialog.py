import pytest

from ringline.sip.dialog import Dialog, DialogId
from ringline.sip.flow import Flow
from ringline.sip.message import Request, Response, parse, response_to
from ringline.sip.params import SipError

pytestmark = pytest.mark.unit

FLOW = Flow("UDP", "10.0.0.9", 5060)
CONTACT = "<sip:us@127.0.0.1:5060>"


def invite(*lines: str, contact: str = "<sip:bob@10.0.0.9:5060;ob>", vias: int = 1) -> Request:
    head = [f"Via: SIP/2.0/UDP h{number};branch=z9hG4bK{number}" for number in range(vias)]
    head += ["From: Bob <sip:bob@b>;tag=theirs", "To: <sip:us@a>", "Call-ID: c1", "CSeq: 41 INVITE"]
    head += [f"Contact: {contact}"] if contact else []
    text = "INVITE sip:us@a SIP/2.0\r\n" + "\r\n".join([*head, *lines]) + "\r\n\r\n"
    message = parse(text.encode())
    assert isinstance(message, Request)
    return message


def answer(request: Request, *fields: tuple[str, str]) -> Response:
    return response_to(request, 200, to_tag="theirs", headers=fields)


def test_a_servers_dialog_keeps_record_route_in_order() -> None:
    request = invite("Record-Route: <sip:p1;lr>, <sip:p2;lr>", "Record-Route: <sip:p3;lr>")
    dialog = Dialog.as_server(request, "ours", CONTACT, FLOW)
    assert dialog.id == DialogId("c1", "ours", "theirs")
    bye = dialog.request("BYE")
    assert bye.uri == "sip:bob@10.0.0.9:5060;ob"
    assert bye.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]
    assert (bye.headers.get("From"), bye.headers.get("To")) == (
        "<sip:us@a>;tag=ours",
        '"Bob" <sip:bob@b>;tag=theirs',
    )
    assert (str(bye.cseq), bye.headers.get("Contact"), bye.headers.get("Max-Forwards")) == (
        "1 BYE",
        None,
        "70",
    )


def test_a_clients_dialog_reverses_record_route() -> None:
    request = invite()
    response = answer(
        request, ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"), ("Contact", "<sip:bob@10.0.0.9>")
    )
    dialog = Dialog.as_client(request, response, CONTACT, None)
    assert dialog.request("BYE").headers.get_all("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]
    assert str(dialog.hop) == "sip:p2;lr"
    assert dialog.request("INFO").cseq.number == 43  # the INVITE's 41, the BYE's 42


def test_a_strict_router_stands_in_the_request_uri_and_the_target_comes_last() -> None:
    request = invite("Record-Route: <sip:strict>, <sip:loose;lr>")
    dialog = Dialog.as_server(request, "ours", CONTACT, FLOW)
    update = dialog.request("UPDATE")
    assert update.uri == "sip:strict"
    assert update.headers.get_all("Route") == ["<sip:loose;lr>", "<sip:bob@10.0.0.9:5060;ob>"]
    assert str(dialog.hop) == "sip:strict"


def test_ack_repeats_the_invites_number_and_takes_none() -> None:
    dialog = Dialog.as_client(invite(), answer(invite()), CONTACT, None)
    assert str(dialog.request("ACK", 41).cseq) == "41 ACK"
    assert str(dialog.request("BYE").cseq) == "42 BYE"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "REFER"])
def test_target_refreshes_carry_our_contact(method: str) -> None:
    dialog = Dialog.as_server(invite(), "ours", CONTACT, FLOW)
    assert dialog.request(method).headers.get("Contact") == CONTACT


def test_numbers_that_do_not_rise_are_out_of_order() -> None:
    dialog = Dialog.as_server(invite(), "ours", CONTACT, FLOW)
    request = invite()
    results = []
    for number in (41, 43, 42, 43, 44):
        request.headers.set("CSeq", f"{number} INFO")
        results.append(dialog.in_order(request))
    assert results == [False, True, False, False, True]


def test_a_target_refresh_moves_the_peer() -> None:
    dialog = Dialog.as_server(invite(), "ours", CONTACT, FLOW)
    dialog.refresh(invite(contact="<sip:bob@10.0.0.77>"))
    assert dialog.request("BYE").uri == "sip:bob@10.0.0.77"
    dialog.refresh(answer(invite()))  # no Contact: it stays
    assert dialog.request("BYE").uri == "sip:bob@10.0.0.77"


@pytest.mark.parametrize(
    ("request_", "flow", "only"),
    [
        (invite(), FLOW, False),
        (invite(contact="<sip:bob@192.168.1.5:5060>"), FLOW, True),  # NAT
        (invite(contact="<sip:bob@10.0.0.9:6060>"), FLOW, False),  # sends from one port, listens on another
        (invite(contact="<sip:bob@phone.example>"), FLOW, False),
        (
            invite(contact="<sip:bob@192.168.1.5>", vias=2),
            FLOW,
            False,
        ),  # a proxy that does not stay in the path
        (invite("Record-Route: <sip:p;lr>", contact="<sip:bob@192.168.1.5>"), FLOW, False),
        (invite(), Flow("TCP", "10.0.0.9", 40000, 3), True),
    ],
)
def test_when_the_way_a_call_came_is_the_only_way_back(request_: Request, flow: Flow, only: bool) -> None:
    dialog = Dialog.as_server(request_, "ours", CONTACT, flow)
    assert dialog.flow == (flow if only else None)
    assert (dialog.hop == flow) is only


def test_an_invite_without_contact_makes_no_dialog() -> None:
    with pytest.raises(SipError) as caught:
        Dialog.as_server(invite(contact=""), "ours", CONTACT, FLOW)
    assert caught.value.status == 400


def test_a_response_without_contact_leaves_the_request_uri_as_target() -> None:
    dialog = Dialog.as_client(invite(), answer(invite()), CONTACT, None)
    assert dialog.request("BYE").uri == "sip:us@a"
