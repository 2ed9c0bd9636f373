"""Advisory locks on files beside an SQLite database.

SQLite before 3.51.3 can corrupt a database when two connections write or checkpoint at the same moment
(sqlite.org/wal.html, "WAL-reset bug"). One process keeps to one writing connection; these locks keep all
processes to one writer at a time, and let only one service run on a file.
"""

import asyncio
import fcntl
import os
import random
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from store.errors import DatabaseLocked, StoreError

_RETRY_S = 0.002
"""How often a busy lock is tried again, on average; transactions last about a millisecond."""


class FileLock:
    """An exclusive `flock` on a file, released by the system when the process dies.

    Args:
        path: the lock file; created when missing, never deleted (deleting it would break the lock).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot open the lock file {path}: {error.strerror}") from error

    def try_acquire(self) -> bool:
        """Take the lock if it is free; return whether it was."""
        assert self._descriptor is not None, "the lock file is closed"
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    async def acquire(self, timeout_s: float) -> None:
        """Take the lock, trying again until it is free.

        Raises:
            DatabaseLocked: when `timeout_s` have passed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self.try_acquire():  # noqa: ASYNC110 - another process rings no bell here
                    await asyncio.sleep(random.uniform(0, 2 * _RETRY_S))
        except TimeoutError as error:
            raise DatabaseLocked(self._busy(timeout_s)) from error

    def acquire_blocking(self, timeout_s: float) -> None:
        """Like `acquire`, for code that runs on no event loop."""
        deadline = time.monotonic() + timeout_s
        while not self.try_acquire():
            if time.monotonic() > deadline:
                raise DatabaseLocked(self._busy(timeout_s))
            time.sleep(random.uniform(0, 2 * _RETRY_S))

    def _busy(self, timeout_s: float) -> str:
        return f"another process has been writing for {timeout_s:g} s and holds {self._path}"

    def release(self) -> None:
        """Give the lock up; harmless when it is not held."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the lock up and close the file; harmless when closed before."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
