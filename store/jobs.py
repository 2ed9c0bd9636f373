"""Work that must happen once somebody has time, however often the process dies.

A job is claimed by moving its `run_at` to the end of a lease: a worker that dies simply lets the lease run
out, and the job is due again. So a job runs at least once and its work must bear being repeated.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, false, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.ids import new_id
from store.rows import insert_unless_present, make_or_none
from store.schema import jobs
from store.times import utc_now

MAX_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job. `attempts` counts this claim too; with `id` it proves that the lease is still ours."""

    id: str
    org_id: str
    kind: str
    payload: Any
    attempts: int
    max_attempts: int
    last_error: str | None


_COLUMNS = [jobs.c[name] for name in Job.__dataclass_fields__]


async def enqueue(
    conn: AsyncConnection,
    org_id: str,
    kind: str,
    payload: Any,
    *,
    run_at: datetime | None = None,
    key: str | None = None,
    max_attempts: int = MAX_ATTEMPTS,
    now: datetime | None = None,
) -> str | None:
    """Add a job, in the transaction that makes it necessary.

    Args:
        conn: a writing connection.
        org_id: whose job it is.
        kind: which handler does it.
        payload: JSON data for the handler.
        run_at: not before this time, aware; now when None.
        key: at most one job of this org, kind and key waits at a time.
        max_attempts: after so many failures it is parked for people to look at.
        now: the present, aware.

    Returns:
        The job's id, None when one with the same key is waiting already.
    """
    at = now or utc_now()
    values = {
        "id": new_id("job"),
        "org_id": org_id,
        "kind": kind,
        "payload": payload,
        "key": key,
        "parked": False,
        "run_at": run_at or at,
        "attempts": 0,
        "max_attempts": max_attempts,
        "created_at": at,
    }
    if key is None:
        await conn.execute(insert(jobs).values(values))
    elif not await insert_unless_present(conn, jobs, values, unique=["org_id", "kind", "key"]):
        return None
    return str(values["id"])


async def claim(conn: AsyncConnection, kinds: list[str], now: datetime, lease_s: float) -> Job | None:
    """Take the job that has been due longest, None when there is none; across orgs.

    Jobs whose worker died in its last permitted attempt are parked on the way. A claimed job gives its key
    free: whatever is enqueued from now on may not be covered by the run that has begun.

    Args:
        conn: a writing connection.
        kinds: which kinds this worker does.
        now: the present, aware.
        lease_s: the job is ours for so many seconds, then anybody's.
    """
    j = jobs.c
    due = (j.parked == false()) & (j.run_at <= now) & j.kind.in_(kinds)
    spent = j.attempts >= j.max_attempts
    await conn.execute(
        update(jobs)
        .where(due, spent)
        .values(parked=True, key=None, last_error="its worker died in the last permitted attempt")
    )
    # A scalar subquery runs once; PostgreSQL may run one behind IN again after a lock and take two rows.
    chosen = (
        select(j.id)
        .where(due)
        .order_by(j.run_at, j.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    row = await conn.execute(
        update(jobs)
        .where(j.id == chosen)
        .values(run_at=now + timedelta(seconds=lease_s), attempts=j.attempts + 1, key=None)
        .returning(*_COLUMNS)
    )
    return make_or_none(Job, row.one_or_none())


def _still_ours(job: Job) -> Any:
    j = jobs.c
    return (j.id == job.id) & (j.attempts == job.attempts) & (j.parked == false())


async def extend(conn: AsyncConnection, job: Job, now: datetime, lease_s: float) -> bool:
    """Lengthen the lease of a job in hand; False when it is somebody else's by now."""
    result = await conn.execute(
        update(jobs).where(_still_ours(job)).values(run_at=now + timedelta(seconds=lease_s))
    )
    return result.rowcount == 1


async def finish(conn: AsyncConnection, job: Job) -> bool:
    """Remove a job that is done; False when it is somebody else's by now."""
    return (await conn.execute(delete(jobs).where(_still_ours(job)))).rowcount == 1


async def fail(conn: AsyncConnection, job: Job, error: str, retry_at: datetime | None) -> bool:
    """Give a job back after a failure; False when it is somebody else's by now.

    Args:
        conn: a writing connection.
        job: as claimed.
        error: what went wrong, for people.
        retry_at: when to try again, aware; None parks it, and so does having used up its attempts.
    """
    give_up = retry_at is None or job.attempts >= job.max_attempts
    values: dict[str, Any] = {"last_error": error, "parked": give_up}
    if not give_up:
        values["run_at"] = retry_at
    return (await conn.execute(update(jobs).where(_still_ours(job)).values(values))).rowcount == 1


async def parked(conn: AsyncConnection, org_id: str) -> list[Job]:
    """Return the org's jobs that were given up, oldest first."""
    j = jobs.c
    rows = await conn.execute(
        select(*_COLUMNS).where(j.org_id == org_id, j.parked == true()).order_by(j.created_at, j.id)
    )
    return [Job(**row._mapping) for row in rows]
