"""Objects as HTTP answers, whole or in part (RFC 9110 §14)."""

import re
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from ringline.api import errors
from ringline.core.errors import ApiError
from ringline.storage.objects import ObjectMissing, ObjectStore

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(ValueError):
    """The range lies outside of the object."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last that a Range header asks for; None for the whole object.

    Several ranges at once and units other than bytes are ignored, as RFC 9110 §14.2 allows. Raises
    `Unsatisfiable`.
    """
    match = RANGE.fullmatch(header.strip()) if header and len(header) < 64 else None
    if match is None or match[1] == match[2] == "":
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None  # not a valid range-spec, hence ignored (§14.1.1)
    if start >= end:
        raise Unsatisfiable(f"{header} of {size} bytes")
    return start, end


async def serve(
    objects: ObjectStore, key: str, *, content_type: str, filename: str, range_header: str | None
) -> Response:
    """An object's bytes. Raises `ApiError` 404 for one that is gone."""
    try:
        size = (await objects.head(key)).size
        span = parse_range(range_header, size)
        start, end = span or (0, size)
        pieces = await objects.get(key, start=start, end=end)
    except ObjectMissing:
        raise errors.not_found("The file") from None
    except Unsatisfiable:
        problem = errors.problem("10033", f"The file has {size} bytes.", parameter="Range")
        raise ApiError(416, problem) from None
    headers = {
        "accept-ranges": "bytes",
        "content-length": str(end - start),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "x-content-type-options": "nosniff",
    }
    if span:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(pieces, 206 if span else 200, headers, content_type)
