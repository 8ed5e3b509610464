"""`sort` query parameters (spec voice-api §6.1): a field's name, with a leading `-` for descending."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query

from ringline.api.errors import problem
from ringline.core.errors import ApiError

T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True)
class Sort(Generic[T]):
    """The order of a list."""

    by: T
    descending: bool


def reader(first: T, *more: T) -> Callable[[str], Coroutine[Any, Any, Sort[T]]]:
    """The dependency that reads `sort`; the first of the allowed fields is the default."""
    allowed = (first, *more)

    async def read(
        sort: Annotated[
            str, Query(description=f"{', '.join(allowed)}; with a leading - descending.")
        ] = first,
    ) -> Sort[T]:
        for field in allowed:
            if sort.removeprefix("-") == field:
                return Sort(field, sort.startswith("-"))
        listed = ", ".join(allowed)
        raise ApiError(
            422,
            problem(
                "10018", f"sort must be one of: {listed}; with a leading - descending.", parameter="sort"
            ),
        )

    return read
