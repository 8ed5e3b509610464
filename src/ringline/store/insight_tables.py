"""Tables of insight templates, groups and results (spec ai-api §5.4–5.6).

What aggregates are grouped by lies beside each result in `insight_fields`: JSON is not filtered on in SQL.
"""

import sqlalchemy as sa

from ringline.store.tables import account, created_updated, metadata
from ringline.store.types import Json, UtcMicros

insights = sa.Table(
    "insights",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("insight_type", sa.String(8), nullable=False),  # custom | default
    sa.Column("json_schema", Json),  # object or string, as it was given
    sa.Column("webhook", sa.Text, nullable=False),
    *created_updated(),
    sa.Index(None, "account_id", "created_at"),
)

insight_groups = sa.Table(
    "insight_groups",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("webhook", sa.Text, nullable=False),
    *created_updated(),
    sa.Index(None, "account_id", "created_at"),
)

insight_assignments = sa.Table(
    "insight_assignments",
    metadata,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("insight_id", sa.String(36), primary_key=True),
    sa.Column("assigned_at", UtcMicros, nullable=False),
    sa.Index(None, "insight_id"),
)

insight_runs = sa.Table(
    "insight_runs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("conversation_id", sa.String(36), nullable=False),
    sa.Column("group_id", sa.String(36), nullable=False),  # empty: the default insight, without a group
    sa.Column("version", sa.BigInteger, nullable=False),  # how far the conversation had got
    sa.Column("cause", sa.String(16), nullable=False),  # idle | hangup | request
    sa.Column("status", sa.String(16), nullable=False),  # pending | in_progress | completed | failed
    sa.Column("reason", sa.Text),  # why it failed
    sa.Column("job_id", sa.String(36), nullable=False),
    *created_updated(),
    sa.Index("ix_insight_runs_asked", "conversation_id", "group_id", "version"),
    sa.Index(None, "account_id", "created_at"),
    sa.Index(None, "status"),
)

insight_results = sa.Table(
    "insight_results",
    metadata,
    sa.Column("run_id", sa.String(36), primary_key=True),
    sa.Column("insight_id", sa.String(36), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),  # as the group listed it
    sa.Column("insight_name", sa.Text, nullable=False),
    sa.Column("structured", sa.Boolean, nullable=False),  # `result` is JSON text
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
)

insight_fields = sa.Table(
    "insight_fields",
    metadata,
    sa.Column("run_id", sa.String(36), primary_key=True),
    sa.Column("insight_id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(128), primary_key=True),  # members of members are joined by dots
    sa.Column("value", sa.Text, nullable=False),  # JSON of a scalar
)
