"""For operators: health, readiness, metrics."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ringline.api import asyncapi, pages
from ringline.api.ports import ApiDeps, Health

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """200 while the process can answer at all."""
    return _health(_deps(request).health(), 200)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """200 while new calls are taken, else 503: starting or draining."""
    health = _deps(request).health()
    return _health(health, 200 if health.ready else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Every room's numbers, in Prometheus' text format."""
    return Response(generate_latest(_deps(request).registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/asyncapi.json")
async def events() -> Response:
    """Webhooks and stream frames, as AsyncAPI describes them."""
    return JSONResponse(asyncapi.describe())


@router.get("/docs", response_class=HTMLResponse)
async def docs(request: Request) -> str:
    """Every operation with an example, on one page that needs nothing from elsewhere."""
    return pages.render(request.app.openapi(), f"{request.url.scheme}://{request.url.netloc}")


def _deps(request: Request) -> ApiDeps:
    deps: ApiDeps = request.app.state.deps
    return deps


def _health(health: Health, status: int) -> Response:
    return JSONResponse({"status": "ok" if health.ready else "not ready", **health.details}, status)
