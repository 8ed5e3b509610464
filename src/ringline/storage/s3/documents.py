"""XML that clients send. Declarations of types and entities are refused, so nothing in it can grow."""

from dataclasses import dataclass, field
from itertools import pairwise
from xml.parsers import expat

from ringline.storage.s3.checksums import SIZES
from ringline.storage.s3.errors import S3Error

DEPTH_LIMIT = 8
ELEMENTS_LIMIT = 150_000
"""Elements of one document: 10 000 parts with all their checksums have fewer."""

DELETE_LIMIT = 1_000
"""Keys of one DeleteObjects."""

PARTS_LIMIT = 10_000
"""Parts of one upload, numbered from 1."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """The body of DeleteObjects; `quiet` asks for errors only."""

    keys: tuple[str, ...]
    quiet: bool


@dataclass(frozen=True, slots=True)
class PartRef:
    """A part as CompleteMultipartUpload names it; `etag` is without quotation marks."""

    number: int
    etag: str
    checksums: tuple[tuple[str, str], ...] = ()
    """Algorithms in lower case and values in base64."""


@dataclass(slots=True)
class _Element:
    name: str
    text: str = ""
    children: list["_Element"] = field(default_factory=list)

    def all(self, name: str) -> list["_Element"]:
        return [one for one in self.children if one.name == name]

    def value(self, name: str) -> str:
        """The text of the first child of a name; empty when there is none."""
        found = self.all(name)
        return found[0].text if found else ""


def parse_delete(body: bytes) -> Deletion:
    """The body of DeleteObjects. Raises `S3Error`: MalformedXML, NotImplemented."""
    root = _parse(body, "Delete")
    objects = root.all("Object")
    if not 1 <= len(objects) <= DELETE_LIMIT:
        raise _malformed(f"it must name 1 to {DELETE_LIMIT} objects")
    if any(one.value("VersionId") not in ("", "null") for one in objects):
        raise S3Error("NotImplemented", "This server keeps no versions.")
    keys = tuple(one.value("Key") for one in objects)
    if not all(keys):
        raise _malformed("an object has no key")
    return Deletion(keys, root.value("Quiet").strip() == "true")


def parse_complete(body: bytes) -> tuple[PartRef, ...]:
    """The body of CompleteMultipartUpload. Raises `S3Error`: MalformedXML, InvalidPartOrder."""
    parts = []
    for one in _parse(body, "CompleteMultipartUpload").all("Part"):
        number, etag = one.value("PartNumber").strip(), one.value("ETag").strip().strip('"')
        if not (number.isascii() and number.isdigit() and len(number) < 6 and etag):
            raise _malformed("a part needs PartNumber and ETag")
        checksums = tuple((name, said) for name in SIZES if (said := one.value(f"Checksum{name.upper()}")))
        parts.append(PartRef(int(number), etag.lower(), checksums))
    if not 1 <= len(parts) <= PARTS_LIMIT:
        raise _malformed(f"it must name 1 to {PARTS_LIMIT} parts")
    numbers = [one.number for one in parts]
    if any(first >= second for first, second in pairwise(numbers)):
        raise S3Error("InvalidPartOrder", "The parts must stand in ascending order.")
    return tuple(parts)


def parse_location(body: bytes) -> str:
    """The LocationConstraint of CreateBucket; empty without one. Raises `S3Error` MalformedXML."""
    return _parse(body, "CreateBucketConfiguration").value("LocationConstraint").strip() if body else ""


def _parse(body: bytes, root: str) -> _Element:
    top = _Element("")
    open_elements = [top]
    left = ELEMENTS_LIMIT
    parser = expat.ParserCreate("UTF-8")  # whatever the declaration says
    parser.buffer_text = True

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal left
        left -= 1
        if left < 0 or len(open_elements) > DEPTH_LIMIT:
            raise _malformed("it has too many elements, or is nested too deeply")
        element = _Element(name.rpartition(":")[2])
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_name: str) -> None:
        open_elements.pop()

    def text(data: str) -> None:
        open_elements[-1].text += data

    def doctype(*_facts: object) -> None:
        raise _malformed("a document type is not allowed")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise _malformed(str(error)) from error
    (found,) = top.children
    if found.name != root:
        raise _malformed(f"its root is not {root}")
    return found


def _malformed(what: str) -> S3Error:
    return S3Error("MalformedXML", f"The XML you provided was not well-formed or did not validate: {what}.")
