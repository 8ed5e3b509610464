"""Checksums beside Amazon's own implementation of them."""

import base64
import hashlib
import zlib

import pytest
from awscrt import checksums as oracle
from hypothesis import given
from hypothesis import strategies as st

from ringline.storage.s3.checksums import Checksums
from ringline.storage.s3.crc import CRC32C, CRC64NVME, LANE, Crc, Polynomial
from ringline.storage.s3.errors import S3Error

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("polynomial", "check"),
    [(CRC32C, "e3069283"), (CRC64NVME, "ae8b14860a799888")],
    ids=["crc32c", "crc64nvme"],
)
def test_the_check_values_of_the_specifications(polynomial: Polynomial, check: str) -> None:
    crc = Crc(polynomial)
    crc.update(b"123456789")
    assert crc.digest().hex() == check


PIECES = st.lists(
    st.binary(max_size=3 * LANE) | st.integers(0, 40).map(lambda lanes: b"\x00\xff" * (lanes * LANE // 2)),
    max_size=5,
)


@given(PIECES)
def test_a_crc_grows_as_amazons_does(pieces: list[bytes]) -> None:
    narrow, wide = Crc(CRC32C), Crc(CRC64NVME)
    for piece in pieces:
        narrow.update(piece)
        wide.update(piece)
    data = b"".join(pieces)
    assert narrow.digest() == oracle.crc32c(data).to_bytes(4)
    assert wide.digest() == oracle.crc64nvme(data).to_bytes(8)


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


DATA = b"some bytes"
TRUE = {
    "x-amz-checksum-crc32": encoded(zlib.crc32(DATA).to_bytes(4)),
    "x-amz-checksum-crc32c": encoded(oracle.crc32c(DATA).to_bytes(4)),
    "x-amz-checksum-crc64nvme": encoded(oracle.crc64nvme(DATA).to_bytes(8)),
    "x-amz-checksum-sha1": encoded(hashlib.sha1(DATA).digest()),
    "x-amz-checksum-sha256": encoded(hashlib.sha256(DATA).digest()),
    "content-md5": encoded(hashlib.md5(DATA).digest()),
    "x-amz-content-sha256": hashlib.sha256(DATA).hexdigest(),
}


@pytest.mark.parametrize("name", TRUE)
def test_what_is_promised_must_be_so(name: str) -> None:
    checksums = Checksums({name: TRUE[name]})
    checksums.update(DATA[:3])
    checksums.update(DATA[3:])
    assert checksums.check({}) == (((name, TRUE[name]),) if "checksum" in name else ())

    checksums = Checksums({name: TRUE[name]})
    checksums.update(DATA + b"!")
    with pytest.raises(S3Error) as caught:
        checksums.check({})
    assert caught.value.code == ("XAmzContentSHA256Mismatch" if "content-sha" in name else "BadDigest")


@pytest.mark.parametrize("name", [name for name in TRUE if name.startswith("x-amz-checksum")])
def test_a_trailer_promises_too(name: str) -> None:
    def checksums() -> Checksums:
        made = Checksums({"x-amz-trailer": name})
        made.update(DATA)
        return made

    assert checksums().check({name: TRUE[name]}) == ((name, TRUE[name]),)
    with pytest.raises(S3Error, match="is missing"):
        checksums().check({})
    with pytest.raises(S3Error) as caught:
        checksums().check({name: encoded(bytes(len(base64.b64decode(TRUE[name]))))})
    assert caught.value.code == "BadDigest"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-md5": "!!!"}, "InvalidDigest"),
        ({"content-md5": encoded(b"short")}, "InvalidDigest"),
        ({"x-amz-checksum-crc32": encoded(b"too long")}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": "\xff"}, "InvalidRequest"),
        ({"x-amz-checksum-crc7": "AA=="}, "InvalidRequest"),
        ({"x-amz-trailer": "x-amz-checksum-crc7"}, "InvalidRequest"),
    ],
)
def test_a_promise_that_cannot_be_is_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(S3Error) as caught:
        Checksums(headers)
    assert caught.value.code == code


def test_words_about_checksums_are_no_checksums() -> None:
    words = {
        "x-amz-checksum-mode": "ENABLED",
        "x-amz-checksum-algorithm": "CRC32",
        "x-amz-checksum-type": "COMPOSITE",
    }
    assert Checksums(words | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}).check({}) == ()
