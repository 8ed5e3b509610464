"""Indexes for what is swept: objects by their keys, usage and jobs by their age.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indexes."""
    op.create_index(op.f("ix_bucket_pieces_storage_key"), "bucket_pieces", ["storage_key"], unique=False)
    op.create_index(op.f("ix_jobs_finished_at"), "jobs", ["finished_at"], unique=False)
    op.create_index(op.f("ix_media_object_key"), "media", ["object_key"], unique=False)
    op.create_index(op.f("ix_recordings_object_key"), "recordings", ["object_key"], unique=False)
    op.create_index(op.f("ix_stt_reports_object_key"), "stt_reports", ["object_key"], unique=False)
    op.create_index(op.f("ix_usage_records_at"), "usage_records", ["at"], unique=False)
