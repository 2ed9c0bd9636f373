"""Real processes on one database: a command beside the service, a killed writer, a copy under writes."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from store import migrate
from store.database import Database
from store.errors import StoreError
from tests.databases import run_apart
from tests.store.seeds import seed_call, seed_org

EXTRA = ["-m", "tests.store.service_process"]


def start(url: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, *EXTRA, url, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", line + (process.stderr.read() if process.stderr else "")
    return process


def seed(url: str) -> tuple[str, str]:
    async def run() -> tuple[str, str]:
        database = await Database.open(url)
        try:
            org_id = await seed_org(database, "Seed")
            return org_id, await seed_call(database, org_id)
        finally:
            await database.close()

    return run_apart(run)


def digits_of(rows: list[tuple[str]]) -> list[int]:
    import msgspec

    return [int(msgspec.json.decode(data)["digit"]) for (data,) in rows]


def events(url: str, call_id: str) -> list[int]:
    async def run() -> list[int]:
        from sqlalchemy import text

        database = await Database.open(url)
        try:
            async with database.read() as conn:
                query = text("SELECT data FROM call_events WHERE call_id = :id ORDER BY seq")
                return digits_of([tuple(row) for row in await conn.execute(query, {"id": call_id})])
        finally:
            await database.close()

    return run_apart(run)


def test_a_command_writes_beside_a_writing_service_and_nothing_is_lost(database_url: str):
    org_id, call_id = seed(database_url)
    service = start(database_url, org_id, call_id, "--exclusive", "--events", "400")
    commands = [start(database_url, "--orgs", "60") for _ in range(2)]
    for process in [service, *commands]:
        out, err = process.communicate(timeout=50)
        assert process.returncode == 0, err
        assert "locked" not in err
        assert out.count("\n") in (80, 60)
    assert events(database_url, call_id) == list(range(400))
    assert migrate.check(database_url) == []


@pytest.mark.parametrize("acknowledged", [1, 7, 20])
def test_a_killed_writer_leaves_a_sound_database_with_every_acknowledged_event(
    database_url: str, acknowledged: int
):
    org_id, call_id = seed(database_url)
    process = start(database_url, org_id, call_id, "--exclusive", "--events", "1000000")
    assert process.stdout is not None
    last = -1
    for _ in range(acknowledged):
        last = int(process.stdout.readline().removeprefix("acked "))
    process.kill()
    rest, _ = process.communicate(timeout=20)
    told = [int(line.removeprefix("acked ")) for line in rest.splitlines() if line.startswith("acked ")]
    assert process.returncode == -9
    stored = events(database_url, call_id)
    assert stored == list(range(len(stored)))
    assert len(stored) > max([last, *told[:-1]])
    assert migrate.check(database_url) == []
    # The dead process holds no lock: the next service starts.
    after = start(database_url, "--exclusive", "--orgs", "1")
    assert after.wait(timeout=20) == 0
    after.communicate()


def test_a_second_service_process_is_refused(sqlite_url: str):
    org_id, call_id = seed(sqlite_url)
    first = start(sqlite_url, org_id, call_id, "--exclusive", "--events", "1000000")
    try:
        second = subprocess.run(
            [sys.executable, *EXTRA, sqlite_url, "--exclusive"], capture_output=True, text=True, timeout=20
        )
        assert second.returncode != 0
        assert "another HUM service is already running" in second.stderr
    finally:
        first.kill()
        first.communicate()


def test_a_copy_taken_under_writes_is_one_moment_and_opens(sqlite_url: str, tmp_path: Path):
    org_id, call_id = seed(sqlite_url)
    service = start(sqlite_url, org_id, call_id, "--exclusive", "--events", "1000000")
    try:
        assert service.stdout is not None
        for number in range(3):
            acknowledged = int(service.stdout.readline().removeprefix("acked "))
            copy = tmp_path / f"copy{number}.db"
            migrate.backup(sqlite_url, copy)
            url = f"sqlite:///{copy}"
            assert migrate.check(url) == []
            stored = events(url, call_id)
            assert stored == list(range(len(stored)))
            assert len(stored) > acknowledged
        with pytest.raises(StoreError, match="never overwrites"):
            migrate.backup(sqlite_url, copy)
        assert not list(tmp_path.glob("*.partial"))
    finally:
        service.kill()
        service.communicate()
    assert copy.stat().st_mode & 0o077 == 0


def test_a_copy_needs_a_database_and_a_place(sqlite_url: str, postgres_url: str, tmp_path: Path):
    with pytest.raises(StoreError, match="pg_dump"):
        migrate.backup(postgres_url, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="no database"):
        migrate.backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "copy.db")
    with pytest.raises(StoreError):
        migrate.backup(sqlite_url, tmp_path / "no" / "such" / "place.db")
    assert not (tmp_path / "copy.db").exists()


def test_reading_never_checkpoints(sqlite_url: str, tmp_path: Path):
    """Closing a reader must not write: only the holder of the write lock may."""
    seed(sqlite_url)
    writer = sqlite3.connect(tmp_path / "hum.db", isolation_level=None)
    writer.execute("UPDATE orgs SET name = 'in the log'")
    before = (tmp_path / "hum.db").read_bytes()
    assert migrate.check(sqlite_url) == []
    assert migrate.current_revision(sqlite_url) is not None
    assert (tmp_path / "hum.db").read_bytes() == before
    writer.close()
    assert (tmp_path / "hum.db").read_bytes() != before
