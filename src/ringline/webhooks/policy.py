"""Where an event goes and what is tried when that fails (spec webhooks §2). Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from ringline.core.net import DEFAULT_PORTS
from ringline.webhooks.payloads import EVENTS

BACKOFF_MS = (1_000, 2_000, 4_000)
"""Pauses between the rounds: four rounds in all."""

MAX_RETRIES = 5
MAX_RETRIES_TOTAL_MS = 60_000

KNOWN_EVENT_TYPES = frozenset(EVENTS) | {
    "call.conversation.created",
    "call.conversation.ended",
    "call.conversation_insights.generated",
    "call.conversation.start_failed",
    "call.analyzed",
    "call.payment.completed",
    "call.payment.progress",
    "call.ai_gather.ended",
    "call.ai_gather.message_history_updated",
    "call.ai_gather.partial_results",
    "conference.created",
    "conference.ended",
    "conference.floor.changed",
    "conference.participant.joined",
    "conference.participant.left",
    "conference.participant.playback.started",
    "conference.participant.playback.ended",
    "conference.participant.speak.started",
    "conference.participant.speak.ended",
    "conference.playback.started",
    "conference.playback.ended",
    "conference.recording.saved",
    "conference.speak.started",
    "conference.speak.ended",
}
"""What `webhook_urls` and `webhook_retries_policies` may name; anything else is error 90057."""

Method = Literal["POST", "GET"]
Version = Literal["1", "2"]
Form = Version | Literal["flat"]
"""How an event is put into a body; `flat` is that of insights' own webhooks (`envelope.body`)."""


class Hooks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that was said about where the events of a leg go; kept with the leg."""

    url: str | None = None
    """`webhook_event_url` of the application."""
    failover_url: str | None = None
    timeout_ms: int | None = None
    version: Version = "2"
    leg_url: str | None = None
    """`webhook_url` of dial, answer or transfer: it overrides the application's from then on."""
    leg_method: Method = "POST"
    urls: Mapping[str, tuple[str, ...]] = {}
    """`webhook_urls`: by event type, each URL is called."""
    urls_method: Method = "POST"
    retries_ms: Mapping[str, tuple[int, ...]] = {}
    """`webhook_retries_policies`, by event type."""


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One app that an event goes to."""

    url: str
    failover_url: str | None = None
    method: Method = "POST"
    timeout_ms: int | None = None
    """None is the server's default."""
    retries_ms: tuple[int, ...] | None = None
    """Pauses between rounds instead of `BACKOFF_MS`."""
    version: Form = "2"

    @property
    def origin(self) -> str:
        """Scheme, host and port of `url`: what counts as one app for order and fairness."""
        return origin(self.url)


def origin(url: str) -> str:
    """Scheme, host and port, lower-cased; the whole text for what is no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
    except ValueError:
        return url


def targets(event_type: str, hooks: Hooks) -> tuple[Target, ...]:
    """Who hears of an event (§2.1); empty when nobody asked to."""
    if urls := hooks.urls.get(event_type, ()):
        method = hooks.urls_method
    elif hooks.leg_url:
        urls, method = (hooks.leg_url,), hooks.leg_method
    elif hooks.url:
        urls, method = (hooks.url,), "POST"
    else:
        return ()
    return tuple(
        Target(
            url=url,
            failover_url=hooks.failover_url or None,
            method=method,
            timeout_ms=hooks.timeout_ms or None,
            retries_ms=hooks.retries_ms.get(event_type),
            version=hooks.version,
        )
        for url in dict.fromkeys(urls)
    )


class Outcome(StrEnum):
    """How one attempt ended."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """408, 429, 5xx, time-out, connection error: the app may do better later."""
    REFUSED = "refused"
    """Any other answer: asking again would bring the same."""


def outcome_of(status: int) -> Outcome:
    """What an HTTP status means; a 3xx here is one redirect too many."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status in (408, 429) or status >= 500:
        return Outcome.RETRY
    return Outcome.REFUSED


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the next attempt is."""

    attempt: int = 1
    """`meta.attempt`, primary and failover counted together."""
    round: int = 0
    failover: bool = False
    primary_refused: bool = False
    failover_refused: bool = False

    def url(self, target: Target) -> str:
        """Where it goes."""
        return target.failover_url or target.url if self.failover else target.url


class Next(msgspec.Struct, frozen=True):
    """Try again, `delay_ms` from now."""

    progress: Progress
    delay_ms: int


class Final(msgspec.Struct, frozen=True):
    """Nothing more to do."""

    state: Literal["delivered", "failed"]


def after(target: Target, progress: Progress, outcome: Outcome) -> Next | Final:
    """What follows an attempt.

    Each round asks the primary and, when that fails, the failover at once. A primary that refused is not
    asked again, the failover then once; a failover that refused is left out of later rounds.
    """
    if outcome is Outcome.DELIVERED:
        return Final("delivered")
    refused = outcome is Outcome.REFUSED
    following = msgspec.structs.replace(
        progress,
        attempt=progress.attempt + 1,
        primary_refused=progress.primary_refused or (refused and not progress.failover),
        failover_refused=progress.failover_refused or (refused and progress.failover),
    )
    has_failover = target.failover_url is not None and target.failover_url != target.url
    if not progress.failover and has_failover and not progress.failover_refused:
        return Next(msgspec.structs.replace(following, failover=True), 0)
    pauses = BACKOFF_MS if target.retries_ms is None else target.retries_ms
    if following.primary_refused or progress.round >= len(pauses):
        return Final("failed")
    return Next(
        msgspec.structs.replace(following, round=progress.round + 1, failover=False), pauses[progress.round]
    )
