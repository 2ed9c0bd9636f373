"""Transactions, locks and faults of the database handle."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from store import engines, orgs
from store.database import Database
from store.errors import Conflict, DatabaseFull, DatabaseLocked, DatabaseUnavailable, StoreError
from tests.store.seeds import NOW, seed_org


async def names(database: Database) -> list[str]:
    async with database.read() as conn:
        return list((await conn.execute(text("SELECT name FROM orgs ORDER BY name"))).scalars())


async def test_a_write_is_all_or_nothing(database: Database):
    await seed_org(database, "kept")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with database.write() as conn:
            await orgs.create_org(conn, "undone")
            raise ZeroDivisionError
    assert await names(database) == ["kept"]


async def test_a_reader_sees_one_moment(database: Database):
    await seed_org(database, "a")
    async with database.read() as conn:
        count = text("SELECT count(*) FROM orgs")
        assert (await conn.execute(count)).scalar_one() == 1
        await seed_org(database, "b")
        assert (await conn.execute(count)).scalar_one() == 1
    assert await names(database) == ["a", "b"]


async def test_a_reading_connection_cannot_write(database: Database):
    with pytest.raises(StoreError):
        async with database.read() as conn:
            await orgs.create_org(conn, "x")
    assert await names(database) == []


async def test_a_cancelled_write_is_undone_and_lets_the_next_one_in(database: Database):
    entered = asyncio.Event()

    async def write_for_ever() -> None:
        async with database.write() as conn:
            await orgs.create_org(conn, "undone")
            entered.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(write_for_ever())
        await entered.wait()
        task.cancel()
    await seed_org(database, "kept")
    assert await names(database) == ["kept"]


async def test_a_constraint_is_a_conflict(database: Database):
    org_id = await seed_org(database)
    with pytest.raises(Conflict):
        async with database.write() as conn:
            await conn.execute(text("INSERT INTO orgs SELECT * FROM orgs WHERE id = :id"), {"id": org_id})


async def test_many_writers_take_turns_and_none_is_lost(database: Database):
    async def read_then_write(number: int) -> None:
        async with database.write() as conn:
            await conn.execute(text("SELECT count(*) FROM orgs"))
            await orgs.create_org(conn, f"org {number:02}")

    async with asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(read_then_write(number))
    assert await names(database) == [f"org {number:02}" for number in range(30)]


async def test_a_full_disk_is_said_so_and_undone(sqlite_url: str):
    database = await Database.open(sqlite_url)
    try:
        async with database.write() as conn:
            pages = (await conn.exec_driver_sql("PRAGMA page_count")).scalar_one()
            await conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        with pytest.raises(DatabaseFull, match="full"):
            async with database.write() as conn:
                await orgs.create_org(conn, "x" * 100_000)
        assert await names(database) == []
        async with database.write() as conn:
            await conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 1000}")
            await orgs.create_org(conn, "x" * 100_000)
    finally:
        await database.close()


async def test_a_database_locked_by_a_stranger_is_said_so(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_MS", 10)
    database = await Database.open(sqlite_url)
    stranger = sqlite3.connect(tmp_path / "hum.db", isolation_level=None, check_same_thread=False)
    try:
        await asyncio.to_thread(stranger.execute, "BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked):
            await seed_org(database)
        await asyncio.to_thread(stranger.execute, "ROLLBACK")
        await seed_org(database, "later")
        assert await names(database) == ["later"]
    finally:
        stranger.close()
        await database.close()


@pytest.mark.virtual_time
async def test_another_process_that_never_stops_writing_is_not_waited_for_for_ever(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("store.file_locks._RETRY_S", 0.5)
    ours, theirs = await Database.open(sqlite_url), await Database.open(sqlite_url)
    try:
        async with theirs.write() as conn:
            await orgs.create_org(conn, "theirs")
            with pytest.raises(DatabaseLocked, match="another process has been writing for 10 s"):
                await seed_org(ours, "ours")
        await seed_org(ours, "ours")
        assert await names(ours) == ["ours", "theirs"]
    finally:
        await theirs.close()
        await ours.close()


@pytest.mark.virtual_time
async def test_a_writer_that_never_ends_keeps_its_own_process_waiting_only_so_long(sqlite_url: str):
    database = await Database.open(sqlite_url)
    try:
        async with database.write() as conn:
            await orgs.create_org(conn, "first")
            with pytest.raises(DatabaseLocked, match="this process has been writing for 10 s"):
                await seed_org(database, "second")
        assert await names(database) == ["first"]
    finally:
        await database.close()


async def test_a_second_service_on_the_same_file_is_refused(sqlite_url: str):
    service = await Database.open(sqlite_url, exclusive=True)
    try:
        with pytest.raises(DatabaseLocked, match=r"another HUM service is already running on .*hum\.db"):
            await Database.open(sqlite_url, exclusive=True)
        command = await Database.open(sqlite_url)
        await seed_org(command, "by the command line")
        await command.close()
        assert await names(service) == ["by the command line"]
    finally:
        await service.close()
    again = await Database.open(sqlite_url, exclusive=True)
    await again.close()


async def test_lock_waits_end_on_postgresql(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(engines._POSTGRES_SETTINGS, "lock_timeout", "20ms")
    database = await Database.open(postgres_url)
    try:
        org_id = await seed_org(database)
        touch = text("UPDATE orgs SET name = 'x' WHERE id = :id")
        async with database.write() as conn:
            await conn.execute(touch, {"id": org_id})
            with pytest.raises(DatabaseLocked):
                async with database.write() as other:
                    await other.execute(touch, {"id": org_id})
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("53100", DatabaseFull),
        ("40P01", DatabaseLocked),
        ("40001", DatabaseLocked),
        ("57P01", DatabaseUnavailable),
        ("53300", DatabaseUnavailable),
        ("23505", Conflict),
        ("P0001", StoreError),
    ],
)
async def test_what_the_server_says_becomes_our_error(postgres_url: str, code: str, error: type[StoreError]):
    database = await Database.open(postgres_url)
    try:
        with pytest.raises(error) as caught:
            async with database.write() as conn:
                await conn.execute(
                    text(f"DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{code}'; END $$")
                )
        assert type(caught.value) is error
        assert await names(database) == []
    finally:
        await database.close()


async def test_a_connection_the_server_cut_is_replaced(postgres_url: str):
    database = await Database.open(postgres_url)
    try:
        await seed_org(database, "before")
        with pytest.raises(DatabaseUnavailable):  # noqa: PT012
            async with database.write() as conn:
                await orgs.create_org(conn, "lost with the connection")
                await conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        await seed_org(database, "after")
        assert await names(database) == ["after", "before"]
    finally:
        await database.close()


async def test_times_are_utc_on_the_way_out_and_zoned_on_the_way_in(database: Database):
    from datetime import datetime, timedelta, timezone

    west = NOW.astimezone(timezone(timedelta(hours=-8)))
    async with database.write() as conn:
        org = await orgs.create_org(conn, "zoned", now=west)
        assert org.created_at == NOW
        assert org.created_at.utcoffset() == timedelta(0)
    with pytest.raises(StoreError):
        async with database.write() as conn:
            await orgs.create_org(conn, "naive", now=datetime(2026, 11, 24))
    assert await names(database) == ["zoned"]


@pytest.mark.parametrize("error", [TimeoutError("mine"), FileNotFoundError("mine"), KeyError("mine")])
async def test_the_callers_own_errors_pass_through(database: Database, error: Exception):
    for transaction in (database.read, database.write):
        with pytest.raises(type(error), match="mine"):
            async with transaction():
                raise error


async def test_a_statement_without_end_is_cut(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines, "STATEMENT_LIMIT_S", 0.05)
    database = await Database.open(postgres_url)
    try:
        with pytest.raises(DatabaseUnavailable, match="did not answer"):
            async with database.write() as conn:
                await conn.execute(text("SELECT pg_sleep(30)"))
        await seed_org(database, "after")
    finally:
        await database.close()
