"""DTMF in SIP INFO, as phones send it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.node.lines import digit_of_info

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", ("5", 160)),
        ("application/dtmf-relay; charset=utf-8", b"signal = #\nduration = 90", ("#", 90)),
        ("Application/DTMF-Relay", b"Signal=d", ("D", 250)),
        ("application/dtmf", b" 7 ", ("7", 250)),
        ("application/dtmf-relay", b"Signal=12\r\n", None),
        ("application/dtmf-relay", b"Duration=160", None),
        ("application/dtmf-relay", b"Signal=5\r\nDuration=9999999999", ("5", 250)),
        ("text/plain", b"Signal=5", None),
    ],
)
def test_known_forms(content_type: str, body: bytes, expected: tuple[str, int] | None) -> None:
    assert digit_of_info(content_type, body) == expected


@given(st.text(max_size=30), st.binary(max_size=60))
def test_anything_else_is_no_digit_and_no_error(content_type: str, body: bytes) -> None:
    found = digit_of_info(content_type, body)
    assert found is None or found[0] in "0123456789*#ABCD"
