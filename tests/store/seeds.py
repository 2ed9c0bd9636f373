"""Rows that most store tests need first, and a writer task for the event log."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from store import calls, orgs
from store.bus import Bus
from store.database import Database
from store.event_log import EventLog

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


async def seed_org(database: Database, name: str = "Org") -> str:
    """Create an org; return its id."""
    async with database.write() as conn:
        return (await orgs.create_org(conn, name, now=NOW)).id


async def seed_call(database: Database, org_id: str, **fields: Any) -> str:
    """Create a call; return its id."""
    values: dict[str, Any] = {
        "direction": "inbound",
        "status": "ringing",
        "from_number": "+15550001111",
        "to_number": "+15550002222",
        "created_at": NOW,
    }
    async with database.write() as conn:
        return (await calls.create_call(conn, org_id, calls.NewCall(**(values | fields)))).id


@contextlib.asynccontextmanager
async def running_log(database: Database, bus: Bus | None = None, **settings: Any) -> AsyncIterator[EventLog]:
    """Run an event log for the length of the block; closed and drained at its end."""
    log = EventLog(database, bus or Bus(), **({"flush_interval_s": 0.001} | settings))
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(log.run(), name="event log")
        try:
            yield log
        except BaseException:
            writer.cancel()
            raise
        await log.close()
