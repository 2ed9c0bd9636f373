"""The event log: gapless numbers, batches, following without loss or repeat, faults survived."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from store import call_events as ce
from store.bus import Bus, call_topic
from store.database import Database
from store.errors import DatabaseFull, DatabaseUnavailable, LogClosed, NotFound
from store.event_log import EventLog, UnrecognisedEvent, append_now
from store.event_queue import EventQueue
from store.event_rows import EncodedEvent
from tests.store.seeds import NOW, running_log, seed_call, seed_org


def final(text: str) -> ce.TranscriptFinal:
    return ce.TranscriptFinal(turn_id=text, party="caller", text=text, started_ms=0, ended_ms=1)


def partial(text: str) -> ce.TranscriptPartial:
    return ce.TranscriptPartial(turn_id="t", party="agent", text=text)


async def texts(log: EventLog, org_id: str, call_id: str) -> list[str]:
    return [logged.event.text for logged in await log.read(org_id, call_id, limit=100_000)]


async def test_events_come_back_as_they_went_in(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    sent = [
        ce.CallReceived(from_number="+1", to_number="\x00 and \ud800", flow_id=None),
        ce.ToolCalled(tool_call_id="t", name="n", arguments={"a": [1, None, {"é": "\x00"}]}),
        ce.CallEnded(status="completed", disposition="hung_up", reason="", duration_ms=1),
    ]
    async with running_log(database) as log:
        for event in sent:
            log.append(org_id, call_id, event)
        await log.flush()
        logged = await log.read(org_id, call_id)
    assert [entry.seq for entry in logged] == [1, 2, 3]
    assert [entry.type for entry in logged] == [event.type_name() for event in sent]
    assert logged[0].event == ce.CallReceived(from_number="+1", to_number="\x00 and \ufffd", flow_id=None)
    assert [entry.event for entry in logged[1:]] == sent[1:]
    assert logged[0].at <= logged[1].at <= logged[2].at


async def test_every_event_type_survives_a_round_trip(database: Database):
    import msgspec

    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    samples = {str: "x", int: 1, bool: True, "Party": "caller"}
    events = []
    for cls in ce.EVENT_TYPES.values():
        values = {}
        for field in msgspec.structs.fields(cls):
            if field.required:
                values[field.name] = next(
                    (samples[kind] for kind in (str, int, bool) if field.type is kind),
                    {} if "dict" in str(field.type) else getattr(field.type, "__args__", ["?"])[0],
                )
        events.append(cls(**values))
    async with database.write() as conn:
        assert await append_now(conn, org_id, call_id, events, NOW) == len(ce.EVENT_TYPES)
    async with running_log(database) as log:
        assert [logged.event for logged in await log.read(org_id, call_id)] == events


async def test_an_event_of_a_later_version_is_kept_readable(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    async with database.write() as conn:
        await append_now(conn, org_id, call_id, [final("a")], NOW)
        await conn.execute(
            text("UPDATE call_events SET type = 'call.teleported', data = '{\"to\": \"Mars\"}'")
        )
    async with running_log(database) as log:
        (logged,) = await log.read(org_id, call_id)
    assert logged.type == "call.teleported"
    assert logged.event == UnrecognisedEvent(stored_type="call.teleported", fields={"to": "Mars"})


async def test_numbers_are_gapless_and_ordered_with_many_writers_of_many_kinds(database: Database):
    org_id = await seed_org(database)
    call_ids = [await seed_call(database, org_id) for _ in range(5)]

    async def in_own_transaction(call_id: str, log: EventLog) -> None:
        for number in range(10):
            async with database.write() as conn:
                await append_now(conn, org_id, call_id, [final(f"now {number}")] * 2, NOW)
            log.append(org_id, call_id, final(f"between {number}"))

    async def through_the_log(log: EventLog, who: int) -> None:
        for number in range(60):
            log.append(org_id, call_ids[number % 5], final(f"log {who} {number:03}"))
            if number % 7 == who:
                await log.flush()

    async with running_log(database, batch=7) as log, running_log(database, batch=3) as other:
        async with asyncio.TaskGroup() as group:
            for call_id in call_ids:
                group.create_task(in_own_transaction(call_id, log))
            for who in range(3):
                group.create_task(through_the_log(log if who else other, who))
        await log.flush()
        await other.flush()
        for call_id in call_ids:
            logged = await log.read(org_id, call_id, limit=1000)
            assert [entry.seq for entry in logged] == list(range(1, 1 + 10 * 3 + 3 * 12))
            for who in range(3):
                mine = [e.event.text for e in logged if e.event.text.startswith(f"log {who}")]
                assert mine == sorted(mine)


async def test_what_gathers_is_written_in_batches(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    bus = Bus()
    rings = 0
    with bus.listen(call_topic(call_id)) as bell:
        original = bell.ring

        def count() -> None:
            nonlocal rings
            rings += 1
            original()

        bell.ring = count
        async with running_log(database, bus, batch=20) as log:
            for number in range(100):
                log.append(org_id, call_id, final(f"{number:03}"))
            await log.flush()
            assert await texts(log, org_id, call_id) == [f"{number:03}" for number in range(100)]
    assert rings == 5


async def test_events_of_no_call_are_counted_and_hold_nothing_up(database: Database):
    org_id, other = await seed_org(database), await seed_org(database, "Other")
    call_id = await seed_call(database, org_id)
    async with running_log(database) as log:
        log.append(org_id, "call_none", final("nowhere"))
        log.append(other, call_id, final("another org's"))
        log.append(org_id, call_id, final("here"))
        await log.flush()
        assert await texts(log, org_id, call_id) == ["here"]
        assert await log.read(other, call_id) == []
        assert (log.counts.orphaned, log.counts.written) == (2, 1)
    with pytest.raises(NotFound):
        async with database.write() as conn:
            await append_now(conn, other, call_id, [final("x")], NOW)


@pytest.mark.parametrize("stop_after", [1, 2, 3, 7, 50])
async def test_a_reader_that_is_cut_and_resumes_misses_nothing_and_repeats_nothing(
    database: Database, stop_after: int
):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    bus = Bus()
    total = 60

    async def write(log: EventLog) -> None:
        for number in range(total):
            log.append(org_id, call_id, final(f"{number:03}"))
            if number % 4 == 0:
                await log.flush()

    async def read(log: EventLog) -> list[int]:
        seen: list[int] = []
        while len(seen) < total:
            async with contextlib.aclosing(log.follow(org_id, call_id, seen[-1] if seen else 0)) as events:
                taken = 0
                async for logged in events:
                    if logged is None:
                        continue  # rung for events that were read already
                    seen.append(logged.seq)
                    taken += 1
                    if taken == stop_after or len(seen) == total:
                        break
        return seen

    async with running_log(database, bus, batch=5) as log, asyncio.TaskGroup() as group:
        readers = [group.create_task(read(log)) for _ in range(3)]
        group.create_task(write(log))
    for reader in readers:
        assert reader.result() == list(range(1, total + 1))


@pytest.mark.virtual_time
async def test_a_quiet_log_ticks(sqlite_url: str):
    database = await Database.open(sqlite_url)
    try:
        org_id = await seed_org(database)
        call_id = await seed_call(database, org_id)
        loop = asyncio.get_running_loop()
        async with running_log(database) as log:
            started = loop.time()
            async with contextlib.aclosing(log.follow(org_id, call_id, ping_s=15)) as events:
                assert await anext(events) is None
                assert await anext(events) is None
                assert loop.time() - started == pytest.approx(30)
                # Written by another process: no bell rings here, the next tick finds it.
                async with asyncio.TaskGroup() as group:
                    waiting = group.create_task(anext(events))
                    await asyncio.sleep(1)
                    async with database.write() as conn:
                        await append_now(conn, org_id, call_id, [final("unrung")], NOW)
                assert waiting.result().event.text == "unrung"
                assert loop.time() - started == pytest.approx(45)
    finally:
        await database.close()


class FaultyDatabase:
    """A database whose next writing transactions fail: before the work, or after the commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.fail_before: list[Exception] = []
        self.fail_after_commit: list[Exception] = []
        self.read = database.read

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[object]:
        if self.fail_before:
            raise self.fail_before.pop(0)
        async with self._database.write() as conn:
            yield conn
        if self.fail_after_commit:
            raise self.fail_after_commit.pop(0)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.event_log._FIRST_RETRY_S", 0.001)
    monkeypatch.setattr("store.event_log._LONGEST_RETRY_S", 0.002)


async def test_a_failing_database_keeps_everything_and_writes_it_later(
    database: Database, quick_retries: None
):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    faulty = FaultyDatabase(database)
    faulty.fail_before = [DatabaseFull("planted"), DatabaseUnavailable("planted too"), DatabaseFull("again")]
    async with running_log(faulty, batch=10) as log:
        assert log.degraded is None
        for number in range(25):
            log.append(org_id, call_id, final(f"{number:03}"))
        while log.degraded is None:
            await asyncio.sleep(0)
        assert log.degraded == "planted"
        await log.flush()
        assert log.degraded is None
        assert await texts(log, org_id, call_id) == [f"{number:03}" for number in range(25)]
        assert log.counts.failed_writes == 3


async def test_a_commit_whose_confirmation_was_lost_is_not_repeated(database: Database, quick_retries: None):
    org_id = await seed_org(database)
    call_ids = [await seed_call(database, org_id) for _ in range(2)]
    faulty = FaultyDatabase(database)
    faulty.fail_after_commit = [DatabaseUnavailable("the word was lost")] * 2
    async with running_log(faulty, batch=10) as log:
        for number in range(30):
            log.append(org_id, call_ids[number % 2], final(f"{number:03}"))
        log.append(org_id, "call_none", final("nowhere"))
        await log.flush()
        for which in (0, 1):
            assert await texts(log, org_id, call_ids[which]) == [f"{n:03}" for n in range(which, 30, 2)]
        assert (log.counts.written, log.counts.orphaned) == (30, 1)


async def test_a_closed_log_takes_nothing_and_has_written_everything(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    async with running_log(database, flush_interval_s=3600) as log:
        log.append(org_id, call_id, final("last words"))
    assert await texts(log, org_id, call_id) == ["last words"]
    with pytest.raises(LogClosed):
        log.append(org_id, call_id, final("too late"))
    await log.flush()
    await log.close()


async def test_those_who_wait_are_told_when_the_writer_is_cancelled(database: Database, quick_retries: None):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    faulty = FaultyDatabase(database)
    faulty.fail_before = [DatabaseFull("for good")] * 1_000_000
    log = EventLog(faulty, Bus(), flush_interval_s=0.001)
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(log.run())
        log.append(org_id, call_id, final("x"))
        flushing = group.create_task(_raises_log_closed(log))
        while log.degraded is None:
            await asyncio.sleep(0)
        writer.cancel()
    assert flushing.result()
    with pytest.raises(LogClosed):
        log.append(org_id, call_id, final("y"))


async def _raises_log_closed(log: EventLog) -> bool:
    with pytest.raises(LogClosed):
        await log.flush()
    return True


def _queue_texts(queue: EventQueue) -> list[str]:
    import msgspec

    taken = queue.take(10_000)
    assert len(queue) == 0
    return [msgspec.json.decode(queued.event.data)["text"] for queued in taken]


def _put(queue: EventQueue, event: ce.TranscriptFinal | ce.TranscriptPartial) -> None:
    queue.put(("org", "call"), event, EncodedEvent.of(event, NOW))


def test_overflow_drops_the_oldest_partials_and_nothing_else():
    queue = EventQueue(capacity=4)
    for event in (
        partial("p1"),
        final("f1"),
        partial("p2"),
        final("f2"),
        final("f3"),
        final("f4"),
        final("f5"),
    ):
        _put(queue, event)
    assert queue.dropped_partials == 2
    assert queue.grown_past_capacity == 1
    assert _queue_texts(queue) == ["f1", "f2", "f3", "f4", "f5"]


def test_a_partial_without_room_and_without_an_older_one_is_itself_dropped():
    queue = EventQueue(capacity=2)
    for event in (final("f1"), final("f2"), partial("p1")):
        _put(queue, event)
    assert (queue.dropped_partials, queue.grown_past_capacity) == (1, 0)
    assert queue.next_number == 1
    assert _queue_texts(queue) == ["f1", "f2"]
    assert queue.next_number == 4


def test_what_was_taken_can_no_longer_be_dropped():
    queue = EventQueue(capacity=2)
    _put(queue, partial("p1"))
    _put(queue, partial("p2"))
    assert [queued.number for queued in queue.take(1)] == [1]
    _put(queue, final("f1"))
    _put(queue, final("f2"))
    assert queue.dropped_partials == 1
    assert _queue_texts(queue) == ["f1", "f2"]


async def test_a_flush_is_not_held_up_by_dropped_partials(database: Database):
    org_id = await seed_org(database)
    call_id = await seed_call(database, org_id)
    async with running_log(database, capacity=3) as log:
        for number in range(10):
            log.append(org_id, call_id, partial(f"p{number}"))
        log.append(org_id, call_id, final("f"))
        await log.flush()
        assert await texts(log, org_id, call_id) == ["p8", "p9", "f"]
        assert log.counts.dropped_partials == 8
