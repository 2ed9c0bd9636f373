"""Database URLs: which engine, which file, which driver."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from store.errors import StoreError


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """An SQLite database and the two lock files beside it."""

    path: Path

    @property
    def write_lock(self) -> Path:
        """Held for each write transaction, by whichever process writes."""
        return self.path.with_name(self.path.name + ".lock")

    @property
    def serve_lock(self) -> Path:
        """Held by the one running service for its whole life."""
        return self.path.with_name(self.path.name + ".serve")

    def uri(self, *, mode: str) -> str:
        """Return the SQLite URI; `mode` is `ro`, `rw` or `rwc`."""
        return f"file:{quote(str(self.path))}?mode={mode}"

    def engine_url(self, *, mode: str) -> URL:
        """Return the same for SQLAlchemy's asynchronous engine."""
        return URL.create(
            "sqlite+aiosqlite",
            database=f"file:{quote(str(self.path))}",
            query={"mode": mode, "uri": "true"},
        )


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL database; `url` names the asyncpg driver."""

    url: URL


def parse_url(text: str) -> SqliteFile | PostgresServer:
    """Read a database URL.

    Args:
        text: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:pass@host/name`.

    Raises:
        StoreError: for anything else, an in-memory SQLite database included (it could not be shared between
            connections, let alone survive).
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise StoreError("the database URL cannot be read: use sqlite:///FILE or postgresql://...") from error
    match url.drivername:
        case "sqlite" if url.database and url.database != ":memory:" and not url.query:
            return SqliteFile(Path(url.database).absolute())
        case "postgresql" | "postgres" | "postgresql+asyncpg":
            return PostgresServer(url.set(drivername="postgresql+asyncpg"))
        case _:
            raise StoreError("the database URL must be sqlite:///FILE or postgresql://...")
