"""aws-chunked bodies, in pieces of any size."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.storage.s3.chunked import LINE_LIMIT, ChunkedDecoder
from ringline.storage.s3.errors import S3Error

pytestmark = pytest.mark.unit

SIGNATURE = "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"


def encode(chunks: list[bytes], trailers: dict[str, str], signed: bool) -> bytes:
    mark = f";chunk-signature={SIGNATURE}" if signed else ""
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(one), mark.encode(), one) for one in chunks)
    lines = "".join(f"{name}:{value}\r\n" for name, value in trailers.items())
    return body + f"0{mark}\r\n{lines}\r\n".encode()


def decode(pieces: list[bytes]) -> tuple[bytes, dict[str, str]]:
    decoder = ChunkedDecoder()
    data = b"".join(found for piece in pieces for found in decoder.feed(piece))
    decoder.finish()
    return data, decoder.trailers


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(one % (len(data) + 1) for one in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    trailers=st.dictionaries(
        st.sampled_from(["x-amz-checksum-crc32", "x-amz-trailer-signature"]), st.just("Zg==")
    ),
    signed=st.booleans(),
    at=st.lists(st.integers(0, 1000), max_size=8),
)
def test_what_was_encoded_is_decoded_wherever_it_is_cut(
    chunks: list[bytes], trailers: dict[str, str], signed: bool, at: list[int]
) -> None:
    assert decode(cut(encode(chunks, trailers, signed), at)) == (b"".join(chunks), trailers)


def test_the_example_of_the_reference() -> None:
    """65 536 and 1 024 bytes, each chunk signed (S3 API reference, "… payload in multiple chunks")."""
    data, trailers = decode([encode([b"a" * 65536, b"a" * 1024], {}, signed=True)])
    assert (len(data), trailers) == (66560, {})


@pytest.mark.parametrize("ending", [b"0\r\n", b"0\n\n", b"000;x=y\r\n\r\n", b"0\r\nA : b \r\n\r\n"])
def test_endings_that_clients_write(ending: bytes) -> None:
    data, trailers = decode([b"3\r\nabc\r\n" + ending])
    assert data == b"abc"
    assert trailers in ({}, {"a": "b"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "IncompleteBody"),
        (b"3\r\nab", "IncompleteBody"),
        (b"3\r\nabc\r\n", "IncompleteBody"),
        (b"0", "IncompleteBody"),
        (b"0\r\na:b", "IncompleteBody"),
        (b"\r\n", "InvalidRequest"),
        (b"g\r\n", "InvalidRequest"),
        (b"-1\r\n", "InvalidRequest"),
        (b"0x3\r\nabc\r\n", "InvalidRequest"),
        (b"1_0\r\n", "InvalidRequest"),
        (b"f" * 17 + b"\r\n", "InvalidRequest"),
        (b"ffffffffffffffff\r\n", "InvalidRequest"),
        (b"3\r\nabcd\r\n", "InvalidRequest"),
        (b"0\r\nno colon\r\n\r\n", "InvalidRequest"),
        (b"0\r\n\r\nmore", "InvalidRequest"),
        (b"3" + b";" * LINE_LIMIT + b"\r\n", "InvalidRequest"),
        (b"0\r\n" + b"".join(b"t%d:x\r\n" % number for number in range(17)) + b"\r\n", "InvalidRequest"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        decode([body])
    assert caught.value.code == code


def test_a_line_that_does_not_end_is_not_kept() -> None:
    decoder = ChunkedDecoder()
    for _ in range(LINE_LIMIT):
        decoder.feed(b"1")
    with pytest.raises(S3Error, match="a line has more than"):
        decoder.feed(b"1")


@settings(max_examples=300)
@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([b"\r\n", b"3\r\n", b"0\r\n", b"a:b\r\n"]), max_size=12)
)
def test_any_bytes_are_decoded_or_refused(pieces: list[bytes]) -> None:
    decoder = ChunkedDecoder()
    with suppress(S3Error):
        for piece in pieces:
            assert sum(len(found) for found in decoder.feed(piece)) <= len(piece)
        decoder.finish()
