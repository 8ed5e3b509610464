"""The API as one ASGI application."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

import ringline
from ringline.api import ai_errors, codes, errors
from ringline.api.edge import Edge
from ringline.api.metrics import Metrics
from ringline.api.models.errors import REFUSALS, refusals
from ringline.api.ports import ApiDeps
from ringline.api.routes import (
    account,
    actions,
    applications,
    buckets,
    calls,
    chat,
    connections,
    conversations,
    embeddings,
    events,
    fine_tuning,
    insights,
    media,
    models,
    numbers,
    operations,
    recordings,
    reports,
    responses,
)
from ringline.api.s3.app import S3Route
from ringline.core.errors import ApiError
from ringline.inference.errors import InferenceError
from ringline.storage.objects import StorageUnavailable
from ringline.store.applications import SubdomainTaken
from ringline.store.connections import UserNameTaken
from ringline.store.errors import StoreUnavailable
from ringline.store.media import MediaNameTaken
from ringline.store.numbers import NumberTaken
from ringline.workers import Busy

# Routes are tried in order: first those that must be quick.
ROUTERS = (
    actions.router,
    chat.router,
    embeddings.router,
    calls.router,
    applications.router,
    connections.router,
    numbers.router,
    recordings.router,
    media.router,
    events.router,
    account.router,
    responses.router,
    models.router,
    insights.router,  # its /ai/conversations/insights is no id of a conversation
    conversations.router,
    fine_tuning.router,
    buckets.router,
    reports.router,
)

TAKEN: dict[type[Exception], str] = {
    SubdomainTaken: "/inbound/sip_subdomain",
    UserNameTaken: "/user_name",
    NumberTaken: "/phone_numbers",
    MediaNameTaken: "/media_name",
}
"""What must be unique, and the field that says it."""


class Api(FastAPI):
    """FastAPI with a description that names the key."""

    def openapi(self) -> dict[str, Any]:
        """The description at `/openapi.json`."""
        fresh = self.openapi_schema is None
        schema = super().openapi()
        if fresh:
            schema["servers"] = [{"url": "/"}]
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"key": []}]
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    _describe(operation["responses"], refusals(method, path))
        return schema


def build_app(deps: ApiDeps) -> FastAPI:
    """Everything under `/v2`, the operator's pages, and the documentation."""
    app = Api(
        title="ringline",
        version=ringline.__version__,
        description="Programmable voice on your own machine, speaking the Telnyx v2 API.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        separate_input_output_schemas=False,
    )
    app.state.deps = deps
    for router in ROUTERS:
        app.include_router(router, prefix="/v2", responses=REFUSALS)
    app.include_router(operations.router)
    app.router.routes.append(S3Route(deps))
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _by_framework)
    app.add_exception_handler(InferenceError, _not_inferred)
    app.add_exception_handler(Busy, _not_inferred)
    app.add_exception_handler(StoreUnavailable, _no_store)
    app.add_exception_handler(StorageUnavailable, _no_store)
    app.add_exception_handler(sa.exc.DataError, _not_storable)
    app.add_exception_handler(sa.exc.IntegrityError, _duplicate)
    for kind in TAKEN:
        app.add_exception_handler(kind, _duplicate)
    app.add_middleware(Edge, deps=deps, metrics=Metrics(deps.registry))
    return app


def _describe(responses: dict[str, Any], refused: Mapping[int, str]) -> None:
    """Add refusals that an operation does not describe itself."""
    envelope = responses["422"]["content"]
    for status, description in refused.items():
        responses.setdefault(str(status), {"description": description, "content": envelope})


def _answer(request: Request, error: ApiError, headers: dict[str, str] | None = None) -> Response:
    extra = dict(headers or {})
    if error.retry_after is not None:
        extra["retry-after"] = str(error.retry_after)
    return Response(ai_errors.body(error, request.url.path), error.status, extra, "application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = codes.CALL_FIELDS if request.url.path.startswith("/v2/calls") else {}
    return _answer(request, errors.from_validation(error.errors(), fields))


async def _by_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(request, errors.from_status(error.status_code, error.detail), dict(error.headers or {}))


async def _not_inferred(request: Request, error: Exception) -> Response:
    assert isinstance(error, InferenceError | Busy)
    return _answer(request, ai_errors.refusal(error))


async def _no_store(request: Request, _error: Exception) -> Response:
    return _answer(request, errors.no_store())


async def _duplicate(request: Request, error: Exception) -> Response:
    # Without a kind of its own it is a race that the tables decided.
    pointer = TAKEN.get(type(error))
    detail = f"{str(error)[:1].upper()}{str(error)[1:]}." if pointer else "Somebody else has just taken this."
    return _answer(request, ApiError(422, errors.problem("10012", detail, pointer=pointer)))


async def _not_storable(request: Request, _error: Exception) -> Response:
    # PostgreSQL keeps no NUL characters; SQLite does.
    problem = errors.problem("10028", "A value has characters that cannot be stored.")
    return _answer(request, ApiError(422, problem))
