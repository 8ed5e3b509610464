"""Checksums of objects that were uploaded in parts (S3 user guide, "Checking object integrity").

COMPOSITE is the checksum of the parts' checksums, and how many there are; FULL_OBJECT is that of the whole,
which only a CRC can be made into without reading it all again.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ringline.storage.s3.checksums import MAKERS, PREFIX
from ringline.storage.s3.crc import CRC32, CRC32C, CRC64NVME, combine
from ringline.storage.s3.errors import S3Error

POLYNOMIALS = {"crc32": CRC32, "crc32c": CRC32C, "crc64nvme": CRC64NVME}


class Kind(StrEnum):
    """What a checksum is of."""

    COMPOSITE = "COMPOSITE"
    FULL_OBJECT = "FULL_OBJECT"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed on when the upload began."""

    algorithm: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class WholeChecksum:
    """The checksum of an object; `value` as the header has it."""

    algorithm: str
    kind: Kind
    value: str


@dataclass(frozen=True, slots=True)
class PartChecksum:
    """The checksum of a part, in base64, and the part's bytes."""

    value: str
    size: int


def planned(headers: Mapping[str, str]) -> Plan | None:
    """What the headers of CreateMultipartUpload ask for. Raises `S3Error` InvalidRequest."""
    algorithm = headers.get(PREFIX + "algorithm", "").lower()
    if not algorithm:
        return None
    if algorithm not in MAKERS:
        raise S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.")
    usual = Kind.FULL_OBJECT if algorithm == "crc64nvme" else Kind.COMPOSITE
    said = headers.get(PREFIX + "type", usual).upper()
    impossible = "COMPOSITE" if algorithm == "crc64nvme" else "FULL_OBJECT" if "sha" in algorithm else ""
    if said not in Kind.__members__ or said == impossible:
        raise S3Error(
            "InvalidRequest", f"The {algorithm.upper()} checksum cannot be of the type {said[:20]}."
        )
    return Plan(algorithm, Kind(said))


def whole(plan: Plan, parts: Sequence[PartChecksum]) -> WholeChecksum:
    """The checksum of an object by those of its parts, of which there is one at least."""
    values = [base64.b64decode(one.value) for one in parts]
    if plan.kind is Kind.COMPOSITE:
        digest = MAKERS[plan.algorithm]()
        digest.update(b"".join(values))
        return WholeChecksum(plan.algorithm, plan.kind, f"{_text(digest.digest())}-{len(parts)}")
    value = values[0]
    for one, following in zip(parts[1:], values[1:], strict=True):
        value = combine(POLYNOMIALS[plan.algorithm], value, following, one.size)
    return WholeChecksum(plan.algorithm, plan.kind, _text(value))


def promised(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The algorithms and values that the headers of CompleteMultipartUpload say of the object."""
    return tuple((name, headers[PREFIX + name]) for name in MAKERS if PREFIX + name in headers)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
