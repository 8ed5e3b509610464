"""The files of buckets as fine-tuning reads them."""

from collections.abc import AsyncIterator

from ringline.api.buckets import Buckets
from ringline.finetune.errors import TrainingFileError
from ringline.storage.objects import ObjectMissing
from ringline.store import buckets as rows
from ringline.store.buckets import NoSuchBucket, NoSuchObject


class BucketFiles:
    """A `Files` over the buckets of this server."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    async def buckets(self, account_id: str) -> list[str]:
        """Their names."""
        found = await self._buckets.store.read(rows.of_account, account_id)
        return [one.name for one in found]

    async def keys(self, account_id: str, bucket: str) -> AsyncIterator[str]:
        """The objects of a bucket."""
        try:
            async for item in self._buckets.list(account_id, bucket):
                yield item.key
        except NoSuchBucket as error:
            raise TrainingFileError(bucket, None, "the bucket is gone") from error

    async def has(self, account_id: str, bucket: str, key: str) -> bool:
        """Whether there is such an object."""
        try:
            await self._buckets.find(account_id, bucket, key)
        except (NoSuchBucket, NoSuchObject):
            return False
        return True

    async def read(self, account_id: str, bucket: str, key: str) -> AsyncIterator[bytes]:
        """An object in pieces."""
        try:
            _, pieces = await self._buckets.open(account_id, bucket, key)
            async for piece in pieces:
                yield piece
        except (NoSuchBucket, NoSuchObject, ObjectMissing) as error:
            raise TrainingFileError(key, None, f"there is no such object in the bucket {bucket}") from error
