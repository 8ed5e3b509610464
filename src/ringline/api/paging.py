"""Pages of lists (spec voice-api §1.1)."""

from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

T = TypeVar("T")

Number = Annotated[int, Query(alias="page[number]", ge=1, le=1_000_000, description="Which page, from 1.")]
Size = Annotated[int, Query(alias="page[size]", ge=1, le=250, description="Entries on a page.")]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted."""

    number: int = 1
    size: int = 20

    @property
    def offset(self) -> int:
        """Entries before this page."""
        return (self.number - 1) * self.size


async def page(number: Number = 1, size: Size = 20) -> Page:
    """Read `page[number]` and `page[size]`, brackets literal or encoded."""
    return Page(number, size)


PageQuery = Annotated[Page, Depends(page)]


class Meta(BaseModel):
    """Where a page stands in its list; the SDK stops when `page_number` reaches `total_pages`."""

    page_number: int
    page_size: int
    total_pages: int
    total_results: int

    @classmethod
    def of(cls, page: Page, total: int) -> "Meta":
        """The meta of `page` in a list of `total` entries; an empty list has one empty page."""
        return cls(
            page_number=page.number,
            page_size=page.size,
            total_pages=max(1, -(-total // page.size)),
            total_results=total,
        )


class Data(BaseModel, Generic[T]):
    """One resource."""

    data: T


class Listing(BaseModel, Generic[T]):
    """One page of resources."""

    data: list[T]
    meta: Meta
