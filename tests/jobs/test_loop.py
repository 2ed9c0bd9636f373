"""The job loop in virtual time: when jobs run, and what becomes of those that fail, wait or hang."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobs import loop as job_loop
from jobs.loop import LEASE_S, LONGEST_PAUSE_S, POLL_S, Handler, JobLoop
from store import jobs, orgs
from store.bus import JOBS_TOPIC, Bus
from store.database import Database
from store.errors import DatabaseLocked, DatabaseUnavailable
from tests.databases import sqlite_template, sqlite_url
from tests.virtual_time import START_UTC, utc_now

__all__ = ["sqlite_template", "sqlite_url"]

pytestmark = pytest.mark.virtual_time


class Office:
    """A database, a bus, a loop at work, and the times at which things happened."""

    def __init__(self, database: Database, org_id: str) -> None:
        self.database = database
        self.org_id = org_id
        self.bus = Bus()
        self.handlers: dict[str, Handler] = {}
        self.loop = JobLoop(database, self.bus, self.handlers)
        self.ran: list[tuple[float, Any]] = []

    def now_s(self) -> float:
        return (utc_now() - START_UTC).total_seconds()

    def does(self, kind: str, work: Callable[[Any], Any] = lambda payload: None) -> None:
        """Handle a kind of job: note when, then do what `work` says (raise, wait, or be done)."""

        async def handle(payload: Any) -> timedelta | None:
            self.ran.append((self.now_s(), payload))
            result = work(payload)
            return await result if asyncio.iscoroutine(result) else result

        self.handlers[kind] = handle

    async def put(self, kind: str, payload: Any = 0, *, ring: bool = True, **options: Any) -> str:
        async with self.database.write() as conn:
            job_id = await jobs.enqueue(conn, self.org_id, kind, payload, now=utc_now(), **options)
        if ring:
            self.bus.ring(JOBS_TOPIC)
        assert job_id is not None
        return job_id

    async def parked(self) -> list[jobs.Job]:
        async with self.database.read() as conn:
            return await jobs.parked(conn, self.org_id)

    async def left(self) -> jobs.Job | None:
        """A job that is not done, whenever it may be due."""
        async with self.database.write() as conn:
            return await jobs.claim(conn, ["x", "y"], utc_now() + timedelta(days=2), 0)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with asyncio.timeout(3600), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.loop.run(), name="jobs")
            yield
            assert not running.done(), "the loop goes on, whatever happened"
            self.loop.stop()


@pytest.fixture
async def office(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(job_loop, "utc_now", utc_now)
    database = await Database.open(sqlite_url)
    try:
        with capture_logs():
            async with database.write() as conn:
                org = await orgs.create_org(conn, "Willow Creek Dental")
            yield Office(database, org.id)
    finally:
        await database.close()


def fail(payload: Any) -> None:
    raise RuntimeError(f"no luck with {payload}")


async def test_a_due_job_runs_at_once_when_the_bell_rings(office: Office) -> None:
    office.does("x")
    async with office.at_work():
        await asyncio.sleep(10.3)
        await office.put("x", {"n": 1})
        await asyncio.sleep(0.01)
        assert [payload for _, payload in office.ran] == [{"n": 1}]
        assert office.ran[0][0] == pytest.approx(10.3, abs=0.001)
    assert await office.left() is None, "a job that is done is gone"


async def test_without_a_bell_it_is_found_at_the_next_look(office: Office) -> None:
    office.does("x")
    async with office.at_work():
        await asyncio.sleep(10.3)
        await office.put("x", ring=False)
        await asyncio.sleep(POLL_S)
        ((at_s, _),) = office.ran
        assert 10.3 < at_s <= 10.3 + POLL_S


async def test_jobs_wait_for_their_time_and_run_oldest_first_without_a_pause(office: Office) -> None:
    office.does("x")
    office.does("y")
    for n, (kind, due_s) in enumerate([("x", 0.0), ("y", -5.0), ("x", 30.0), ("y", -2.0)]):
        await office.put(kind, n, run_at=START_UTC + timedelta(seconds=due_s))
    async with office.at_work():
        await asyncio.sleep(29)
        assert [n for _, n in office.ran] == [1, 3, 0]
        assert office.ran[-1][0] < 0.001
        await asyncio.sleep(2 + POLL_S)
        assert [n for _, n in office.ran] == [1, 3, 0, 2]
        assert 30 <= office.ran[-1][0] <= 30 + POLL_S


async def test_jobs_nobody_here_does_are_left_to_others(office: Office) -> None:
    office.does("x")
    job_id = await office.put("y")
    async with office.at_work():
        await asyncio.sleep(60)
    assert office.ran == []
    left = await office.left()
    assert left is not None
    assert (left.id, left.attempts) == (job_id, 1), "the only claim is the test's own"


async def test_a_failing_job_is_retried_after_growing_pauses_and_parked_at_last(office: Office) -> None:
    office.does("x", fail)
    job_id = await office.put("x", "it", max_attempts=10)
    async with office.at_work():
        await asyncio.sleep(850)
        times = [at_s for at_s, _ in office.ran]
        pauses = [later - earlier for earlier, later in pairwise(times)]
        wanted = [min(2.0**attempt, LONGEST_PAUSE_S) for attempt in range(1, 10)]
        assert len(pauses) == len(wanted) == 9
        assert all(want <= pause <= want + POLL_S for want, pause in zip(wanted, pauses, strict=True)), pauses
        (given_up,) = await office.parked()
        assert (given_up.id, given_up.attempts) == (job_id, 10)
        assert given_up.last_error == "RuntimeError: no luck with it"
        await asyncio.sleep(2 * LONGEST_PAUSE_S)
        assert len(office.ran) == 10


async def test_others_run_while_a_failed_job_pauses(office: Office) -> None:
    office.does("x", fail)
    office.does("y")
    async with office.at_work():
        await office.put("x")
        await asyncio.sleep(0.5)
        await office.put("y", "other")
        await asyncio.sleep(0.01)
        assert [payload for _, payload in office.ran] == [0, "other"]


async def test_a_job_that_asks_to_wait_is_tried_again_then(office: Office) -> None:
    waits = [timedelta(seconds=90), timedelta(seconds=0), None]
    office.does("x", lambda _: waits[len(office.ran) - 1])
    await office.put("x")
    async with office.at_work():
        await asyncio.sleep(600)
        first, second, third = (at_s for at_s, _ in office.ran)
        assert 90 <= second - first <= 90 + POLL_S
        assert third - second < 0.001
    assert await office.left() is None
    assert await office.parked() == []


async def test_a_job_that_hangs_is_cut_when_its_lease_ends_and_runs_again(office: Office) -> None:
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cut")

    office.does("x", lambda _: hang() if len(office.ran) == 1 else None)
    office.does("y")
    await office.put("x")
    async with office.at_work():
        await asyncio.sleep(LEASE_S - 1)
        assert ended == []
        await office.put("y")
        await asyncio.sleep(1.5)
        assert ended == ["cut"]
        assert len(office.ran) == 2, "the next job has its turn"
        await asyncio.sleep(2 + POLL_S)
        assert len(office.ran) == 3
        assert office.ran[2][0] >= LEASE_S + 2
    assert await office.left() is None


async def test_stop_finishes_the_job_in_hand_and_begins_no_other(office: Office) -> None:
    finished: list[float] = []

    async def slow() -> None:
        await asyncio.sleep(5)
        finished.append(office.now_s())

    office.does("x", lambda _: slow())
    await office.put("x", "first")
    await office.put("x", "second")
    async with office.at_work():
        await asyncio.sleep(1)
    assert finished == [pytest.approx(5, abs=0.001)]
    assert office.now_s() == pytest.approx(5, abs=0.001)
    left = await office.left()
    assert left is not None
    assert (left.payload, left.attempts) == ("second", 1)


async def test_stop_ends_an_idle_loop_at_once(office: Office) -> None:
    office.does("x")
    async with office.at_work():
        await asyncio.sleep(0.25)
    assert office.now_s() == pytest.approx(0.25, abs=0.001)


class Broken:
    """Makes a database's writes fail for a while."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.refused = 0
        write = database.write

        @asynccontextmanager
        async def maybe() -> AsyncIterator[Any]:
            if self.error is not None:
                self.refused += 1
                raise self.error
            async with write() as conn:
                yield conn

        monkeypatch.setattr(database, "write", maybe)


@pytest.mark.parametrize("error", [DatabaseLocked("locked"), DatabaseUnavailable("gone")])
async def test_a_database_that_fails_only_delays(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    office.does("x")
    await office.put("x")
    broken = Broken(office.database, monkeypatch)
    broken.error = error
    async with office.at_work():
        await asyncio.sleep(30)
        assert office.ran == []
        assert 25 <= broken.refused <= 35, "it looks once in a while, not all the time"
        broken.error = None
        await asyncio.sleep(POLL_S + 0.01)
        assert len(office.ran) == 1
    assert await office.left() is None


async def test_a_job_whose_end_cannot_be_written_runs_again_when_its_lease_is_over(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(office.database, monkeypatch)

    def break_once(_: Any) -> None:
        broken.error = DatabaseLocked("locked") if len(office.ran) == 1 else None

    office.does("x", break_once)
    await office.put("x")
    async with office.at_work():
        await asyncio.sleep(10)
        broken.error = None
        await asyncio.sleep(LEASE_S)
        assert [round(at_s) for at_s, _ in office.ran] == [0, round(LEASE_S)]
    assert await office.left() is None
