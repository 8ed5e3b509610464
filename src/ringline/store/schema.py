"""Every table of the store: importing this module makes `metadata` whole."""

from ringline.store import bucket_tables, conversation_tables, insight_tables, training_tables, usage_tables
from ringline.store.tables import metadata

__all__ = [
    "bucket_tables",
    "conversation_tables",
    "insight_tables",
    "metadata",
    "training_tables",
    "usage_tables",
]
