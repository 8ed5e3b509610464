"""Tables of fine-tuning jobs (spec ai-api §8)."""

import sqlalchemy as sa

from ringline.store.tables import account, metadata
from ringline.store.types import SERIAL, Json, UtcMicros

trainings = sa.Table(
    "trainings",
    metadata,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
    account(),
    sa.Column("id", sa.String(128), nullable=False, unique=True),  # the name of the model that it makes
    sa.Column("job_id", sa.String(36), nullable=False),  # of the durable job that does the work
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("training_file", sa.Text, nullable=False),
    sa.Column("suffix", sa.Text),
    sa.Column("n_epochs", sa.Integer),  # null: to be decided by the number of examples
    sa.Column("batch_size", sa.Integer, nullable=False),
    sa.Column("learning_rate", sa.Float, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("metadata", Json),
    sa.Column("status", sa.String(16), nullable=False),  # finetune.state.Status
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("steps", sa.Integer),
    sa.Column("loss", sa.Float),
    sa.Column("trained_tokens", sa.BigInteger),
    sa.Column("estimated_finish", UtcMicros),
    sa.Column("error", sa.Text),
    sa.Column("error_parameter", sa.Text),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("started_at", UtcMicros),
    sa.Column("finished_at", UtcMicros),
    sa.Index(None, "account_id", "seq"),
    sa.Index(None, "status"),
)

training_events = sa.Table(
    "training_events",
    metadata,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
    sa.Column("training_id", sa.String(128), nullable=False),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("level", sa.String(8), nullable=False),  # info | warn | error
    sa.Column("type", sa.String(16), nullable=False),  # message | metrics
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("data", Json),
    sa.Index(None, "training_id", "seq"),
)
