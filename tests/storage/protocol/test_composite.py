"""Checksums of wholes by those of their parts, beside Amazon's own over the whole."""

import base64
import hashlib
import zlib
from collections.abc import Callable

import pytest
from awscrt import checksums as oracle
from hypothesis import given
from hypothesis import strategies as st

from ringline.storage.s3.composite import Kind, PartChecksum, Plan, WholeChecksum, planned, promised, whole
from ringline.storage.s3.errors import S3Error

pytestmark = pytest.mark.unit

CRCS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4),
    "crc32c": lambda data: oracle.crc32c(data).to_bytes(4),
    "crc64nvme": lambda data: oracle.crc64nvme(data).to_bytes(8),
}


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


@pytest.mark.parametrize("algorithm", CRCS)
@given(
    parts=st.lists(
        st.binary(max_size=100) | st.integers(1, 9).map(lambda n: b"z" * 10**n if n < 6 else b""),
        min_size=1,
        max_size=5,
    )
)
def test_a_whole_is_known_by_its_parts(algorithm: str, parts: list[bytes]) -> None:
    crc = CRCS[algorithm]
    sums = [PartChecksum(encoded(crc(part)), len(part)) for part in parts]
    expected = encoded(crc(b"".join(parts)))
    assert whole(Plan(algorithm, Kind.FULL_OBJECT), sums) == WholeChecksum(
        algorithm, Kind.FULL_OBJECT, expected
    )


def test_a_composite_is_the_checksum_of_checksums() -> None:
    digests = [hashlib.sha256(part).digest() for part in (b"one", b"two")]
    sums = [PartChecksum(encoded(digest), 3) for digest in digests]
    made = whole(Plan("sha256", Kind.COMPOSITE), sums)
    assert made.value == encoded(hashlib.sha256(b"".join(digests)).digest()) + "-2"


@pytest.mark.parametrize(
    ("algorithm", "kind", "plan"),
    [
        ("CRC32", None, Plan("crc32", Kind.COMPOSITE)),
        ("CRC32", "FULL_OBJECT", Plan("crc32", Kind.FULL_OBJECT)),
        ("SHA1", "COMPOSITE", Plan("sha1", Kind.COMPOSITE)),
        ("CRC64NVME", None, Plan("crc64nvme", Kind.FULL_OBJECT)),
        (None, "COMPOSITE", None),
    ],
)
def test_what_is_agreed_on(algorithm: str | None, kind: str | None, plan: Plan | None) -> None:
    said = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}
    assert planned({name: value for name, value in said.items() if value}) == plan


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("CRC7", None), ("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE"), ("CRC32", "x")],
)
def test_what_cannot_be(algorithm: str, kind: str | None) -> None:
    headers = {"x-amz-checksum-algorithm": algorithm} | ({"x-amz-checksum-type": kind} if kind else {})
    with pytest.raises(S3Error) as caught:
        planned(headers)
    assert caught.value.code == "InvalidRequest"


def test_promises_are_told_from_words() -> None:
    headers = {
        "x-amz-checksum-crc32": "AAAAAA==",
        "x-amz-checksum-type": "COMPOSITE",
        "x-amz-checksum-mode": "ENABLED",
    }
    assert promised(headers) == (("crc32", "AAAAAA=="),)
