"""A served API for each test, on SQLite; `api_on_both` runs on each engine in turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from store.database import Database
from tests.control_api.harness import Api, serving
from tests.databases import *  # noqa: F403


@pytest_asyncio.fixture
async def api(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """A served API on SQLite."""
    database = await Database.open(sqlite_url)
    try:
        async with serving(database, tmp_path / "recordings") as served:
            yield served
    finally:
        await database.close()


@pytest_asyncio.fixture
async def api_on_both(database: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """A served API on each engine in turn."""
    async with serving(database, tmp_path / "recordings") as served:
        yield served
