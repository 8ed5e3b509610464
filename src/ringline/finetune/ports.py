"""What fine-tuning needs of the rest of the house; `node` passes it in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Base:
    """A model that can be trained: its name as requests say it, and the file of its weights."""

    name: str
    weights: Path


class Bases(Protocol):
    """The models of this server."""

    def base(self, model: str, account_id: str) -> Base:
        """The model that the name means to an account; raises `TrainingError` if it cannot be trained."""
        ...


class Files(Protocol):
    """The buckets of accounts. Every method may raise `StorageUnavailable`."""

    async def buckets(self, account_id: str) -> list[str]:
        """Their names."""
        ...

    def keys(self, account_id: str, bucket: str) -> AsyncIterator[str]:
        """The objects of a bucket in the order of their names."""
        ...

    async def has(self, account_id: str, bucket: str, key: str) -> bool:
        """Whether there is such an object."""
        ...

    def read(self, account_id: str, bucket: str, key: str) -> AsyncIterator[bytes]:
        """An object in pieces; raises `TrainingError` for one that is not there (any more)."""
        ...


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A finished model: its name, that of its base, the adapter, whose it is, Unix seconds of its order."""

    name: str
    base: str
    adapter: Path
    owner: str
    created: int


class Served(Protocol):
    """Where finished models are used."""

    async def add(self, model: FineTuned) -> None:
        """Serve an adapter beside its base from now on; raises `RinglineError`."""
        ...


class Note(Protocol):
    """Where usage is noted."""

    def __call__(self, account_id: str, model: str, tokens: int, seconds: float, *, source: str) -> None:
        """A job has trained on so many tokens; `source` is its id, and it may be told twice."""
        ...
