"""Turn what drivers and SQLAlchemy raise into the store's own errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from store.errors import Conflict, DatabaseFull, DatabaseLocked, DatabaseUnavailable, StoreError

_PRIMARY_CODE = 0xFF
"""SQLite's extended result codes carry the primary one in the lowest byte."""


@contextmanager
def system_errors_translated() -> Iterator[None]:
    """Raise `DatabaseUnavailable` for what the system says while a connection or a file is opened.

    Only there: inside a transaction an `OSError` or a timeout may be the caller's own.
    """
    try:
        yield
    except OSError as error:
        raise DatabaseUnavailable(f"the database cannot be reached: {error}") from error


def refuse_system_error(context: ExceptionContext) -> None:
    """Say that the database is unavailable when a statement timed out or lost its socket.

    A hook for SQLAlchemy's `handle_error`.

    Raises:
        DatabaseUnavailable: the driver let such an error through.
    """
    original = context.original_exception
    if isinstance(original, OSError):
        raise DatabaseUnavailable(f"the database did not answer: {original!r}") from original


@contextmanager
def library_errors_translated() -> Iterator[None]:
    """Raise the store's errors for whatever the database libraries raise inside the block."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseLocked("all database connections are busy") from error
    except DBAPIError as error:
        raise translate(error) from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database statement failed: {error}") from error
    except sqlite3.Error as error:
        raise _from_sqlite(error) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _from_postgres(error) from error


def translate(error: DBAPIError) -> StoreError:
    """Choose the store's error for one that came through a driver."""
    if isinstance(error, IntegrityError):
        return Conflict(f"the change contradicts a stored row: {error.orig}")
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _from_sqlite(original)
    # SQLAlchemy wraps asyncpg's exception in its own, which has the real one as its cause.
    cause = getattr(original, "__cause__", None)
    if isinstance(cause, asyncpg.PostgresError | asyncpg.InterfaceError):
        return _from_postgres(cause)
    if error.connection_invalidated or isinstance(cause, OSError):
        return DatabaseUnavailable(f"the database closed the connection: {original}")
    return StoreError(f"the database refused the statement: {original}")


def _from_sqlite(error: sqlite3.Error) -> StoreError:
    match getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseLocked("the database is locked by another connection")
        case sqlite3.SQLITE_FULL:
            return DatabaseFull("the disk that holds the database is full")
        case sqlite3.SQLITE_CANTOPEN:
            return DatabaseUnavailable("the database file cannot be opened")
        case sqlite3.SQLITE_CONSTRAINT:
            return Conflict(f"the change contradicts a stored row: {error}")
        case _:
            return StoreError(f"the database refused the statement: {error}")


def _from_postgres(error: Exception) -> StoreError:
    match error:
        case asyncpg.LockNotAvailableError() | asyncpg.DeadlockDetectedError() | asyncpg.SerializationError():
            return DatabaseLocked("another transaction holds the rows this one needs")
        case asyncpg.DiskFullError():
            return DatabaseFull("the disk that holds the database is full")
        case asyncpg.IntegrityConstraintViolationError():
            return Conflict(f"the change contradicts a stored row: {error}")
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.OperatorInterventionError()
            | asyncpg.TooManyConnectionsError()
            | asyncpg.InvalidCatalogNameError()
            | asyncpg.InvalidAuthorizationSpecificationError()
            | asyncpg.InterfaceError()
        ):
            return DatabaseUnavailable(f"the database cannot be used: {error}")
        case _:
            return StoreError(f"the database refused the statement: {error}")
