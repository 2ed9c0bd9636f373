"""The first schema: tenancy, flows and numbers, calls and their event log, jobs.

Revision 0001, after none; 2026-11-24.
"""

import sqlalchemy as sa
from alembic import op

from store.columns import JsonDocument, PlainText, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

IDENTIFIER = PlainText(64)


def upgrade() -> None:
    """Create all tables, those pointed at before those that point."""
    _create_tenancy()
    _create_flows()
    _create_numbers()
    _create_calls()
    _create_call_details()
    _create_machinery()


def _create_tenancy() -> None:
    op.create_table(
        "orgs",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("name", PlainText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orgs"),
    )

    op.create_table(
        "users",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("email", PlainText(), nullable=False),
        sa.Column("name", PlainText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )

    op.create_table(
        "memberships",
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("user_id", IDENTIFIER, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_memberships_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", "user_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])

    op.create_table(
        "web_sessions",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("user_id", IDENTIFIER, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "user_id"],
            ["memberships.org_id", "memberships.user_id"],
            name="fk_web_sessions_org_id_user_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_web_sessions"),
    )
    op.create_index("ix_web_sessions_org_id_user_id", "web_sessions", ["org_id", "user_id"])

    op.create_table(
        "api_keys",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", PlainText(), nullable=False),
        sa.Column("prefix", sa.String(length=32), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime()),
        sa.Column("revoked_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_api_keys_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("key_sha256", name="uq_api_keys_key_sha256"),
    )
    op.create_index("ix_api_keys_org_id", "api_keys", ["org_id"])


def _create_flows() -> None:
    op.create_table(
        "flows",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", PlainText(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("greeting", PlainText(), nullable=False),
        sa.Column("system_prompt", PlainText(), nullable=False),
        sa.Column("voice", PlainText(), nullable=False),
        sa.Column("voicemail_enabled", sa.Integer(), nullable=False),
        sa.Column("announce_recording", sa.Integer(), nullable=False),
        sa.Column("tools_json", PlainText(), nullable=False),
        sa.Column("transfer_map_json", PlainText(), nullable=False),
        sa.Column("flow_transfer_map_json", PlainText(), nullable=False),
        sa.Column("outcome_schema_json", PlainText()),
        sa.Column("caller_id_number_id", IDENTIFIER),
        sa.Column("voicemail_leave_message", PlainText()),
        sa.Column("provider", sa.String(length=16)),
        sa.Column("timezone", PlainText()),
        sa.Column("business_hours_json", PlainText()),
        sa.Column("holidays_json", PlainText()),
        sa.Column("after_hours_message", PlainText()),
        sa.Column("business_hours_enabled", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_flows_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
        sa.UniqueConstraint("org_id", "id", name="uq_flows_org_id_id"),
    )


def _create_numbers() -> None:
    op.create_table(
        "numbers",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("carrier_sid", PlainText(), nullable=False),
        sa.Column("e164", PlainText(), nullable=False),
        sa.Column("friendly_name", PlainText(), nullable=False),
        sa.Column("flow_id", IDENTIFIER),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "flow_id"], ["flows.org_id", "flows.id"], name="fk_numbers_org_id_flow_id"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_numbers_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_numbers"),
        sa.UniqueConstraint("carrier_sid", name="uq_numbers_carrier_sid"),
        sa.UniqueConstraint("e164", name="uq_numbers_e164"),
    )
    op.create_index("ix_numbers_org_id_flow_id", "numbers", ["org_id", "flow_id"])


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("number_id", IDENTIFIER),
        sa.Column("flow_id", IDENTIFIER),
        sa.Column("flow_version", sa.Integer()),
        sa.Column("from_number", PlainText(), nullable=False),
        sa.Column("to_number", PlainText(), nullable=False),
        sa.Column("carrier_call_sid", PlainText()),
        sa.Column("node_id", IDENTIFIER),
        sa.Column("task_context", JsonDocument()),
        sa.Column("next_step", JsonDocument()),
        sa.Column("disposition", PlainText()),
        sa.Column("disposition_reason", PlainText()),
        sa.Column("resumes", sa.Integer(), nullable=False),
        sa.Column("carrier_sequence", sa.Integer()),
        sa.Column("answered_by", PlainText()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime()),
        sa.Column("ended_at", UtcDateTime()),
        sa.Column("duration_ms", sa.BigInteger()),
        sa.Column("last_event_seq", sa.BigInteger(), nullable=False),
        sa.Column("recording_path", PlainText()),
        sa.Column("recording_duration_ms", sa.BigInteger()),
        sa.Column("recording_bytes", sa.BigInteger()),
        sa.Column("voicemail", JsonDocument()),
        sa.Column("summary", PlainText()),
        sa.Column("outcome", JsonDocument()),
        sa.Column("usage", JsonDocument()),
        sa.Column("scheduled_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_calls_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sa.UniqueConstraint("carrier_call_sid", name="uq_calls_carrier_call_sid"),
        sa.UniqueConstraint("org_id", "id", name="uq_calls_org_id_id"),
    )
    op.create_index("ix_calls_ended_at_node_id", "calls", ["ended_at", "node_id"])
    op.create_index("ix_calls_org_id_created_at_id", "calls", ["org_id", "created_at", "id"])
    op.create_index(
        "ix_calls_org_id_direction_created_at_id", "calls", ["org_id", "direction", "created_at", "id"]
    )


def _create_call_details() -> None:
    op.create_table(
        "call_events",
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("call_id", IDENTIFIER, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("data", PlainText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "call_id"],
            ["calls.org_id", "calls.id"],
            name="fk_call_events_org_id_call_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "call_id", "seq", name="pk_call_events"),
    )

    op.create_table(
        "call_reads",
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("call_id", IDENTIFIER, nullable=False),
        sa.Column("user_id", IDENTIFIER, nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "call_id"],
            ["calls.org_id", "calls.id"],
            name="fk_call_reads_org_id_call_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("org_id", "call_id", "user_id", name="pk_call_reads"),
    )

    op.create_table(
        "media_tokens",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("call_id", IDENTIFIER, nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("claimed_at", UtcDateTime()),
        sa.ForeignKeyConstraint(
            ["org_id", "call_id"],
            ["calls.org_id", "calls.id"],
            name="fk_media_tokens_org_id_call_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_media_tokens"),
    )
    op.create_index("ix_media_tokens_expires_at", "media_tokens", ["expires_at"])
    op.create_index("ix_media_tokens_org_id_call_id", "media_tokens", ["org_id", "call_id"])


def _create_machinery() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("stopped_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_nodes"),
    )

    op.create_table(
        "jobs",
        sa.Column("id", IDENTIFIER, nullable=False),
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", JsonDocument(), nullable=False),
        sa.Column("key", PlainText()),
        sa.Column("parked", sa.Boolean(), nullable=False),
        sa.Column("run_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", PlainText()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="fk_jobs_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("org_id", "kind", "key", name="uq_jobs_org_id_kind_key"),
    )
    op.create_index("ix_jobs_parked_run_at_id", "jobs", ["parked", "run_at", "id"])

    op.create_table(
        "idempotency_keys",
        sa.Column("org_id", IDENTIFIER, nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("key", PlainText(length=255), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reply", PlainText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="fk_idempotency_keys_org_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "operation", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    """Drop all tables, those that point before those pointed at."""
    for table in (
        "idempotency_keys",
        "jobs",
        "nodes",
        "media_tokens",
        "call_reads",
        "call_events",
        "calls",
        "numbers",
        "flows",
        "api_keys",
        "web_sessions",
        "memberships",
        "users",
        "orgs",
    ):
        op.drop_table(table)
