import io
import wave
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.media.wav import HEADER, MAX_DATA, WavHeader, parse, serialize

pytestmark = pytest.mark.unit

HEADERS = st.builds(
    WavHeader, channels=st.sampled_from([1, 2]), rate=st.integers(1, 192_000), data=st.integers(0, MAX_DATA)
)


@given(HEADERS)
def test_parse_and_serialize_are_inverse(header: WavHeader) -> None:
    assert parse(serialize(header)) == header


@pytest.mark.parametrize("channels", [1, 2])
def test_the_standard_library_reads_and_writes_the_same(channels: int) -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setparams((channels, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(bytes(100 * 2 * channels))
    assert serialize(WavHeader(channels, 16_000, 200 * channels)) == out.getvalue()[: HEADER.size]


@given(st.binary(max_size=60))
def test_any_bytes_parse_or_raise_protocol_error(data: bytes) -> None:
    with suppress(ProtocolError):
        parse(data)


@given(HEADERS, st.integers(0, HEADER.size - 1), st.integers(0, 255))
def test_any_broken_octet_parses_or_raises_protocol_error(header: WavHeader, at: int, value: int) -> None:
    data = serialize(header)
    with suppress(ProtocolError):
        parse(data[:at] + bytes([value]) + data[at + 1 :])


def test_a_length_beyond_four_gigabytes_is_the_largest() -> None:
    assert parse(serialize(WavHeader(1, 8000, 2**33))).data == MAX_DATA
