"""Tables of what was used, and of the reports made of it."""

import sqlalchemy as sa

from ringline.store.tables import account, metadata
from ringline.store.types import SERIAL, UtcMicros

usage_records = sa.Table(
    "usage_records",
    metadata,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
    account(),
    sa.Column("kind", sa.String(16), nullable=False),  # chat | embedding | recognition | synthesis | …
    sa.Column("at", UtcMicros, nullable=False),  # when the work was done
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("source", sa.String(80)),  # the leg, job or task it was done for; of each kind once
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("characters", sa.BigInteger, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("kind", "source"),
    sa.Index(None, "account_id", "kind", "at"),
    sa.Index(None, "at"),
)

stt_reports = sa.Table(
    "stt_reports",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),  # of its job too
    account(),
    sa.Column("start_date", UtcMicros, nullable=False),
    sa.Column("end_date", UtcMicros, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),  # PENDING | COMPLETE; the others follow from the rest
    sa.Column("object_key", sa.Text, nullable=False),
    sa.Column("expires_at", UtcMicros),  # of the file; null until it is there
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("updated_at", UtcMicros, nullable=False),
    sa.Index(None, "account_id", "created_at"),
    sa.Index(None, "object_key"),
)
