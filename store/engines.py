"""SQLAlchemy engines, set up so that each database behaves as the store promises."""

from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool, event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.translate import refuse_system_error
from store.urls import PostgresServer, SqliteFile

READERS = 5
"""Reading connections per process on SQLite: each is a thread."""

POOL_WAIT_S = 10
STATEMENT_LIMIT_S = 30
_BUSY_TIMEOUT_MS = 5000
_POSTGRES_SETTINGS = {"lock_timeout": "5s", "application_name": "hum", "timezone": "UTC"}


def sqlite_writer(file: SqliteFile) -> AsyncEngine:
    """Return the engine with the process's one writing connection.

    Transactions begin with BEGIN IMMEDIATE: a transaction that reads first and writes later would otherwise
    fail with "database is locked" however long it is told to wait. Checkpoints happen inside its commits,
    hence under the write lock.
    """
    return _sqlite(
        file,
        mode="rw",
        size=1,
        begin="BEGIN IMMEDIATE",
        pragmas=("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"),
    )


def sqlite_readers(file: SqliteFile) -> AsyncEngine:
    """Return the engine for reading: opened read-only, so that closing one never checkpoints either."""
    return _sqlite(file, mode="ro", size=READERS, begin="BEGIN", pragmas=("PRAGMA query_only=ON",))


def _sqlite(file: SqliteFile, *, mode: str, size: int, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
    engine = create_async_engine(
        file.engine_url(mode=mode),
        connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000},
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def postgres(server: PostgresServer) -> AsyncEngine:
    """Return the engine for PostgreSQL; a dead connection in the pool is noticed before it is used."""
    engine = create_async_engine(
        server.url,
        pool_size=10,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=True,
        connect_args={
            "timeout": POOL_WAIT_S,
            "command_timeout": STATEMENT_LIMIT_S,
            "server_settings": _POSTGRES_SETTINGS,
        },
    )
    event.listen(engine.sync_engine, "handle_error", refuse_system_error)
    return engine


def snapshot_reads(engine: AsyncEngine) -> AsyncEngine:
    """Return the same pool with read-only transactions that see one moment, as SQLite's do."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
