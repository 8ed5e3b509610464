"""Counts what is asked of buckets, and writes it down now and then."""

from collections import defaultdict
from datetime import datetime

from ringline.core.clock import SECOND, Clock
from ringline.storage.s3.request import Operation
from ringline.store import bucket_traffic
from ringline.store.bucket_traffic import Tally, Use
from ringline.store.db import Store
from ringline.store.errors import StoreUnavailable

WRITE_S = 10
"""A server that is killed forgets so much of its counts at most."""

CATEGORIES = {
    Operation.CREATE_BUCKET: "create_bucket",
    Operation.HEAD_BUCKET: "stat_bucket",
    Operation.GET_BUCKET_LOCATION: "get-bucket_location",
    Operation.LIST_OBJECTS: "list_bucket",
    Operation.LIST_OBJECTS_V2: "list_bucket",
    Operation.LIST_MULTIPART_UPLOADS: "list_bucket",
    Operation.LIST_PARTS: "list_bucket",
    Operation.GET_OBJECT: "get_obj",
    Operation.HEAD_OBJECT: "get_obj",
    Operation.PUT_OBJECT: "put_obj",
    Operation.CREATE_MULTIPART_UPLOAD: "put_obj",
    Operation.UPLOAD_PART: "put_obj",
    Operation.COMPLETE_MULTIPART_UPLOAD: "put_obj",
    Operation.DELETE_OBJECT: "delete_obj",
    Operation.DELETE_OBJECTS: "delete_obj",
    Operation.ABORT_MULTIPART_UPLOAD: "delete_obj",
}
"""The platform's names; it has none for the deletion of a bucket, nor for what is asked of no bucket."""

Counts = dict[tuple[datetime, str], Tally]
"""By hour and category."""


class Traffic:
    """The counts of this server."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counts: defaultdict[tuple[str, str], Counts] = defaultdict(dict)
        self._written_at = clock.now_ns()

    async def note(self, account_id: str, bucket: str, operation: Operation, tally: Tally) -> None:
        """Count one operation."""
        category = CATEGORIES.get(operation)
        if category is None:
            return
        hour = self._clock.utc().replace(minute=0, second=0, microsecond=0)
        self._add((account_id, bucket), {(hour, category): tally})
        if self._clock.now_ns() - self._written_at >= WRITE_S * SECOND:
            await self.flush()

    async def flush(self) -> None:
        """Write down what was counted; while the store does not work it stays for the next time."""
        self._written_at = self._clock.now_ns()
        for key in list(self._counts):
            counts = self._counts.pop(key, {})
            uses = [Use(hour, category, tally) for (hour, category), tally in counts.items()]
            try:
                await self._store.tx(bucket_traffic.add, *key, uses)
            except StoreUnavailable:
                self._add(key, counts)

    def _add(self, key: tuple[str, str], counts: Counts) -> None:
        known = self._counts[key]
        for what, tally in counts.items():
            known[what] = known.get(what, Tally()) + tally
