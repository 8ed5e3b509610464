"""Insights.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "insight_assignments",
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.Column("insight_id", sa.String(length=36), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "insight_id", name=op.f("pk_insight_assignments")),
    )
    op.create_index(
        op.f("ix_insight_assignments_insight_id"), "insight_assignments", ["insight_id"], unique=False
    )
    op.create_table(
        "insight_fields",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("insight_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "insight_id", "name", name=op.f("pk_insight_fields")),
    )
    op.create_table(
        "insight_groups",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_insight_groups")),
    )
    op.create_index(
        op.f("ix_insight_groups_account_id_insight_groups_created_at"),
        "insight_groups",
        ["account_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "insight_results",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("insight_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("insight_name", sa.Text(), nullable=False),
        sa.Column("structured", sa.Boolean(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "insight_id", name=op.f("pk_insight_results")),
    )
    op.create_table(
        "insight_runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_insight_runs")),
        sa.UniqueConstraint(
            "conversation_id",
            "group_id",
            "version",
            name=op.f("uq_insight_runs_conversation_id_group_id_version"),
        ),
    )
    op.create_index(
        op.f("ix_insight_runs_account_id_insight_runs_created_at"),
        "insight_runs",
        ["account_id", "created_at"],
        unique=False,
    )
    op.create_index(op.f("ix_insight_runs_status"), "insight_runs", ["status"], unique=False)
    op.create_table(
        "insights",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=False),
        sa.Column("insight_type", sa.String(length=8), nullable=False),
        sa.Column("json_schema", sa.Text(), nullable=True),
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_insights")),
    )
    op.create_index(
        op.f("ix_insights_account_id_insights_created_at"),
        "insights",
        ["account_id", "created_at"],
        unique=False,
    )
