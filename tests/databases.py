"""Databases for tests: every store test runs on SQLite and on PostgreSQL.

Import the fixtures into a folder's conftest: `from tests.databases import *`. The schema is migrated once per
test process and engine; each test gets a copy of its own. PostgreSQL is taken from `HUM_TEST_POSTGRES_URL`;
where none answers, its half of the tests is skipped and says so.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from store import migrate
from store.database import Database

__all__ = ["database", "database_url", "postgres_template", "postgres_url", "sqlite_template", "sqlite_url"]

T = TypeVar("T")
POSTGRES_URL = os.environ.get("HUM_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
_NAME_PREFIX = "hum_test_"


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a loop and thread of its own, so that no test's loop is touched."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def postgres_url_of(name: str) -> str:
    """Return the URL of another database on the test server."""
    return urlunsplit(urlsplit(POSTGRES_URL)._replace(path=f"/{name}"))


def administer(*statements: str) -> list[list[Any]]:
    """Run statements on the server's maintenance database, each by itself; return their rows."""

    async def run() -> list[list[Any]]:
        connection = await asyncpg.connect(POSTGRES_URL, timeout=5)
        try:
            return [list(await connection.fetch(statement)) for statement in statements]
        finally:
            await connection.close()

    return run_apart(run)


def _drop_leftovers() -> None:
    """Drop what test processes that are gone have left behind."""
    (rows,) = administer("SELECT datname FROM pg_database WHERE datname LIKE 'hum\\_test\\_%'")
    for (name,) in rows:
        pid = int(name.removeprefix(_NAME_PREFIX).split("_")[0])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        except PermissionError:
            pass


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy; skips when there is no server."""
    name = f"{_NAME_PREFIX}{os.getpid()}_template"
    try:
        administer("SELECT 1")
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        reason = f"no PostgreSQL at {urlsplit(POSTGRES_URL).hostname}: {error}"
        if os.environ.get("CI"):  # there it must be tested
            pytest.fail(reason)
        pytest.skip(reason)
    _drop_leftovers()
    administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    # In a process of its own: Alembic reads files on a loop here, which the blocked-loop guard would report.
    upgrade = "import sys; from store import migrate; migrate.upgrade(sys.argv[1])"
    subprocess.run([sys.executable, "-c", upgrade, postgres_url_of(name)], check=True)
    yield name
    administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextlib.contextmanager
def postgres_database(template: str | None = None) -> Iterator[str]:
    """Create a database, copied from a template if named; yield its URL; drop it."""
    name = f"{_NAME_PREFIX}{os.getpid()}_{uuid.uuid4().hex[:12]}"
    # Copying files instead of logging them: three times as quick, and nothing here must survive a crash.
    administer(
        f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else "")
    )
    try:
        yield postgres_url_of(name)
    finally:
        administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite database of this test's own."""
    shutil.copy(sqlite_template, tmp_path / "hum.db")
    return f"sqlite:///{tmp_path / 'hum.db'}"


@pytest.fixture
def postgres_url(postgres_template: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database of this test's own."""
    with postgres_database(postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database of this test's own, on each engine in turn."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database of this test's own, on each engine in turn."""
    opened = await Database.open(database_url)
    try:
        yield opened
    finally:
        await opened.close()
