"""Bytes that nothing names: those of a write that a crash broke off, and those that could not be deleted."""

from datetime import datetime, timedelta

from ringline.api.buckets import Buckets
from ringline.core import log
from ringline.core.ids import Ids
from ringline.storage.objects import ObjectStore, shelves
from ringline.store.db import Store
from ringline.store.object_names import unnamed

_log = log.get("orphans")


class Orphans:
    """Looks through the object store shelf by shelf, and removes what is old and has no row."""

    def __init__(self, store: Store, objects: ObjectStore, buckets: Buckets, ids: Ids, *, days: int) -> None:
        """`days` is how long bytes may lie without a name; 0 removes none.

        Whoever writes names his bytes within seconds. The first shelf is any: a node that is often started
        anew comes to all of them too.
        """
        self._store = store
        self._objects = objects
        self._buckets = buckets
        self._age = timedelta(days=days)
        self._shelves = shelves()
        self._next = ids.u16() % len(self._shelves)

    async def sweep_shelf(self, now: datetime) -> None:
        """Sweep the next shelf, one of 768. Raises `StorageUnavailable`, `StoreUnavailable`."""
        if not self._age:
            return
        shelf = self._shelves[self._next]
        self._next = (self._next + 1) % len(self._shelves)
        before = now - self._age
        removed = await self._objects.drop_partial(shelf, before)
        async for some in self._objects.shelved(shelf):
            old = [one.key for one in some if one.modified_at < before]
            orphans = await self._store.read(unnamed, old) if old else []
            await self._buckets.discard(orphans)
            removed += len(orphans)
        if removed:
            _log.info("removed objects that nothing names", shelf=shelf, objects=removed)
