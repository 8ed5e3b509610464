from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.media.core.l16 import L16, LITTLE_ENDIAN, NETWORK_ORDER

pytestmark = pytest.mark.unit

SAMPLES = st.lists(st.integers(-32768, 32767), max_size=100)


def test_network_order_puts_the_high_octet_first() -> None:
    assert NETWORK_ORDER.encode(array("h", [1, -2, 0x1234])) == b"\x00\x01\xff\xfe\x12\x34"
    assert list(NETWORK_ORDER.decode(b"\x00\x01\xff\xfe\x80\x00")) == [1, -2, -32768]


def test_little_endian_puts_it_last() -> None:
    assert LITTLE_ENDIAN.encode(array("h", [1, -2])) == b"\x01\x00\xfe\xff"


@pytest.mark.parametrize("order", [NETWORK_ORDER, LITTLE_ENDIAN])
@given(samples=SAMPLES)
def test_encode_and_decode_are_inverse(order: L16, samples: list[int]) -> None:
    assert list(order.decode(order.encode(array("h", samples)))) == samples


def test_an_odd_last_octet_is_dropped() -> None:
    assert list(NETWORK_ORDER.decode(b"\x00\x07\x00")) == [7]
