"""Tables of buckets, their objects and uploads in parts (spec ai-api §12).

Keys are kept as bytes: both engines order and compare those alike, octet by octet, which for UTF-8 is the
order that S3 lists in; and PostgreSQL's text knows no NUL.
"""

import sqlalchemy as sa

from ringline.store.tables import account, metadata
from ringline.store.types import Json, UtcMicros

buckets = sa.Table(
    "buckets",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("region", sa.String(63), nullable=False),  # what its maker asked for; empty for none
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.UniqueConstraint("account_id", "name"),
)

bucket_objects = sa.Table(
    "bucket_objects",
    metadata,
    sa.Column("bucket_id", sa.String(36), primary_key=True),
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("content_id", sa.String(36), nullable=False),  # whose pieces are its bytes
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.String(40), nullable=False),
    sa.Column("headers", Json, nullable=False),  # [[name, value], …] beside the bytes of a download
    sa.Column("modified_at", UtcMicros, nullable=False),
)

bucket_uploads = sa.Table(
    "bucket_uploads",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),  # becomes the object's content_id
    sa.Column("bucket_id", sa.String(36), nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("headers", Json, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Index(None, "bucket_id", "key"),
)

bucket_traffic = sa.Table(
    "bucket_traffic",
    metadata,
    sa.Column("bucket_id", sa.String(36), primary_key=True),
    sa.Column("hour", UtcMicros, primary_key=True),  # when it begins
    sa.Column("category", sa.String(32), primary_key=True),
    sa.Column("ops", sa.BigInteger, nullable=False),
    sa.Column("successful_ops", sa.BigInteger, nullable=False),
    sa.Column("bytes_sent", sa.BigInteger, nullable=False),
    sa.Column("bytes_received", sa.BigInteger, nullable=False),
)

bucket_pieces = sa.Table(
    "bucket_pieces",
    metadata,
    sa.Column("content_id", sa.String(36), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # of the part; order of the bytes
    sa.Column("storage_key", sa.Text, nullable=False),  # ours, in the object store
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("md5", sa.String(32), nullable=False),
    sa.Column(
        "checksums", Json, nullable=False
    ),  # [[algorithm, base64], …] that its client promised, and kept
    sa.Column("modified_at", UtcMicros, nullable=False),
    sa.Index(None, "storage_key"),
)
