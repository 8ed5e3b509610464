"""Forgetting: what is older than `timeline.retention_days` goes, in small steps that delay nobody."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from ringline.store import deliveries, idempotency, jobs, legs
from ringline.store.db import Store
from ringline.timeline import log

Step = Callable[[sa.Connection, datetime], int]

_STEPS: tuple[Step, ...] = (log.purge, deliveries.purge, legs.purge, jobs.purge)
"""Each deletes a bounded number of rows and says how many. Pending deliveries and living legs stay."""


async def purge_expired(store: Store, now: datetime, retention_days: int) -> int:
    """Delete what is older than `retention_days` (0: for ever) and spent idempotency keys; returns rows.

    Recordings and media have lifetimes of their own and are not touched. Raises `StoreUnavailable`.
    """
    deleted = await store.tx(idempotency.purge, now)
    if retention_days:
        before = now - timedelta(days=retention_days)
        for step in _STEPS:
            while count := await store.tx(step, before):
                deleted += count
    return deleted
