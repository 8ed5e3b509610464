"""Every table of the store.

Rules: each row of a customer carries `account_id`; times are `UtcMicros`; free-form settings are `Json`
and never filtered on. A change here needs a new revision under `migrations/versions`.
"""

import sqlalchemy as sa

from ringline.store.types import SERIAL, Json, JsonBytes, UtcMicros

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def account() -> sa.Column[str]:
    """Whose a row is."""
    return sa.Column("account_id", sa.String(36), nullable=False)


def created_updated() -> tuple[sa.Column[object], sa.Column[object]]:
    """When a row was made, and changed last."""
    return (
        sa.Column("created_at", UtcMicros, nullable=False),
        sa.Column("updated_at", UtcMicros, nullable=False),
    )


def _webhooks() -> tuple[sa.Column[object], ...]:
    """Where the events of an application's or a connection's calls go (spec voice-api §6.1)."""
    return (
        sa.Column("webhook_event_url", sa.Text),
        sa.Column("webhook_event_failover_url", sa.Text),
        sa.Column("webhook_api_version", sa.String(1), nullable=False, default="2"),
        sa.Column("webhook_timeout_secs", sa.Integer),
    )


accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),  # SHA-256 of the key, hexadecimal
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("prefix", sa.String(16), nullable=False),  # what a list may show of it
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("revoked_at", UtcMicros),
)

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("account_id", sa.String(36), primary_key=True),
    sa.Column("seed", sa.LargeBinary, nullable=False),  # the 32 raw bytes of an Ed25519 private key
    sa.Column("created_at", UtcMicros, nullable=False),
)

server_secrets = sa.Table(
    "server_secrets",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),  # shared by all nodes; signs download links
    sa.Column("created_at", UtcMicros, nullable=False),
)

applications = sa.Table(
    "applications",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    account(),
    sa.Column("application_name", sa.Text, nullable=False),
    *_webhooks(),
    sa.Column("active", sa.Boolean, nullable=False, default=True),
    sa.Column("anchorsite_override", sa.Text, nullable=False, default="Latency"),
    sa.Column("dtmf_type", sa.String(16), nullable=False, default="RFC 2833"),
    sa.Column("first_command_timeout", sa.Boolean, nullable=False, default=False),
    sa.Column("first_command_timeout_secs", sa.Integer, nullable=False, default=30),
    sa.Column("inbound", Json, nullable=False),
    sa.Column("outbound", Json, nullable=False),
    sa.Column("sip_subdomain", sa.Text, unique=True),  # copy of inbound.sip_subdomain, for routing INVITEs
    sa.Column("call_cost_in_webhooks", sa.Boolean, nullable=False, default=False),
    sa.Column("redact_dtmf_debug_logging", sa.Boolean, nullable=False, default=False),
    sa.Column("tags", Json, nullable=False),
    *created_updated(),
    sa.Index(None, "account_id", "created_at"),
)

credential_connections = sa.Table(
    "credential_connections",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    account(),
    sa.Column("connection_name", sa.Text, nullable=False),
    sa.Column("user_name", sa.Text, nullable=False, unique=True),
    sa.Column("ha1_md5", sa.String(32), nullable=False),  # RFC 8760 §2.4; the password itself is never kept
    sa.Column("ha1_sha256", sa.String(64), nullable=False),
    *_webhooks(),
    sa.Column("active", sa.Boolean, nullable=False, default=True),
    sa.Column("anchorsite_override", sa.Text, nullable=False, default="Latency"),
    sa.Column("dtmf_type", sa.String(16), nullable=False, default="RFC 2833"),
    sa.Column("encrypted_media", sa.String(8)),
    sa.Column("sip_uri_calling_preference", sa.String(16), nullable=False, default="disabled"),
    sa.Column("inbound", Json, nullable=False),
    sa.Column("outbound", Json, nullable=False),
    sa.Column(
        "settings", Json, nullable=False
    ),  # rtcp_settings, noise_suppression, jitter_buffer, …: kept, echoed
    sa.Column("tags", Json, nullable=False),
    *created_updated(),
    sa.Index(None, "account_id", "created_at"),
)

number_orders = sa.Table(
    "number_orders",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("connection_id", sa.String(20)),
    sa.Column("customer_reference", sa.Text),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("phone_numbers", Json, nullable=False),
    *created_updated(),
    sa.Index(None, "account_id", "created_at"),
)

phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    account(),
    sa.Column("phone_number", sa.String(32), nullable=False, unique=True),  # +E.164, once per server
    sa.Column("connection_id", sa.String(20)),
    sa.Column("number_order_id", sa.String(36)),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("settings", Json, nullable=False),  # customer_reference, voice settings, …: kept, echoed
    sa.Column("tags", Json, nullable=False),
    *created_updated(),
    sa.Index(None, "account_id", "created_at"),
    sa.Index(None, "connection_id"),
)

legs = sa.Table(
    "legs",
    metadata,
    sa.Column("call_control_id", sa.String(80), primary_key=True),
    account(),
    sa.Column("leg_id", sa.String(36), nullable=False, unique=True),
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("connection_id", sa.String(20), nullable=False),
    sa.Column("direction", sa.String(8), nullable=False),  # incoming | outgoing
    sa.Column("from_", sa.Text, nullable=False),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("alive", sa.Boolean, nullable=False),
    sa.Column(
        "node", sa.Text, nullable=False
    ),  # who runs it: an alive leg of a node that starts is a lost one
    sa.Column("client_state", sa.Text),
    sa.Column("started_at", UtcMicros, nullable=False),
    sa.Column("answered_at", UtcMicros),
    sa.Column("ended_at", UtcMicros),
    sa.Column("hangup_cause", sa.String(32)),
    sa.Column("hangup_source", sa.String(16)),
    sa.Column("sip_hangup_cause", sa.String(16)),
    sa.Column("recording_id", sa.String(36)),
    sa.Column("webhooks", Json, nullable=False),  # webhooks.policy.Hooks: where this leg's events go
    sa.Index(None, "session_id"),
    sa.Index(None, "account_id", "started_at"),
    sa.Index(None, "connection_id", "alive"),
    sa.Index(None, "node", "alive"),
    sa.Index(None, "ended_at"),
)

timeline = sa.Table(
    "timeline",
    metadata,
    sa.Column("leg_id", sa.String(36), primary_key=True),
    sa.Column(
        "seq", sa.BigInteger, primary_key=True, autoincrement=False
    ),  # given by the leg's actor, from 1
    sa.Column("session_id", sa.String(36), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),  # the node's monotonic clock
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sensitive", sa.Boolean, nullable=False),
    sa.Column("data", JsonBytes, nullable=False),  # JSON of timeline.entries
    sa.Index(None, "session_id"),
    sa.Index(None, "at"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
    account(),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("event_type", sa.String(64), nullable=False),
    sa.Column("occurred_at", UtcMicros, nullable=False),
    sa.Column("leg_id", sa.String(36)),
    sa.Column("session_id", sa.String(36)),
    sa.Column("leg_seq", sa.BigInteger),
    sa.Column("payload", JsonBytes, nullable=False),  # JSON of `data.payload`
    sa.Index(None, "account_id", "occurred_at"),
    sa.Index(None, "leg_id"),
    sa.Index(None, "occurred_at"),
)

_PENDING = sa.text("state = 'pending'")
# Queries must say it by this very text, not by a parameter, for the engine to see that the index applies.

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),  # the order in which events were queued
    account(),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("event_id", sa.String(36), nullable=False),
    sa.Column("event_type", sa.String(64), nullable=False),
    sa.Column("leg_id", sa.String(36)),
    sa.Column("origin", sa.Text, nullable=False),  # scheme, host and port: one app
    sa.Column("target", Json, nullable=False),  # webhooks.policy.Target
    sa.Column("state", sa.String(16), nullable=False),  # pending | delivered | failed
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("progress", Json, nullable=False),  # webhooks.policy.Progress: what the next attempt is
    sa.Column("next_at", UtcMicros, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcMicros, nullable=False),  # 1970 when nobody holds it
    sa.Column("started_at", UtcMicros),
    sa.Column("finished_at", UtcMicros),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Index(
        "ix_deliveries_pending",
        *("seq", "lease_until", "origin"),
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    ),
    sa.Index(None, "event_id"),
    sa.Index(None, "account_id", "seq"),
)

delivery_attempts = sa.Table(
    "delivery_attempts",
    metadata,
    sa.Column("delivery_id", sa.String(36), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),  # meta.attempt: 1 is the first
    account(),
    sa.Column("event_id", sa.String(36), nullable=False),
    sa.Column("leg_id", sa.String(36)),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("method", sa.String(4), nullable=False),
    sa.Column("started_at", UtcMicros, nullable=False),
    sa.Column("started_ns", sa.BigInteger, nullable=False),
    sa.Column("finished_at", UtcMicros, nullable=False),
    sa.Column("latency_us", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Integer),  # HTTP status; null when none came
    sa.Column("error", sa.Text),  # null when delivered
    sa.Column("body", sa.Text, nullable=False),  # at most 1 KiB of the answer
    sa.Index(None, "leg_id"),
    sa.Index(None, "event_id"),
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("call_control_id", sa.String(80)),
    sa.Column("call_leg_id", sa.String(36)),
    sa.Column("call_session_id", sa.String(36)),
    sa.Column("connection_id", sa.String(20)),
    sa.Column("conference_id", sa.String(36)),
    sa.Column("from_", sa.Text),
    sa.Column("to", sa.Text),
    sa.Column("sip_call_id", sa.Text),
    sa.Column("channels", sa.String(8), nullable=False),
    sa.Column("format", sa.String(8), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("initiated_by", sa.Text),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("recording_started_at", UtcMicros),
    sa.Column("recording_ended_at", UtcMicros),
    sa.Column("duration_millis", sa.BigInteger, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),  # what a download is called; never a path
    sa.Column("object_key", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    *created_updated(),
    sa.Index(None, "account_id", "created_at"),
    sa.Index(None, "call_leg_id"),
    sa.Index(None, "object_key"),
)

media = sa.Table(
    "media",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    account(),
    sa.Column("media_name", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("object_key", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("expires_at", UtcMicros, nullable=False),
    *created_updated(),
    sa.UniqueConstraint("account_id", "media_name"),
    sa.Index(None, "expires_at"),
    sa.Index(None, "object_key"),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("account_id", sa.String(36), primary_key=True),
    sa.Column("scope", sa.String(120), primary_key=True),  # a call_control_id, "dial", a path
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("expires_at", UtcMicros, nullable=False),
    sa.Column(
        "fingerprint", sa.String(64)
    ),  # SHA-256 of the request, where a reuse for another one is an error
    sa.Column("status", sa.Integer),  # null while the first request is still at work
    sa.Column("response", sa.LargeBinary),
    sa.Index(None, "expires_at"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
    account(),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("args", Json),
    sa.Column("state", sa.String(16), nullable=False),  # queued | running | succeeded | failed | cancelled
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("run_at", UtcMicros, nullable=False),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until", UtcMicros, nullable=False),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("progress_done", sa.Float, nullable=False),
    sa.Column("progress_total", sa.Float),
    sa.Column("progress_rate", sa.Float),  # units a second
    sa.Column("checkpoint", Json),  # what a resumed run starts from
    sa.Column("result", Json),
    sa.Column("error", sa.Text),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("started_at", UtcMicros),
    sa.Column("updated_at", UtcMicros, nullable=False),
    sa.Column("finished_at", UtcMicros),
    sa.Index(None, "state", "run_at"),
    sa.Index(None, "finished_at"),
    sa.Index(None, "account_id", "seq"),
)
