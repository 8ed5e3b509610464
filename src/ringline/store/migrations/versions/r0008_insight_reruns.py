"""A group may be asked again of the same version of a conversation, once its templates have changed.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the constraint go; what it also was, the way to the runs of a conversation, stays an index."""
    with op.batch_alter_table("insight_runs") as table:
        table.drop_constraint(op.f("uq_insight_runs_conversation_id_group_id_version"), type_="unique")
        table.create_index("ix_insight_runs_asked", ["conversation_id", "group_id", "version"], unique=False)
