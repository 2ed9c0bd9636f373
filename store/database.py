"""The database handle: reading and writing transactions on either engine.

On SQLite one connection in the whole world writes at a time: writers of this process take turns, and a lock
file keeps other processes (the command line beside a running service) out for the length of a transaction.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.engines import POOL_WAIT_S, postgres, snapshot_reads, sqlite_readers, sqlite_writer
from store.errors import DatabaseLocked, SchemaMissing
from store.file_locks import FileLock
from store.revisions import require_head
from store.translate import library_errors_translated, system_errors_translated
from store.urls import PostgresServer, SqliteFile, parse_url


class Database:
    """An open database whose schema is the one this code needs. Made by `Database.open`.

    Args:
        writer: engine for writing transactions.
        reader: engine for reading transactions.
        write_lock: SQLite's lock against other processes; None on PostgreSQL.
        serve_lock: held for life when this is the one service on an SQLite file.
    """

    def __init__(
        self,
        writer: AsyncEngine,
        reader: AsyncEngine,
        write_lock: FileLock | None = None,
        serve_lock: FileLock | None = None,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._write_lock = write_lock
        self._serve_lock = serve_lock
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, url: str, *, exclusive: bool = False) -> "Database":
        """Open a database and look at its schema; nothing is migrated.

        Args:
            url: see `store.urls.parse_url`.
            exclusive: this is a service: refuse when another one already runs on the same SQLite file.

        Raises:
            SchemaMissing: no schema or an older one.
            SchemaNewer: written by a newer version.
            DatabaseLocked: another service has the file, or another process writes without end.
            DatabaseUnavailable: no such server, or it refuses us.
        """
        database = await asyncio.to_thread(_connect, parse_url(url), exclusive=exclusive)
        try:
            await database._prepare()
        except BaseException:
            await database.close()
            raise
        return database

    async def _prepare(self) -> None:
        if self._write_lock is not None:
            async with self.write():
                pass  # opens the writing connection first: it recovers what a crash left behind
        async with self.read() as conn:
            revision = await conn.run_sync(read_revision)
        require_head(revision)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for reading; everything inside sees one moment of the database."""
        with library_errors_translated():
            async with AsyncExitStack() as stack:
                with system_errors_translated():
                    conn = await stack.enter_async_context(self._reader.connect())
                yield conn

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Give a connection in one transaction: committed at the end of the block, undone on any error.

        Raises:
            DatabaseLocked: no turn to write came within ten seconds.
        """
        return self._write_in_turn() if self._write_lock is not None else self._write()

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        with library_errors_translated():
            async with AsyncExitStack() as stack:
                with system_errors_translated():
                    conn = await stack.enter_async_context(self._writer.begin())
                yield conn

    @asynccontextmanager
    async def _write_in_turn(self) -> AsyncIterator[AsyncConnection]:
        await self._take_turn()
        try:
            async with self._write() as conn:
                yield conn
        finally:
            self._give_turn()

    async def _take_turn(self) -> None:
        assert self._write_lock is not None
        try:
            async with asyncio.timeout(POOL_WAIT_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise DatabaseLocked(f"this process has been writing for {POOL_WAIT_S} s") from error
        try:
            await self._write_lock.acquire(POOL_WAIT_S)
        except BaseException:
            self._turn.release()
            raise

    def _give_turn(self) -> None:
        assert self._write_lock is not None
        self._write_lock.release()
        self._turn.release()

    async def close(self) -> None:
        """Close every connection, the writing one last and alone: closing it may checkpoint."""
        await self._reader.dispose()
        if self._write_lock is None:
            await self._writer.dispose()
            return
        try:
            await self._take_turn()
            try:
                await self._writer.dispose()
            finally:
                self._give_turn()
        finally:
            await self._writer.dispose()  # even when no turn came: its thread would keep the process alive
            self._write_lock.close()
            if self._serve_lock is not None:
                self._serve_lock.close()


def read_revision(connection: Connection) -> str | None:
    """Return the schema revision a database says it has, None without a schema."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _connect(place: SqliteFile | PostgresServer, *, exclusive: bool) -> Database:
    match place:
        case SqliteFile():
            return _open_sqlite(place, exclusive=exclusive)
        case PostgresServer():
            engine = postgres(place)
            return Database(engine, snapshot_reads(engine))


def _open_sqlite(file: SqliteFile, *, exclusive: bool) -> Database:
    if not file.path.exists():
        raise SchemaMissing(f"there is no database at {file.path} yet: run `hum db upgrade`")
    serve_lock = FileLock(file.serve_lock) if exclusive else None
    if serve_lock is not None and not serve_lock.try_acquire():
        serve_lock.close()
        raise DatabaseLocked(f"another HUM service is already running on {file.path}")
    return Database(sqlite_writer(file), sqlite_readers(file), FileLock(file.write_lock), serve_lock)
