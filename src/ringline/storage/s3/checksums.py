"""What a client says its bytes amount to, and whether they do.

`Content-MD5` (RFC 1864), `x-amz-checksum-…` in a header or in a trailer that `x-amz-trailer` announces, and
`x-amz-content-sha256` where it is a hash.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from ringline.storage.s3.crc import CRC32C, CRC64NVME, Crc
from ringline.storage.s3.errors import S3Error

PREFIX = "x-amz-checksum-"
NOT_VALUES = frozenset({"algorithm", "mode", "type"})
"""What follows the prefix in headers that carry no checksum."""

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


class Digest(Protocol):
    """A checksum that grows."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        ...

    def digest(self) -> bytes:
        """The checksum of what was taken in."""
        ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


MAKERS: dict[str, Callable[[], Digest]] = {
    "crc32": _Crc32,
    "crc32c": lambda: Crc(CRC32C),
    "crc64nvme": lambda: Crc(CRC64NVME),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
"""The algorithms of `x-amz-checksum-…`."""

SIZES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
"""Bytes of their results."""


class Checksums:
    """The checksums that a request promises, over its body as it goes by."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """`headers` with names in lower case. Raises `S3Error`: InvalidDigest, InvalidRequest."""
        self._promised = _promised(headers)
        self._digests: dict[str, Digest] = {name: MAKERS[name]() for name in self._promised}
        self._trailer = _trailer(headers)
        if self._trailer:
            self._digests.setdefault(self._trailer, MAKERS[self._trailer]())
        self._md5 = _content_md5(headers)
        if self._md5 is not None:
            self._digests["md5"] = hashlib.md5(usedforsecurity=False)
        sha256 = headers.get("x-amz-content-sha256", "")
        self._sha256 = bytes.fromhex(sha256) if _HEX_SHA256.fullmatch(sha256) else None
        if self._sha256 is not None:
            self._digests.setdefault("sha256", hashlib.sha256())

    def update(self, data: bytes) -> None:
        """Take in more of the body."""
        for digest in self._digests.values():
            digest.update(data)

    def check(self, trailers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """The `x-amz-checksum-…` headers that the body has earned, once it is whole.

        Raises `S3Error`: BadDigest, XAmzContentSHA256Mismatch, InvalidDigest, InvalidRequest.
        """
        promised = dict(self._promised)
        if self._trailer:
            value = trailers.get(PREFIX + self._trailer)
            if value is None:
                raise S3Error("InvalidRequest", f"The trailer {PREFIX}{self._trailer} is missing.")
            promised[self._trailer] = _value(self._trailer, value)
        for name, wanted in promised.items():
            if self._digests[name].digest() != wanted:
                raise S3Error(
                    "BadDigest", f"The {name.upper()} you specified did not match what we received."
                )
        if self._md5 is not None and self._digests["md5"].digest() != self._md5:
            raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
        if self._sha256 is not None and self._digests["sha256"].digest() != self._sha256:
            raise S3Error(
                "XAmzContentSHA256Mismatch", "The x-amz-content-sha256 did not match what we received."
            )
        return tuple((PREFIX + name, base64.b64encode(one).decode()) for name, one in promised.items())


def _promised(headers: Mapping[str, str]) -> dict[str, bytes]:
    names = [name.removeprefix(PREFIX) for name in headers if name.startswith(PREFIX)]
    return {name: _value(_known(name), headers[PREFIX + name]) for name in names if name not in NOT_VALUES}


def _trailer(headers: Mapping[str, str]) -> str:
    name = headers.get("x-amz-trailer", "").strip().lower()
    return _known(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else ""


def _known(name: str) -> str:
    if name not in MAKERS:
        known = ", ".join(one.upper() for one in MAKERS)
        raise S3Error("InvalidRequest", f"Checksum algorithm {name[:40]!r} is none of {known}.")
    return name


def _value(name: str, text: str) -> bytes:
    value = _base64(text)
    if value is None or len(value) != SIZES[name]:
        raise S3Error("InvalidRequest", f"Value for {PREFIX}{name} is invalid.")
    return value


def _content_md5(headers: Mapping[str, str]) -> bytes | None:
    text = headers.get("content-md5")
    if text is None:
        return None
    value = _base64(text)
    if value is None or len(value) != 16:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified is not valid.")
    return value


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
