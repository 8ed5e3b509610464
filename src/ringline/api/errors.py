"""Every failure as the one error envelope (spec voice-api §1.3)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.types import Send

from ringline.api import codes
from ringline.core.errors import ApiError, Problem

DOCS = "https://developers.telnyx.com/docs/overview/errors/"

STATUS_CODES = {404: "10005", 405: "10030", 413: "10015", 415: "10014"}
SHOWN = 80
"""Characters of a wrong value that a detail repeats."""

MOST = 50
"""Problems that one answer tells."""

SECRET = re.compile("password|token|digits|payload")
"""Fields whose wrong values are not repeated."""


def problem(code: str, detail: str, *, pointer: str | None = None, parameter: str | None = None) -> Problem:
    """One problem with its code's title."""
    return Problem(code, codes.TITLES[code], detail, pointer, parameter)


def invalid(code: str, pointer: str, detail: str) -> ApiError:
    """422: a field of the body is wrong."""
    return ApiError(422, problem(code, detail, pointer=pointer))


def missing(pointer: str, detail: str | None = None) -> ApiError:
    """422 10004: a field that this request needs is absent."""
    return invalid("10004", pointer, detail or f"The {pointer[1:]} parameter is required.")


def unavailable(pointer: str | None, feature: str) -> ApiError:
    """422 10038: asked for something that this server does not have."""
    return ApiError(422, problem("10038", f"{feature} is not available on this server.", pointer=pointer))


def not_found(what: str) -> ApiError:
    """404: no such resource, or another account's; the answer is the same."""
    return ApiError(404, problem("10005", f"{what} could not be found."))


def from_status(status: int, detail: str) -> ApiError:
    """A refusal of the framework."""
    return ApiError(status, problem(STATUS_CODES.get(status, "10015"), detail))


def from_validation(failures: Sequence[Mapping[str, Any]], fields: Mapping[str, str]) -> ApiError:
    """The framework's validation failures; `fields` are codes of top-level body fields.

    A failure's first `loc` says where the value was (body, query, path, header), the rest is its path.
    JSON that does not parse is a 400, anything else a 422.
    """
    if any(failure["type"] == "json_invalid" for failure in failures):
        reason = failures[0].get("ctx", {}).get("error", "")
        return ApiError(400, problem("10023", f"The request body is not valid JSON: {reason}."))
    return ApiError(422, *dict.fromkeys(_problem(failure, fields) for failure in failures[:MOST]))


def _problem(failure: Mapping[str, Any], fields: Mapping[str, str]) -> Problem:
    where, *path = failure["loc"]
    kind = str(failure["type"])
    code = codes.of_kind(kind)
    name = str(path[0]) if path else "body"
    told = str(next((part for part in reversed(path) if isinstance(part, str)), "body"))
    if where != "body":
        return problem(code, _detail(failure, told), parameter=name)
    if len(path) == 1 and kind not in ("missing", *codes.TITLES):
        code = fields.get(name, code)
    return problem(code, _detail(failure, told), pointer=pointer(path))


def pointer(path: Sequence[str | int]) -> str:
    """The JSON pointer of a path (RFC 6901 §3)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _detail(failure: Mapping[str, Any], name: str) -> str:
    kind, context = failure["type"], failure.get("ctx", {})
    if kind == "missing":
        return f"The {name} parameter is required."
    if kind == "literal_error":
        listed = context["expected"].replace(" or ", ", ").replace("'", "")
        return f"The value must be one of: {listed}."
    message = str(failure["msg"])
    if kind == "10038":
        return f"{name}: {message}"
    if kind in codes.TITLES:
        return message
    got = "" if SECRET.search(name) else f"; got {_shown(failure.get('input'))}"
    return f"{name}: {message[:1].lower()}{message[1:]}{got}."


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, str | int | float | bool) else type(value).__name__
    return repr(text[:SHOWN])


def envelope(problems: Sequence[Problem]) -> bytes:
    """The body of a refusal."""
    return msgspec.json.encode({"errors": [_member(one) for one in problems]})


def _member(one: Problem) -> dict[str, object]:
    member: dict[str, object] = {"code": one.code, "title": one.title, "detail": one.detail}
    if one.pointer is not None:
        member["source"] = {"pointer": one.pointer}
    elif one.parameter is not None:
        member["source"] = {"parameter": one.parameter}
    member["meta"] = {"url": DOCS + one.code}
    return member


async def send_error(error: ApiError, body: bytes, send: Send) -> None:
    """Answer a request with `body`, which tells the error in its path's envelope."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def too_many(seconds: int) -> ApiError:
    """429: the bucket is empty."""
    return ApiError(
        429, problem("10011", "You have exceeded the maximum number of requests."), retry_after=seconds
    )


def unexpected(request_id: str) -> ApiError:
    """500: our mistake; the log has it under this id."""
    return ApiError(500, problem("10007", f"An unexpected error occurred. Its id is {request_id}."))


def no_store() -> ApiError:
    """503: nothing can be kept now."""
    return ApiError(503, problem("10037", "The store cannot be used now; try again shortly."), retry_after=1)
