"""The event log: every durable fact of every call, numbered, written in batches by one task.

Whoever has something to report calls `append`, which never waits; the task in `run` writes what has gathered
and rings the bus; readers `follow` a call by number. A failing database costs nothing but time: the batch is
kept and tried again until it is written.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from store.bus import Bus, call_topic
from store.call_events import CallEvent
from store.database import Database
from store.errors import LogClosed, StoreError
from store.event_queue import EventQueue, QueuedEvent
from store.event_rows import (
    CallKey,
    EncodedEvent,
    LoggedEvent,
    UnrecognisedEvent,
    append_now,
    has_event,
    read_events,
    write_events,
)
from store.times import utc_now

__all__ = ["EventLog", "EventLogCounts", "LoggedEvent", "UnrecognisedEvent", "append_now"]

_FIRST_RETRY_S = 0.05
_LONGEST_RETRY_S = 2.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EventLogCounts:
    """Counters since the log was made, for metrics."""

    appended: int
    written: int
    waiting: int
    dropped_partials: int
    grown_past_capacity: int
    orphaned: int
    failed_writes: int


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A written batch whose commit was not confirmed, and one event of it by which to look it up."""

    key: CallKey
    event: EncodedEvent
    first: dict[CallKey, int]


class EventLog:
    """Append, write, read and follow. One per process, on one event loop.

    Args:
        database: where the events go.
        bus: rung as `call_topic(call_id)` after each commit.
        batch: events per transaction at most.
        flush_interval_s: how long an event may wait for company.
        capacity: waiting events before partials are dropped (see `store.event_queue`).
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        batch: int = 200,
        flush_interval_s: float = 0.05,
        capacity: int = 10_000,
    ) -> None:
        self._database = database
        self._bus = bus
        self._batch = batch
        self._flush_interval_s = flush_interval_s
        self._queue = EventQueue(capacity)
        self._due = asyncio.Event()  # something waits
        self._hurry = asyncio.Event()  # do not wait for company
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._closed = False
        self._ended = False
        self._unconfirmed: _Attempt | None = None
        self._written = 0
        self._orphaned = 0
        self._failed_writes = 0
        self.degraded: str | None = None
        """Why events cannot be written at the moment; None when all is well."""

    @property
    def counts(self) -> EventLogCounts:
        """Return the counters."""
        queue = self._queue
        return EventLogCounts(
            appended=queue.appended,
            written=self._written,
            waiting=len(queue),
            dropped_partials=queue.dropped_partials,
            grown_past_capacity=queue.grown_past_capacity,
            orphaned=self._orphaned,
            failed_writes=self._failed_writes,
        )

    def append(self, org_id: str, call_id: str, event: CallEvent) -> None:
        """Take an event in, stamped with the present time; never waits.

        Raises:
            LogClosed: the log has been closed.
        """
        if self._closed:
            raise LogClosed("the event log is closed and takes no more events")
        grown = self._queue.grown_past_capacity
        self._queue.put((org_id, call_id), event, EncodedEvent.of(event, utc_now()))
        if grown == 0 and self._queue.grown_past_capacity:
            _log.warning("event_queue_past_capacity", waiting=len(self._queue), degraded=self.degraded)
        self._due.set()
        if len(self._queue) >= self._batch:
            self._hurry.set()

    async def flush(self) -> None:
        """Return when everything appended before this call is committed (or dropped as a partial).

        Raises:
            LogClosed: the writer was cancelled before it got there.
        """
        if self._ended:
            if len(self._queue):
                raise LogClosed("the event log's writer has ended with events unwritten")
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append((self._queue.appended, written))
        self._due.set()
        self._hurry.set()
        await written

    async def close(self) -> None:
        """Take no more events; `run` writes what is left and returns. This returns when it has."""
        self._closed = True
        await self.flush()

    async def run(self) -> None:
        """Write events until the log is closed and everything is written."""
        try:
            while True:
                await self._due.wait()
                await self._gather()
                batch = self._queue.take(self._batch)
                if batch:
                    await self._write(batch)
                self._settle()
                if self._closed and not len(self._queue):
                    return
        finally:
            self._end()

    async def _gather(self) -> None:
        """Give the first waiting event a little time for company."""
        try:
            async with asyncio.timeout(self._flush_interval_s):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _settle(self) -> None:
        """Release those whose events are written, and decide whether there is more to do."""
        done_to = self._queue.next_number - 1
        for target, written in self._flushes:
            if target <= done_to and not written.done():
                written.set_result(None)
        self._flushes = [(target, written) for target, written in self._flushes if not written.done()]
        if len(self._queue) < self._batch and not self._flushes and not self._closed:
            self._hurry.clear()
        if not len(self._queue) and not self._closed:
            self._due.clear()

    def _end(self) -> None:
        self._closed = self._ended = True
        if len(self._queue):
            _log.error("events_unwritten_at_end", waiting=len(self._queue))
        for _, written in self._flushes:
            if not written.done():
                written.set_exception(LogClosed("the event log's writer ended before these were written"))
        self._flushes.clear()

    async def _write(self, batch: list[QueuedEvent]) -> None:
        """Write one batch, however long it takes."""
        pause_s = _FIRST_RETRY_S
        while (first := await self._write_or_fail(batch)) is None:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)
        if self.degraded is not None:
            _log.info("event_log_recovered", waiting=len(self._queue))
            self.degraded = None
        self._unconfirmed = None
        self._count(batch, first)
        for _, call_id in first:
            self._bus.ring(call_topic(call_id))

    async def _write_or_fail(self, batch: list[QueuedEvent]) -> dict[CallKey, int] | None:
        try:
            return await self._try_to_write(batch)
        except StoreError as error:
            self._failed_writes += 1
            if self.degraded is None:
                _log.error("event_log_degraded", error=str(error), waiting=len(self._queue))
            self.degraded = str(error)
            return None

    async def _try_to_write(self, batch: list[QueuedEvent]) -> dict[CallKey, int]:
        async with self._database.write() as conn:
            attempt = self._unconfirmed
            if attempt is not None and await _was_committed(conn, attempt):
                return attempt.first  # the last attempt was committed, only the word of it was lost
            first = await write_events(conn, [(queued.key, queued.event) for queued in batch])
            head = next((queued for queued in batch if queued.key in first), None)
            if head is not None:
                self._unconfirmed = _Attempt(head.key, head.event, first)
        return first

    def _count(self, batch: list[QueuedEvent], first: dict[CallKey, int]) -> None:
        orphans = [queued for queued in batch if queued.key not in first]
        self._written += len(batch) - len(orphans)
        self._orphaned += len(orphans)
        if orphans:
            _log.error("events_of_no_call", calls=sorted({queued.key[1] for queued in orphans}))

    async def read(self, org_id: str, call_id: str, after: int = 0, limit: int = 500) -> list[LoggedEvent]:
        """Return up to `limit` events of a call that come after number `after`, in order."""
        async with self._database.read() as conn:
            return await read_events(conn, org_id, call_id, after, limit)

    async def follow(
        self, org_id: str, call_id: str, after: int = 0, ping_s: float = 15.0
    ) -> AsyncGenerator[LoggedEvent | None, None]:
        """Yield a call's events after number `after`, those written and those to come, for as long as asked.

        Each comes once and in order. None is yielded when `ping_s` seconds passed without one, or when the
        topic rang for another reason; the log is looked at after that as well, so events written by another
        process come late but surely. Close the iterator when done (`contextlib.aclosing`).
        """
        with self._bus.listen(call_topic(call_id)) as bell:
            waited = False
            while True:
                events = await self.read(org_id, call_id, after)
                for logged in events:
                    after = logged.seq
                    yield logged
                if waited and not events:
                    yield None
                waited = not events
                if waited:
                    await bell.wait(ping_s)


async def _was_committed(conn: AsyncConnection, attempt: _Attempt) -> bool:
    return await has_event(conn, attempt.key, attempt.first[attempt.key], attempt.event)
