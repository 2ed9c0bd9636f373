"""What a call's row looks like, and the words its status and direction are made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Direction = Literal["inbound", "outbound"]
Status = Literal["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
STATUSES: tuple[Status, ...] = (
    "queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"
)  # fmt: skip
FINAL_STATUSES = frozenset(STATUSES[3:])
INTERRUPTED = "interrupted"
"""The disposition of a call whose conversation was lost on our side; only such a call may be reopened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """What is known of a call when it begins. Numbers are the carrier's raw text."""

    direction: Direction
    status: Status
    from_number: str
    to_number: str
    number_id: str | None = None
    flow_id: str | None = None
    flow_version: int | None = None
    carrier_call_sid: str | None = None
    task_context: dict[str, Any] | None = None
    node_id: str | None = None
    scheduled_at: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call's row. Durations in ms; `last_event_seq` is the number of events in its log."""

    id: str
    org_id: str
    direction: Direction
    status: Status
    number_id: str | None
    flow_id: str | None
    flow_version: int | None
    from_number: str
    to_number: str
    carrier_call_sid: str | None
    node_id: str | None
    task_context: dict[str, Any] | None
    next_step: Any
    disposition: str | None
    disposition_reason: str | None
    resumes: int
    carrier_sequence: int | None
    answered_by: str | None
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    last_event_seq: int
    recording_path: str | None
    recording_duration_ms: int | None
    recording_bytes: int | None
    voicemail: Any
    summary: str | None
    outcome: Any
    usage: Any
    scheduled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ended. `duration_ms` is the conversation's length, None when there was none to measure."""

    status: Status
    disposition: str
    reason: str
    ended_at: datetime
    duration_ms: int | None = None
