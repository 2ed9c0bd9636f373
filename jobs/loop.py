"""The job loop: claims due jobs, runs them, gives failed ones back with a growing pause.

A job runs at least once; one whose worker dies is due again when its lease runs out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from store import jobs
from store.bus import JOBS_TOPIC, Bus
from store.database import Database
from store.errors import StoreError
from store.times import utc_now

POLL_S = 1.0
LEASE_S = 60.0
LONGEST_PAUSE_S = 300.0

Handler = Callable[[Any], Awaitable[timedelta | None]]
"""Does one job with its payload. Returns None when done, or how long to wait before trying again."""

_log = structlog.get_logger()


class JobLoop:
    """Runs jobs one after another.

    Args:
        database: Where the jobs are.
        bus: Rings when one is due at once.
        handlers: What does each kind of job.
    """

    def __init__(self, database: Database, bus: Bus, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._bus = bus
        self._handlers = handlers
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish the job in hand, then return from `run`."""
        self._stopping.set()
        self._bus.ring(JOBS_TOPIC)

    async def run(self) -> None:
        """Run jobs until told to stop."""
        with self._bus.listen(JOBS_TOPIC) as bell:
            while not self._stopping.is_set():
                if not await self._run_due():
                    await bell.wait(POLL_S)

    async def _run_due(self) -> bool:
        """Run one due job; False when there was none."""
        try:
            async with self._database.write() as conn:
                job = await jobs.claim(conn, list(self._handlers), utc_now(), LEASE_S)
        except StoreError as error:
            _log.warning("jobs_not_claimed", error=str(error))
            return False
        if job is None:
            return False
        try:
            async with asyncio.timeout(LEASE_S):
                wait = await self._handlers[job.kind](job.payload)
            await self._settle(job, wait, "asked to be tried again")
        except Exception as error:  # noqa: BLE001  # the root of a job
            _log.exception("job_failed", job_id=job.id, kind=job.kind, attempt=job.attempts)
            pause_s = min(2.0**job.attempts, LONGEST_PAUSE_S)
            await self._settle(job, timedelta(seconds=pause_s), f"{type(error).__name__}: {error}")
        return True

    async def _settle(self, job: jobs.Job, wait: timedelta | None, error: str) -> None:
        try:
            async with self._database.write() as conn:
                if wait is None:
                    await jobs.finish(conn, job)
                else:
                    await jobs.fail(conn, job, error, utc_now() + wait)
        except StoreError as store_error:
            _log.warning("job_not_settled", job_id=job.id, error=str(store_error))
