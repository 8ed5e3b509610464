"""Webhook deliveries (spec voice-api §4)."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ringline.api.models.base import View
from ringline.store.deliveries import Attempt, Delivery


class WebhookView(View):
    """The event that was delivered, as the app got it."""

    id: str
    record_type: Literal["event"] = "event"
    event_type: str
    occurred_at: datetime
    payload: dict[str, Any]


class RequestView(View):
    """What was sent."""

    method: str
    url: str


class ResponseView(View):
    """What came back; the body is cut after 1 KiB."""

    status: int
    body: str


class HttpView(View):
    """One exchange with the app; without a response when none came."""

    request: RequestView
    response: ResponseView | None


class AttemptView(View):
    """One attempt."""

    attempt: int
    status: Literal["delivered", "failed"]
    started_at: datetime
    finished_at: datetime
    latency_ms: float
    http: HttpView
    error: str | None
    errors: list[int]
    """Codes, as the SDK types them; `error` says the same in words."""

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptView":
        """The view of an attempt."""
        response = None if attempt.status is None else ResponseView(status=attempt.status, body=attempt.body)
        return cls(
            attempt=attempt.attempt,
            status="delivered" if attempt.error is None else "failed",
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
            latency_ms=attempt.latency_us / 1000,
            http=HttpView(request=RequestView(method=attempt.method, url=attempt.url), response=response),
            error=attempt.error,
            errors=[] if attempt.error is None else [_code(attempt)],
        )


class DeliveryView(View):
    """One event on its way to one app; `status` is absent while attempts are still to come."""

    id: str
    record_type: Literal["webhook_delivery"] = "webhook_delivery"
    status: Literal["delivered", "failed"] | None
    user_id: str
    started_at: datetime | None
    finished_at: datetime | None
    webhook: WebhookView
    attempts: list[AttemptView]

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        """The view of a delivery, its attempts newest first."""
        return cls(
            id=delivery.id,
            status=_final(delivery.state),
            user_id=delivery.account_id,
            started_at=delivery.started_at,
            finished_at=delivery.finished_at,
            webhook=WebhookView(
                id=delivery.event_id,
                event_type=delivery.event_type,
                occurred_at=delivery.occurred_at,
                payload=msgspec.json.decode(delivery.payload),
            ),
            attempts=[AttemptView.of(one) for one in delivery.attempts],
        )


class Redelivery(View):
    """How many deliveries were queued again."""

    result: Literal["ok"] = "ok"
    deliveries: int


def _final(state: str) -> Literal["delivered", "failed"] | None:
    match state:
        case "delivered" | "failed":
            return state
        case _:
            return None


def _code(attempt: Attempt) -> int:
    # 10008 timeout, 10015 refused by the app, 10037 nobody there (spec voice-api §1.3).
    if attempt.status is not None:
        return 10015
    return 10008 if "timeout" in (attempt.error or "").lower() else 10037
