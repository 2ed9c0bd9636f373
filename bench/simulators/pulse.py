"""Wakes everyone who waits for something to have changed."""

import asyncio


class Pulse:
    """A change that may concern several waiters; each looks for itself whether it does."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        """Say that something has changed."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, deadline_s: float | None = None) -> None:
        """Wait for the next change, or until a loop time.

        Args:
            deadline_s: loop time at which to return anyway; None: never.
        """
        event = self._event
        try:
            async with asyncio.timeout_at(deadline_s):
                await event.wait()
        except TimeoutError:
            pass
