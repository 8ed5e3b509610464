"""What the API counts of itself; `/metrics` shows it beside what the other rooms count."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import Scope

from ringline.core.clock import SECOND

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
"""What a label may say: a client may invent others without end."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Requests by route and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "ringline_api_requests", "Requests served", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "ringline_api_request_seconds", "Time to serve a request", buckets=BUCKETS, registry=registry
        )

    def served(self, scope: Scope, status: int | None, ns: int) -> None:
        """Count one request; the route is its template, never the path itself, so that labels stay few."""
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(method, route, status or 499).inc()
        self._seconds.observe(ns / SECOND)
