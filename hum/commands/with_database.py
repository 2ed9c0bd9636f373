"""Runs one piece of administration on the database, migrating a local one first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hum.settings import read_settings
from store.database import Database
from store.migrate import upgrade

T = TypeVar("T")


def on_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Open the configured database, do the work, close it.

    Raises:
        StoreError: The database cannot be used as it is.
    """
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if settings.database.startswith("sqlite:"):
        upgrade(settings.database)

    async def run() -> T:
        database = await Database.open(settings.database)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
