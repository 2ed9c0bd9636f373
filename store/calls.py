"""Calls: one row each, from the first webhook or request to the last word about it.

The front door of the aggregate: what a row is lives in `store.call_rows`, lists in `store.call_lists`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.call_lists import (
    CallFilter,
    Cursor,
    list_calls,
    list_outbound,
    mark_read,
    mark_unread,
    read_among,
    unfinished_calls,
)
from store.call_rows import (
    FINAL_STATUSES,
    INTERRUPTED,
    STATUSES,
    Call,
    Direction,
    Ending,
    NewCall,
    Status,
)
from store.columns import UtcDateTime
from store.errors import Conflict, NotFound
from store.ids import new_id
from store.rows import make, make_or_none
from store.schema import calls
from store.times import utc_now

__all__ = [
    "FINAL_STATUSES", "INTERRUPTED", "STATUSES", "Call", "CallFilter", "Cursor", "Direction", "Ending",
    "NewCall", "Status", "advance_status", "create_call", "find_any_org", "find_by_carrier_sid",
    "finish_call", "get_call", "list_calls", "list_outbound", "mark_read", "mark_unread",
    "read_among", "reopen_call", "unfinished_calls", "update_call",
]  # fmt: skip

_UPDATABLE = frozenset(
    {
        "number_id", "flow_id", "flow_version", "carrier_call_sid", "node_id", "task_context", "next_step",
        "answered_by", "answered_at", "recording_path", "recording_duration_ms", "recording_bytes",
        "voicemail", "summary", "outcome", "usage", "scheduled_at",
    }
)  # fmt: skip
"""What `update_call` may set. Status, ending and event numbers have functions that keep them consistent."""


def _here(org_id: str, call_id: str) -> ColumnElement[bool]:
    return (calls.c.org_id == org_id) & (calls.c.id == call_id)


async def create_call(conn: AsyncConnection, org_id: str, call: NewCall) -> Call:
    """Store a new call.

    Raises:
        Conflict: the carrier's call sid is known already. The transaction cannot go on after it.
    """
    values = asdict(call) | {
        "id": new_id("call"),
        "org_id": org_id,
        "created_at": call.created_at or utc_now(),
        "resumes": 0,
        "last_event_seq": 0,
    }
    try:
        return make(Call, (await conn.execute(insert(calls).values(values).returning(calls))).one())
    except IntegrityError as error:
        raise Conflict("a call with this carrier sid is known already") from error


async def get_call(conn: AsyncConnection, org_id: str, call_id: str) -> Call | None:
    """Return the org's call, None when it has none of that id."""
    return make_or_none(Call, (await conn.execute(select(calls).where(_here(org_id, call_id)))).one_or_none())


async def find_any_org(conn: AsyncConnection, call_id: str) -> Call | None:
    """Return a call of whichever org: the carrier's callbacks know only our id of it."""
    return make_or_none(Call, (await conn.execute(select(calls).where(calls.c.id == call_id))).one_or_none())


async def find_by_carrier_sid(conn: AsyncConnection, carrier_call_sid: str) -> Call | None:
    """Return the call the carrier calls so, of whichever org."""
    row = await conn.execute(select(calls).where(calls.c.carrier_call_sid == carrier_call_sid))
    return make_or_none(Call, row.one_or_none())


async def update_call(conn: AsyncConnection, org_id: str, call_id: str, **columns: Any) -> Call:
    """Set columns of a call and return it.

    Raises:
        NotFound: the org has no such call.
        Conflict: the carrier's call sid belongs to another call. The transaction cannot go on after it.
        ValueError: a column that may not be set this way.
    """
    unknown = set(columns) - _UPDATABLE
    if unknown or not columns:
        raise ValueError(f"not columns to update: {sorted(unknown)}")
    try:
        result = await conn.execute(
            update(calls).where(_here(org_id, call_id)).values(columns).returning(calls)
        )
    except IntegrityError as error:
        raise Conflict("another call has this carrier sid") from error
    row = result.one_or_none()
    if row is None:
        raise NotFound("there is no such call")
    return make(Call, row)


def _earlier(status: Status) -> Sequence[Status]:
    """Return the statuses a call may leave for `status`; a final one is never left."""
    return STATUSES[: min(STATUSES.index(status), 3)]


async def advance_status(
    conn: AsyncConnection,
    org_id: str,
    call_id: str,
    status: Status,
    sequence: int | None = None,
    *,
    now: datetime | None = None,
) -> bool:
    """Move a call's status forward; reports that come late, twice or out of order change nothing.

    Args:
        conn: a writing connection.
        org_id: the org.
        call_id: its call.
        status: what the carrier says.
        sequence: the carrier's number of the report; the highest is kept.
        now: becomes `answered_at` when the call is in progress for the first time; aware.

    Returns:
        Whether the status changed.
    """
    c = calls.c
    values: dict[str, Any] = {"status": status}
    if status == "in-progress":
        values["answered_at"] = func.coalesce(c.answered_at, literal(now or utc_now(), UtcDateTime))
    changed = await conn.execute(
        update(calls)
        .where(_here(org_id, call_id), c.status.in_(_earlier(status)))
        .values(values)
        .returning(c.id)
    )
    if sequence is not None:
        older = c.carrier_sequence.is_(None) | (c.carrier_sequence < sequence)
        await conn.execute(
            update(calls).where(_here(org_id, call_id), older).values(carrier_sequence=sequence)
        )
    return changed.first() is not None


async def finish_call(conn: AsyncConnection, org_id: str, call_id: str, ending: Ending) -> bool:
    """End a call, once; a final status the carrier reported before is kept.

    Returns:
        Whether this ended it; False when it had ended before or does not exist.
    """
    c = calls.c
    result = await conn.execute(
        update(calls)
        .where(_here(org_id, call_id), c.ended_at.is_(None))
        .values(
            status=case((c.status.in_(FINAL_STATUSES), c.status), else_=ending.status),
            disposition=ending.disposition,
            disposition_reason=ending.reason,
            ended_at=ending.ended_at,
            duration_ms=ending.duration_ms,
        )
        .returning(c.id)
    )
    return result.first() is not None


async def reopen_call(conn: AsyncConnection, org_id: str, call_id: str, max_resumes: int) -> Call | None:
    """Bring a call back that ended only because its conversation was lost on our side.

    Args:
        conn: a writing connection.
        org_id: the org.
        call_id: its call.
        max_resumes: how often a call may be brought back in all.

    Returns:
        The call, in progress again with `resumes` one higher; None when it may not be brought back.
    """
    c = calls.c
    row = await conn.execute(
        update(calls)
        .where(
            _here(org_id, call_id),
            c.ended_at.is_not(None),
            c.disposition == INTERRUPTED,
            c.resumes < max_resumes,
        )
        .values(
            status="in-progress",
            resumes=c.resumes + 1,
            disposition=None,
            disposition_reason=None,
            ended_at=None,
            duration_ms=None,
        )
        .returning(calls)
    )
    return make_or_none(Call, row.one_or_none())
