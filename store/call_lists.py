"""Lists of calls: search and paging for people, unfinished calls for the reconciler, who has read what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, delete, exists, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from store.call_rows import Call, Direction
from store.columns import PlainText, UtcDateTime
from store.rows import insert_or_update, make
from store.schema import call_reads, calls

Cursor = tuple[datetime, str]
"""`created_at` and id of the last call a page showed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls to list; None means any.

    Args:
        q: text found in either number or the summary; upper and lower case are one for ASCII letters.
        direction: which way.
        status: exactly this one.
        read: only calls `reader_id` has not read (nobody has read, when `reader_id` is None).
        since: created then or later, aware.
        until: created before, aware.
        reader_id: the user or key whose reading counts.
    """

    q: str | None = None
    direction: Direction | None = None
    status: str | None = None
    read: Literal["unread"] | None = None
    since: datetime | None = None
    until: datetime | None = None
    reader_id: str | None = None


async def list_calls(
    conn: AsyncConnection, org_id: str, which: CallFilter, cursor: Cursor | None, limit: int
) -> list[Call]:
    """Return the org's calls, newest first.

    Args:
        conn: a reading connection.
        org_id: the org.
        which: the filter.
        cursor: where the page before ended, None for the first.
        limit: how many at most.
    """
    c = calls.c
    query = select(calls).where(c.org_id == org_id, *_conditions(org_id, which))
    if cursor is not None:
        query = query.where(
            tuple_(c.created_at, c.id)
            < tuple_(literal(cursor[0], UtcDateTime), literal(cursor[1], PlainText))
        )
    rows = await conn.execute(query.order_by(c.created_at.desc(), c.id.desc()).limit(limit))
    return [make(Call, row) for row in rows]


def _conditions(org_id: str, which: CallFilter) -> list[ColumnElement[bool]]:
    c = calls.c
    found: list[ColumnElement[bool]] = []
    if which.q:
        found.append(
            c.from_number.icontains(which.q, autoescape=True)
            | c.to_number.icontains(which.q, autoescape=True)
            | c.summary.icontains(which.q, autoescape=True)
        )
    if which.direction is not None:
        found.append(c.direction == which.direction)
    if which.status is not None:
        found.append(c.status == which.status)
    if which.since is not None:
        found.append(c.created_at >= which.since)
    if which.until is not None:
        found.append(c.created_at < which.until)
    if which.read == "unread":
        r = call_reads.c
        read = exists().where(r.org_id == org_id, r.call_id == c.id)
        found.append(~(read if which.reader_id is None else read.where(r.user_id == which.reader_id)))
    return found


async def list_outbound(conn: AsyncConnection, org_id: str, cursor: Cursor | None, limit: int) -> list[Call]:
    """Return the org's outbound calls, newest first; see `list_calls`."""
    return await list_calls(conn, org_id, CallFilter(direction="outbound"), cursor, limit)


async def unfinished_calls(conn: AsyncConnection, *, node_ids: Sequence[str] | None) -> list[Call]:
    """Return calls that have not ended, of every org, oldest first.

    Args:
        conn: a reading connection.
        node_ids: only calls these nodes carry; None for all, those of no node included.
    """
    c = calls.c
    query = select(calls).where(c.ended_at.is_(None))
    if node_ids is not None:
        query = query.where(c.node_id.in_(node_ids))
    return [make(Call, row) for row in await conn.execute(query.order_by(c.created_at, c.id))]


async def read_among(conn: AsyncConnection, org_id: str, call_ids: Sequence[str], reader_id: str) -> set[str]:
    """Return which of these calls somebody has read."""
    r = call_reads.c
    rows = await conn.execute(
        select(r.call_id).where(r.org_id == org_id, r.call_id.in_(call_ids), r.user_id == reader_id)
    )
    return set(rows.scalars())


async def mark_read(conn: AsyncConnection, org_id: str, call_id: str, reader_id: str, now: datetime) -> None:
    """Note that somebody has read a call of the org.

    Raises:
        Conflict: (from the transaction) the org has no such call.
    """
    values = {"org_id": org_id, "call_id": call_id, "user_id": reader_id, "read_at": now}
    await insert_or_update(conn, call_reads, values, ["org_id", "call_id", "user_id"], update=["read_at"])


async def mark_unread(conn: AsyncConnection, org_id: str, call_id: str, reader_id: str) -> None:
    """Forget that somebody has read a call."""
    r = call_reads.c
    await conn.execute(
        delete(call_reads).where(r.org_id == org_id, r.call_id == call_id, r.user_id == reader_id)
    )
