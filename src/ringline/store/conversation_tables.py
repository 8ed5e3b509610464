"""Tables of conversations (spec ai-api §5.1–5.3).

Texts that filters compare are collated by code point on PostgreSQL, as SQLite does it by itself: the order of
two texts is the same on both.
"""

import sqlalchemy as sa

from ringline.store.tables import account, metadata
from ringline.store.types import Json, UtcMicros

CodePoints = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

UNSEEN = sa.text("message_count > seen_count")
# Queries must say it by this very text for the engine to see that the partial index applies.

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("name", CodePoints, nullable=False),
    sa.Column("name_folded", CodePoints, nullable=False),  # store.searchable.folded of the name
    sa.Column("metadata", Json, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("last_message_at", UtcMicros, nullable=False),
    sa.Column("message_count", sa.Integer, nullable=False),  # also the position of the next message
    sa.Column("seen_count", sa.Integer, nullable=False),  # messages that the last run of insights has seen
    sa.Index("ix_conversations_created", "account_id", "created_at", "id"),
    sa.Index("ix_conversations_last_message", "account_id", "last_message_at", "id"),
    sa.Index("ix_conversations_name", "account_id", "name", "created_at", "id"),
    sa.Index("ix_conversations_unseen", "last_message_at", sqlite_where=UNSEEN, postgresql_where=UNSEEN),
)

conversation_metadata = sa.Table(
    # What `conversations.metadata` says, one row for each key, for filters.
    "conversation_metadata",
    metadata,
    sa.Column("conversation_id", sa.String(36), primary_key=True),
    sa.Column("key", CodePoints, primary_key=True),
    account(),
    sa.Column("created_at", UtcMicros, nullable=False),  # the conversation's
    sa.Column("head", CodePoints, nullable=False),  # store.searchable.head of the value
    sa.Column("value", CodePoints, nullable=False),
    sa.Column("value_folded", CodePoints, nullable=False),
    sa.Column("number", sa.Float(53)),  # the value, where it is written as a number
    sa.Index("ix_conversation_metadata_head", "account_id", "key", "head", "created_at", "conversation_id"),
    sa.Index("ix_conversation_metadata_number", "account_id", "key", "number", "conversation_id"),
    sqlite_with_rowid=False,  # rows lie in the order of their conversations
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("conversation_id", sa.String(36), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),  # from 0, in order of arrival
    account(),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("content", sa.Text),  # null for an answer that is tool calls alone
    sa.Column("name", sa.Text),
    sa.Column("tool_call_id", sa.Text),
    sa.Column("tool_calls", Json, nullable=False),
    sa.Column("tool_choice", Json),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("sent_at", UtcMicros, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
)
