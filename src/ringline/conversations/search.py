"""Conversations found by filters."""

import sqlalchemy as sa

from ringline.conversations.filters import sql
from ringline.conversations.filters.sql import MOST_FOUND
from ringline.conversations.filters.tree import Query
from ringline.store import conversations
from ringline.store.conversations import Conversation

__all__ = ["MOST_FOUND", "search"]


def search(conn: sa.Connection, account_id: str, query: Query) -> list[Conversation]:
    """What an account's query asks for, in its order."""
    return conversations.select(conn, sql.select(account_id, query))
