"""What SQLite and PostgreSQL say differently, said once."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from ringline.conversations.filters import patterns
from ringline.conversations.filters.tree import Like
from ringline.store import searchable

Condition = sa.ColumnElement[bool]


class by_code_point(FunctionElement[str]):  # noqa: N801 - named as the function that it is
    """A text whose order is that of its code points, whatever the database's collation."""

    type = sa.Text()
    inherit_cache = True


class like_exactly(FunctionElement[bool]):  # noqa: N801 - named as the function that it is
    """Whether a text matches a pattern, with case: (text, pattern for LIKE, pattern for GLOB)."""

    type = sa.Boolean()
    inherit_cache = True


def matches(leaf: Like, text: sa.ColumnElement[Any], folded: sa.ColumnElement[Any]) -> Condition:
    """Whether a text, of which `folded` is the folded form, is as `leaf` wants it."""
    if leaf.fold:
        # Both sides are folded: SQLite's LIKE, which folds A to Z, finds nothing left to fold.
        pattern = tuple(searchable.folded(part) if isinstance(part, str) else part for part in leaf.pattern)
        return folded.like(patterns.like(pattern), escape="\\")
    return like_exactly(
        text, sa.literal(patterns.like(leaf.pattern)), sa.literal(patterns.glob(leaf.pattern))
    )


@compiles(by_code_point)
def _collated(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


@compiles(by_code_point, "sqlite")
def _plain(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


@compiles(like_exactly)
def _like(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern, _ = element.clauses
    return rf"({compiler.process(text, **options)} LIKE {compiler.process(pattern, **options)} ESCAPE '\')"


@compiles(like_exactly, "sqlite")
def _glob(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    text, _, pattern = element.clauses
    return f"({compiler.process(text, **options)} GLOB {compiler.process(pattern, **options)})"
