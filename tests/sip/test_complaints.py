"""What is logged of messages that cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ringline.core.clock import VirtualClock
from ringline.sip.flow import Flow
from ringline.sip.io.complaints import BURST, Complaints, without_quotations
from ringline.sip.params import SipError

pytestmark = pytest.mark.unit

PEER = Flow("UDP", "192.0.2.1", 5060)


def test_a_flood_costs_a_few_lines_and_the_next_tells_of_the_rest() -> None:
    clock = VirtualClock()
    complaints = Complaints(clock)
    with capture_logs() as lines:
        for _ in range(BURST + 5):
            complaints.unreadable(PEER, SipError("no via header"))
        assert len(lines) == BURST
        clock.advance(2)
        complaints.unreadable(PEER, SipError("no via header"))
        complaints.unreadable(PEER, SipError("no via header"))
    assert [line["unwritten"] for line in lines[BURST - 1 :]] == [0, 5, 0]
    assert (lines[0]["peer"], lines[0]["reason"]) == ("192.0.2.1:5060", "no via header")


@pytest.mark.parametrize(
    ("problem", "logged"),
    [
        ("'sip:4929 000' is not a URI", "… is not a URI"),
        ('"it\'s \\"secret\\"" follows an address', "… follows an address"),
        ("CSeq '1 \\' 2' has no method", "CSeq … has no method"),
        ("no Content-Length in a stream", "no Content-Length in a stream"),
    ],
)
def test_quotations_are_left_out(problem: str, logged: str) -> None:
    assert without_quotations(problem) == logged


@given(st.text(max_size=60))
def test_no_quotation_survives(text: str) -> None:
    assert without_quotations(f"{text!r} is not a URI") == "… is not a URI"
