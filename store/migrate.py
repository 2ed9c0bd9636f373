"""Bring a database's schema up to date, check it, copy it.

Everything here blocks and runs its own event loop where it needs one: call it from a command or, inside a
running service, through `asyncio.to_thread`.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, event, func, select, text
from sqlalchemy.engine import Connection

from store.database import read_revision
from store.engines import postgres
from store.errors import DatabaseLocked, SchemaNewer, StoreError
from store.file_locks import FileLock
from store.revisions import HEAD, LINEAGE
from store.schema import call_events, calls, metadata
from store.times import utc_now
from store.translate import library_errors_translated, system_errors_translated
from store.urls import PostgresServer, SqliteFile, parse_url

T = TypeVar("T")
_LOCK_WAIT_S = 10
_ADVISORY_LOCK = 0x48554D  # "HUM": two nodes that start together migrate one after the other


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema to the newest revision, creating the database file when there is none.

    An SQLite file that holds anything already is copied first, to `<file>.before-<revision>-<time>`.

    Raises:
        SchemaNewer: the database is ahead of this code; nothing was touched.
        DatabaseLocked: a service is running on an SQLite file that needs migrating.
    """
    match parse_url(url):
        case SqliteFile() as file:
            with _writing_alone(file):
                had_data = file.path.exists() and file.path.stat().st_size > 0
                before = _on_sqlite(file, read_revision, mode="rwc")
                _refuse_newer(before)
                if before == _resolve(revision):
                    return
                _refuse_beside_service(file)
                if had_data:
                    stamp = utc_now().strftime("%Y%m%dT%H%M%SZ")
                    _copy(file, file.path.with_name(f"{file.path.name}.before-{HEAD}-{stamp}"))
                _on_sqlite(file, lambda connection: _migrate(connection, revision), mode="rw")
        case PostgresServer() as server:
            _on_postgres(server, lambda connection: _migrate(connection, revision))


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to `revision` (`base` removes everything). For development and tests."""
    match parse_url(url):
        case SqliteFile() as file:
            with _writing_alone(file):
                _refuse_beside_service(file)
                _on_sqlite(file, lambda connection: _alembic(connection, command.downgrade, revision), "rw")
        case PostgresServer() as server:
            _on_postgres(server, lambda connection: _alembic(connection, command.downgrade, revision))


def current_revision(url: str) -> str | None:
    """Return the schema revision the database has; None for a database without one or no database."""
    match parse_url(url):
        case SqliteFile() as file:
            return _on_sqlite(file, read_revision, mode="ro") if file.path.exists() else None
        case PostgresServer() as server:
            return _on_postgres(server, read_revision)


def check(url: str) -> list[str]:
    """Look for damage and drift; return what is wrong, one sentence each, nothing when all is well.

    Looked at: the schema revision, the tables against this code, SQLite's own integrity and foreign keys, and
    that no call's event log has a gap.
    """
    match parse_url(url):
        case SqliteFile() as file:
            if not file.path.exists():
                return [f"there is no database at {file.path}"]
            return _on_sqlite(file, _problems, mode="ro")
        case PostgresServer() as server:
            return _on_postgres(server, _problems)


def backup(url: str, file: str | Path) -> None:
    """Copy an SQLite database while it is in use; the copy is one moment of it, complete on disk on return.

    Args:
        url: the database.
        file: where the copy goes; must not exist.

    Raises:
        StoreError: the target exists or the database is PostgreSQL (use pg_dump there).
    """
    target = Path(file)
    match parse_url(url):
        case SqliteFile() as source:
            if not source.path.exists():
                raise StoreError(f"there is no database at {source.path}")
            if target.exists():
                raise StoreError(f"{target} exists already; a backup never overwrites")
            _copy(source, target)
        case PostgresServer():
            raise StoreError("only SQLite databases are copied this way; for PostgreSQL use pg_dump")


def _resolve(revision: str) -> str:
    return HEAD if revision == "head" else revision


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision not in LINEAGE:
        raise SchemaNewer(f"the database has schema {revision}, newer than this version's {HEAD}")


@contextmanager
def _writing_alone(file: SqliteFile) -> Iterator[None]:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.write_lock) as lock:
        lock.acquire_blocking(_LOCK_WAIT_S)
        yield


def _refuse_beside_service(file: SqliteFile) -> None:
    with FileLock(file.serve_lock) as lock:
        if not lock.try_acquire():
            raise DatabaseLocked(f"a HUM service is running on {file.path}; stop it before migrating")


def _migrate(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    _refuse_newer(read_revision(connection))
    _alembic(connection, command.upgrade, revision)


def _alembic(connection: Connection, run: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("store.migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    run(config, revision)


def _on_sqlite(file: SqliteFile, work: Callable[[Connection], T], mode: str) -> T:
    with library_errors_translated(), system_errors_translated():
        if mode == "rwc":  # only the owner may read what callers said
            os.close(os.open(file.path, os.O_RDWR | os.O_CREAT, 0o600))
        engine = create_engine("sqlite://", creator=lambda: _connect(file, mode), poolclass=NullPool)
        event.listen(engine, "begin", _begin)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()


def _connect(file: SqliteFile, mode: str) -> sqlite3.Connection:
    # Foreign keys stay off here: Alembic's batch mode replaces whole tables. `check` looks at them.
    connection = sqlite3.connect(file.uri(mode=mode), uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA schema_version")  # the first look tells a file that is no database
        if mode != "ro":
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _copy(source: SqliteFile, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with library_errors_translated(), system_errors_translated():
            os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            connection = sqlite3.connect(source.uri(mode="ro"), uri=True, isolation_level=None)
            try:
                connection.execute("VACUUM INTO ?", (str(partial),))
            finally:
                connection.close()
            _sync_to_disk(partial)
            os.link(partial, target)  # unlike a rename it refuses to overwrite
            _sync_to_disk(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _on_postgres(server: PostgresServer, work: Callable[[Connection], T]) -> T:
    async def run() -> T:
        engine = postgres(server)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    with library_errors_translated(), system_errors_translated():
        return asyncio.run(run())


def _problems(connection: Connection) -> list[str]:
    revision = read_revision(connection)
    if revision != HEAD:
        return [f"the schema is {revision or 'missing'}; this version needs {HEAD}"]
    found = [
        f"the schema differs from the code: {difference}"
        for difference in compare_metadata(MigrationContext.configure(connection), metadata)
    ]
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("PRAGMA integrity_check")).scalars()
        found += [f"integrity: {row}" for row in rows if row != "ok"]
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        found += [f"foreign key: a row of {row[0]} points at a missing row of {row[2]}" for row in broken]
    return found + _log_problems(connection)


def _log_problems(connection: Connection) -> list[str]:
    logged = (
        select(call_events.c.call_id, func.count().label("events"), func.max(call_events.c.seq).label("last"))
        .group_by(call_events.c.call_id)
        .subquery()
    )
    events, last = func.coalesce(logged.c.events, 0), func.coalesce(logged.c.last, 0)
    rows = connection.execute(
        select(calls.c.id)
        .select_from(calls.outerjoin(logged, logged.c.call_id == calls.c.id))
        .where((events != calls.c.last_event_seq) | (last != calls.c.last_event_seq))
        .order_by(calls.c.id)
    ).scalars()
    return [f"the event log of {call_id} has a gap" for call_id in rows]
