"""Failures on the AI paths: the platform's envelope, FastAPI's and OpenAI's at once (spec ai-api §0.2).

Clients of each kind find their own member: `errors` (telnyx), `detail` (the published description), `error`
(the openai SDK and what is built on it).
"""

from http import HTTPStatus

import msgspec
from starlette.types import Send

from ringline.api import errors
from ringline.core.errors import ApiError, Problem
from ringline.inference.errors import (
    EngineFailed,
    EngineRefused,
    EngineTimeout,
    InferenceError,
    UnknownModel,
    Unsupported,
)
from ringline.workers import Busy

PREFIXES = ("/v2/ai/", "/v2/chat/", "/v2/responses", "/v2/models", "/v2/embeddings", "/v2/audio/")

INVALID_REQUEST = "invalid_request_error"
KINDS = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
"""`error.type` by status; any other 4xx is an invalid request, the rest is the server's."""

MISSING = "10004"


class AiError(ApiError):
    """A refusal with what OpenAI's clients look at: `code`, and the `param` that is wrong."""

    def __init__(
        self,
        status: int,
        problem: Problem,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(status, problem, retry_after=retry_after)
        self.code = code
        self.param = param


def is_ai(path: str) -> bool:
    """Whether a path answers with the union."""
    return path.startswith(PREFIXES)


def body(error: ApiError, path: str) -> bytes:
    """The body of a refusal on any path."""
    return union(error) if is_ai(path) else errors.envelope(error.problems)


async def send_error(error: ApiError, path: str, send: Send) -> None:
    """Answer a request with the envelope of its path."""
    await errors.send_error(error, body(error, path), send)


def union(error: ApiError) -> bytes:
    """The three members."""
    return msgspec.json.encode(
        {
            **msgspec.json.decode(errors.envelope(error.problems)),
            "detail": [_detail(problem) for problem in error.problems],
            "error": openai_error(error),
        }
    )


def openai_error(error: ApiError) -> dict[str, str | None]:
    """The `error` member: `message`, `type`, `param`, `code`."""
    first = error.problems[0]
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = "server_error"
    else:
        kind = KINDS.get(HTTPStatus(error.status), INVALID_REQUEST)
    param = (first.pointer or "")[1:].replace("/", ".") or first.parameter
    code: str | None = first.code
    if isinstance(error, AiError):
        param, code = error.param or param, error.code or code
    return {
        "message": " ".join(problem.detail for problem in error.problems),
        "type": kind,
        "param": param,
        "code": code,
    }


def _detail(problem: Problem) -> dict[str, object]:
    where: list[str | int] = ["body"]
    if problem.parameter is not None:
        where = ["query", problem.parameter]
    elif problem.pointer is not None:
        where += [int(part) if part.isdecimal() else part for part in problem.pointer.split("/")[1:]]
    return {
        "loc": where,
        "msg": problem.detail,
        "type": "missing" if problem.code == MISSING else "value_error",
        "code": problem.code,
        "title": problem.title,
        "detail": problem.detail,
    }


def refusal(error: InferenceError | Busy) -> AiError:
    """What a failure of the inference room is to its client."""
    told = str(error)
    match error:
        case UnknownModel():
            problem = errors.problem("10005", told, pointer="/model")
            return AiError(404, problem, code="model_not_found", param="model")
        case Unsupported(field=field):
            problem = errors.problem("10038", told, pointer=f"/{field}")
            status = 400 if field in BAD_REQUESTS else 422
            return AiError(status, problem, code="unsupported_parameter", param=field)
        case EngineRefused(param=param, code=code):
            pointer = f"/{param.replace('.', '/')}" if param else None
            problem = errors.problem("10015", told, pointer=pointer)
            return AiError(error.status, problem, code=CODES.get(code or "", code), param=param)
        case Busy(retry_after=seconds):
            problem = errors.problem("10011", f"{told}.")
            return AiError(429, problem, code="rate_limit_exceeded", retry_after=seconds)
        case EngineTimeout():
            return AiError(504, errors.problem("10037", told), code="engine_timeout")
        case EngineFailed(status=503, retry_after=seconds):
            return AiError(
                503, errors.problem("10037", told), code="engine_unavailable", retry_after=seconds or 1
            )
        case EngineFailed():
            return AiError(502, errors.problem("10037", told), code="engine_failed")
        case _:
            return AiError(502, errors.problem("10007", told), code="guide_not_kept")


BAD_REQUESTS = frozenset({"reasoning_effort", "use_beam_search"})
"""Fields whose refusal is a 400 by the spec; any other capability that is missing is a 422."""

CODES = {"exceed_context_size_error": "context_length_exceeded"}
"""Engines' own codes → OpenAI's."""
