"""The schema's lineage on both engines: built, checked, taken back, refused when wrong."""

import dataclasses
import sqlite3
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from store import api_keys, calls, flows, migrate, numbers, orgs, revisions, schema, users
from store.database import Database
from store.errors import DatabaseLocked, SchemaMissing, SchemaNewer, StoreError
from store.file_locks import FileLock
from store.urls import SqliteFile
from tests.databases import administer, postgres_database, run_apart


def test_a_migrated_database_is_what_the_code_describes(database_url: str):
    assert migrate.check(database_url) == []
    assert migrate.current_revision(database_url) == revisions.HEAD


def test_the_schema_goes_down_to_nothing_and_up_again(database_url: str):
    migrate.downgrade(database_url, "base")
    assert migrate.current_revision(database_url) is None
    assert migrate.check(database_url) == [f"the schema is missing; this version needs {revisions.HEAD}"]
    migrate.upgrade(database_url)
    migrate.upgrade(database_url)
    assert migrate.check(database_url) == []


async def _seed(url: str) -> tuple[orgs.Org, flows.StoredFlow, numbers.Number]:
    database = await Database.open(url)
    try:
        async with database.write() as conn:
            org = await orgs.create_org(conn, "Kept")
            fields = flows.FlowFields(name="Desk", greeting="Grüß Gott", speech_json='{"language": "de"}')
            flow = await flows.create_flow(conn, org.id, fields)
            number = await numbers.create_number(conn, org.id, "PN1", "+15550001", "Desk", flow.id)
            return await orgs.set_providers(conn, org.id, ["gemini"]), flow, number
    finally:
        await database.close()


async def _read(url: str, org_id: str, flow_id: str, number_id: str) -> tuple[object, object, object]:
    database = await Database.open(url)
    try:
        async with database.read() as conn:
            return (
                await orgs.get_org(conn, org_id),
                await flows.get_flow(conn, org_id, flow_id),
                await numbers.get_number(conn, org_id, number_id),
            )
    finally:
        await database.close()


def test_rows_live_through_each_migration_and_only_the_columns_taken_back_are_empty(database_url: str):
    org, flow, number = run_apart(lambda: _seed(database_url))
    migrate.downgrade(database_url, "0001")
    assert migrate.current_revision(database_url) == "0001"
    migrate.upgrade(database_url)
    assert migrate.check(database_url) == []
    assert run_apart(lambda: _read(database_url, org.id, flow.id, number.id)) == (
        dataclasses.replace(org, providers=None),
        dataclasses.replace(flow, speech_json=None),
        number,
    )


def test_the_lineage_is_the_files_found_by_module_path():
    config = Config()
    config.set_main_option("script_location", str(files("store.migrations")))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == revisions.LINEAGE
    assert (files("store.migrations") / "script.py.mako").is_file()


def _pretend(url: str, revision: str) -> None:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
        connection.close()
    else:
        name = url.rsplit("/", 1)[1]

        async def write() -> None:
            import asyncpg

            connection = await asyncpg.connect(url)
            await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
            await connection.close()

        assert name
        run_apart(write)


def test_a_newer_database_is_refused_and_left_alone(database_url: str):
    _pretend(database_url, "9999")
    with pytest.raises(SchemaNewer, match="9999"):
        migrate.upgrade(database_url)
    with pytest.raises(SchemaNewer, match="9999"):
        run_apart(lambda: Database.open(database_url))
    assert migrate.current_revision(database_url) == "9999"
    assert "9999" in migrate.check(database_url)[0]


def test_a_database_without_schema_is_refused(database_url: str):
    migrate.downgrade(database_url, "base")
    with pytest.raises(SchemaMissing, match="hum db upgrade"):
        run_apart(lambda: Database.open(database_url))


def test_an_older_database_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch):
    old = revisions.HEAD
    monkeypatch.setattr(revisions, "LINEAGE", (*revisions.LINEAGE, "next"))
    monkeypatch.setattr(revisions, "HEAD", "next")
    with pytest.raises(SchemaMissing, match=f"has schema {old} and this version needs next"):
        run_apart(lambda: Database.open(database_url))


def test_a_database_that_is_not_there_is_not_created_by_opening_it(tmp_path: Path):
    with pytest.raises(SchemaMissing, match="no database"):
        run_apart(lambda: Database.open(f"sqlite:///{tmp_path}/none.db"))
    assert list(tmp_path.iterdir()) == []
    assert migrate.current_revision(f"sqlite:///{tmp_path}/none.db") is None
    assert migrate.check(f"sqlite:///{tmp_path}/none.db") == [f"there is no database at {tmp_path}/none.db"]


def test_a_new_file_may_be_read_by_its_owner_only(tmp_path: Path):
    migrate.upgrade(f"sqlite:///{tmp_path}/sub/hum.db")
    assert (tmp_path / "sub" / "hum.db").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("sub/*before*"))


def test_a_file_with_data_is_copied_before_it_is_migrated(sqlite_url: str, tmp_path: Path):
    connection = sqlite3.connect(tmp_path / "hum.db")
    connection.execute(
        "INSERT INTO orgs (id, name, created_at) VALUES ('org_1', 'Kept', '2026-11-24T09:00:00.000000Z')"
    )
    connection.commit()
    connection.close()
    migrate.downgrade(sqlite_url, "base")
    # As far as the migration can tell this is a database at an earlier revision.
    connection = sqlite3.connect(tmp_path / "hum.db")
    connection.execute("CREATE TABLE earlier (x)")
    connection.commit()
    connection.close()
    before = migrate.current_revision(sqlite_url)
    assert before is None
    migrate.upgrade(sqlite_url)
    (copy,) = tmp_path.glob("hum.db.before-*")
    kept = sqlite3.connect(copy)
    assert kept.execute("SELECT name FROM sqlite_master WHERE name = 'earlier'").fetchall() == [("earlier",)]
    kept.close()


def test_no_migration_beside_a_running_service(sqlite_url: str, tmp_path: Path):
    migrate.downgrade(sqlite_url, "base")
    with FileLock(SqliteFile(tmp_path / "hum.db").serve_lock) as service:
        assert service.try_acquire()
        with pytest.raises(DatabaseLocked, match="stop it before migrating"):
            migrate.upgrade(sqlite_url)
    migrate.upgrade(sqlite_url)


def test_migrating_waits_for_a_writer_only_so_long(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(migrate, "_LOCK_WAIT_S", 0.01)
    with FileLock(SqliteFile(tmp_path / "hum.db").write_lock) as writer:
        assert writer.try_acquire()
        with pytest.raises(DatabaseLocked, match=r"holds .*hum\.db\.lock"):
            migrate.upgrade(sqlite_url)


def test_two_nodes_that_start_together_both_find_the_schema_built(postgres_template: str):
    from concurrent.futures import ThreadPoolExecutor

    with postgres_database() as url, ThreadPoolExecutor(2) as pool:
        for outcome in [pool.submit(migrate.upgrade, url) for _ in range(2)]:
            outcome.result()
        assert migrate.check(url) == []


def test_check_finds_a_gap_in_an_event_log(database_url: str):
    insert = (
        "INSERT INTO orgs (id, name, created_at) VALUES ('org_1', 'O', '2026-11-24T09:00:00.000000Z')",
        "INSERT INTO calls (id, org_id, direction, status, from_number, to_number, resumes, created_at,"
        " last_event_seq) VALUES ('call_1', 'org_1', 'inbound', 'ringing', '', '', 0,"
        " '2026-11-24T09:00:00.000000Z', 2)",
        "INSERT INTO call_events VALUES ('org_1', 'call_1', 2, '2026-11-24T09:00:00.000000Z', 't', '{}')",
    )

    async def plant() -> None:
        database = await Database.open(database_url)
        async with database.write() as conn:
            for statement in insert:
                await conn.exec_driver_sql(statement)
        await database.close()

    run_apart(plant)
    assert migrate.check(database_url) == ["the event log of call_1 has a gap"]


def test_check_finds_drift_and_broken_references(sqlite_url: str, tmp_path: Path):
    connection = sqlite3.connect(tmp_path / "hum.db")
    connection.execute("DROP INDEX ix_jobs_parked_run_at_id")
    connection.execute(
        "INSERT INTO memberships VALUES ('org_1', 'user_1', 'admin', '2026-11-24T09:00:00.000000Z')"
    )
    connection.commit()
    connection.close()
    problems = "\n".join(migrate.check(sqlite_url))
    assert "ix_jobs_parked_run_at_id" in problems
    assert "foreign key: a row of memberships points at a missing row of orgs" in problems


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (schema.calls, calls.Call),
        (schema.flows, flows.StoredFlow),
        (schema.numbers, numbers.Number),
        (schema.orgs, orgs.Org),
        (schema.users, users.User),
    ],
)
def test_rows_mirror_their_tables(table, row):
    assert sorted(table.c.keys()) == sorted(field.name for field in dataclasses.fields(row))
    optional = {column.name for column in table.c if column.nullable}
    for field in dataclasses.fields(row):
        told = str(field.type)
        assert ("None" in told or told.endswith("Any")) == (field.name in optional), field.name


def test_keys_are_stored_without_their_hash_in_sight():
    assert {c.name for c in schema.api_keys.c} - {"key_sha256"} == {
        field.name for field in dataclasses.fields(api_keys.ApiKey)
    }


@pytest.mark.parametrize(
    "url", ["", "hum.db", "sqlite://", "sqlite:///:memory:", "mysql://x/y", "sqlite:///a?b=c"]
)
@pytest.mark.parametrize("use", [migrate.upgrade, migrate.check, migrate.current_revision])
def test_other_urls_are_refused_with_one_line(url: str, use: Callable[[str], object]):
    with pytest.raises(StoreError, match="database URL"):
        use(url)


def test_an_unreachable_server_is_said_to_be_so():
    with pytest.raises(StoreError, match=r"cannot be (reached|used)"):
        migrate.current_revision("postgresql://nobody@127.0.0.1:1/none")


def test_administration_reaches_only_test_databases(postgres_template: str):
    (rows,) = administer(f"SELECT count(*) FROM pg_database WHERE datname = '{postgres_template}'")
    assert rows[0][0] == 1
