"""Conversations and messages.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CODE_POINTS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
UNSEEN = sa.text("message_count > seen_count")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", CODE_POINTS, nullable=False),
        sa.Column("name_folded", CODE_POINTS, nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_message_at", sa.BigInteger(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("seen_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
    )
    op.create_index(
        "ix_conversations_created",
        "conversations",
        ["account_id", "created_at", "id"],
    )
    op.create_index(
        "ix_conversations_last_message",
        "conversations",
        ["account_id", "last_message_at", "id"],
    )
    op.create_index("ix_conversations_name", "conversations", ["account_id", "name", "created_at", "id"])
    op.create_index(
        "ix_conversations_unseen",
        "conversations",
        ["last_message_at"],
        sqlite_where=UNSEEN,
        postgresql_where=UNSEEN,
    )
    op.create_table(
        "conversation_metadata",
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("key", CODE_POINTS, nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("head", CODE_POINTS, nullable=False),
        sa.Column("value", CODE_POINTS, nullable=False),
        sa.Column("value_folded", CODE_POINTS, nullable=False),
        sa.Column("number", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", "key", name=op.f("pk_conversation_metadata")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_conversation_metadata_head",
        "conversation_metadata",
        ["account_id", "key", "head", "created_at", "conversation_id"],
    )
    op.create_index(
        "ix_conversation_metadata_number",
        "conversation_metadata",
        ["account_id", "key", "number", "conversation_id"],
    )
    op.create_table(
        "messages",
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("tool_call_id", sa.Text(), nullable=True),
        sa.Column("tool_calls", sa.Text(), nullable=False),
        sa.Column("tool_choice", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "position", name=op.f("pk_messages")),
    )
