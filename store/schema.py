"""All tables. `store/migrations` builds them; a test holds the two together on both engines.

Every tenant table begins its keys and indexes with `org_id`, and rows that belong together are tied by
composite foreign keys, so that a row of one org can never point at another org's.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from store.columns import JsonDocument, PlainText, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = PlainText(64)
_SHA256_HEX = String(64)

orgs = Table(
    "orgs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("name", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("providers", JsonDocument),  # list of names in order; NULL leaves it to the service
)

users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("email", PlainText, nullable=False, unique=True),  # lower case, trimmed
    Column("name", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("org_id", _ID, ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("role", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("token_sha256", _SHA256_HEX, primary_key=True),
    Column("org_id", _ID, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    # A session lives no longer than the membership it was opened under.
    ForeignKeyConstraint(
        ["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"], ondelete="CASCADE"
    ),
    Index(None, "org_id", "user_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("name", PlainText, nullable=False),
    Column("prefix", String(32), nullable=False),  # what people may see of it
    Column("key_sha256", _SHA256_HEX, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

flows = Table(
    "flows",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", PlainText, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("greeting", PlainText, nullable=False),
    Column("system_prompt", PlainText, nullable=False),
    Column("voice", PlainText, nullable=False),
    Column("voicemail_enabled", Integer, nullable=False),
    Column("announce_recording", Integer, nullable=False),
    Column("tools_json", PlainText, nullable=False),
    Column("transfer_map_json", PlainText, nullable=False),
    Column("flow_transfer_map_json", PlainText, nullable=False),
    Column("outcome_schema_json", PlainText),
    Column("caller_id_number_id", _ID),  # no foreign key: numbers already point at flows
    Column("voicemail_leave_message", PlainText),
    Column("provider", String(16)),
    Column("timezone", PlainText),
    Column("business_hours_json", PlainText),
    Column("holidays_json", PlainText),
    Column("after_hours_message", PlainText),
    Column("business_hours_enabled", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("speech_json", PlainText),
    UniqueConstraint("org_id", "id"),
)

numbers = Table(
    "numbers",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
    Column("carrier_sid", PlainText, nullable=False, unique=True),
    Column("e164", PlainText, nullable=False, unique=True),
    Column("friendly_name", PlainText, nullable=False),
    Column("flow_id", _ID),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["org_id", "flow_id"], ["flows.org_id", "flows.id"]),
    Index(None, "org_id", "flow_id"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    # History: a call outlives the number and the flow it used, so these two are not foreign keys.
    Column("number_id", _ID),
    Column("flow_id", _ID),
    Column("flow_version", Integer),
    Column("from_number", PlainText, nullable=False),  # raw text from the carrier
    Column("to_number", PlainText, nullable=False),
    Column("carrier_call_sid", PlainText, unique=True),
    Column("node_id", _ID),
    Column("task_context", JsonDocument),
    Column("next_step", JsonDocument),  # what follows the media stream
    Column("disposition", PlainText),
    Column("disposition_reason", PlainText),
    Column("resumes", Integer, nullable=False),
    Column("carrier_sequence", Integer),  # of the newest status callback seen
    Column("answered_by", PlainText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("duration_ms", BigInteger),
    Column("last_event_seq", BigInteger, nullable=False),
    Column("recording_path", PlainText),  # relative to the recordings directory
    Column("recording_duration_ms", BigInteger),
    Column("recording_bytes", BigInteger),
    Column("voicemail", JsonDocument),
    Column("summary", PlainText),
    Column("outcome", JsonDocument),
    Column("usage", JsonDocument),
    Column("scheduled_at", UtcDateTime),
    UniqueConstraint("org_id", "id"),
    Index(None, "org_id", "created_at", "id"),
    Index(None, "org_id", "direction", "created_at", "id"),
    Index(None, "ended_at", "node_id"),  # the reconciler's question, across orgs
)

call_reads = Table(
    "call_reads",
    metadata,
    Column("org_id", _ID, primary_key=True),
    Column("call_id", _ID, primary_key=True),
    Column("user_id", _ID, primary_key=True),  # a user's id or an API key's: whoever read it
    Column("read_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["org_id", "call_id"], ["calls.org_id", "calls.id"], ondelete="CASCADE"),
)

call_events = Table(
    "call_events",
    metadata,
    Column("org_id", _ID, primary_key=True),
    Column("call_id", _ID, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("type", String(64), nullable=False),
    Column("data", PlainText, nullable=False),  # the event as JSON, type tag included
    ForeignKeyConstraint(["org_id", "call_id"], ["calls.org_id", "calls.id"], ondelete="CASCADE"),
)

media_tokens = Table(
    "media_tokens",
    metadata,
    Column("token_sha256", _SHA256_HEX, primary_key=True),
    Column("org_id", _ID, nullable=False),
    Column("call_id", _ID, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("claimed_at", UtcDateTime),
    ForeignKeyConstraint(["org_id", "call_id"], ["calls.org_id", "calls.id"], ondelete="CASCADE"),
    Index(None, "org_id", "call_id"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("stopped_at", UtcDateTime),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, ForeignKey("orgs.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("payload", JsonDocument, nullable=False),
    Column("key", PlainText),  # one pending job per (org, kind, key); cleared when the job is claimed
    Column("parked", Boolean, nullable=False),  # given up after max_attempts; people look at it
    Column("run_at", UtcDateTime, nullable=False),  # when due; while a worker has it, when its lease ends
    Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("last_error", PlainText),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("org_id", "kind", "key"),
    Index(None, "parked", "run_at", "id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("org_id", _ID, ForeignKey("orgs.id", ondelete="CASCADE"), primary_key=True),
    Column("operation", String(64), primary_key=True),
    Column("key", PlainText(255), primary_key=True),
    Column("request_sha256", _SHA256_HEX, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reply", PlainText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
)
