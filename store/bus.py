"""An in-process bell: it says that there is something new, never what. The truth is in the database.

Rings are coalesced: however often a topic rang since somebody last waited, it counts once. So the bus needs
no queue and cannot overflow, and a listener that falls behind only reads more at once.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Bell:
    """One listener's end of a topic."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for a ring; one since the last wait counts.

        Returns:
            True when it rang, False when `timeout_s` seconds passed in silence.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    def ring(self) -> None:
        """Wake the listener, now or when it next waits."""
        self._rung.set()


class Bus:
    """Topics by name; ring and listen on one event loop."""

    def __init__(self) -> None:
        self._bells: dict[str, list[Bell]] = {}

    def ring(self, topic: str) -> None:
        """Wake everybody who listens to the topic; nobody listening is fine."""
        for bell in self._bells.get(topic, ()):
            bell.ring()

    @contextmanager
    def listen(self, topic: str) -> Iterator[Bell]:
        """Give a bell for the length of the block. Listen first, then read: so nothing falls between."""
        bell = Bell()
        self._bells.setdefault(topic, []).append(bell)
        try:
            yield bell
        finally:
            self._bells[topic].remove(bell)
            if not self._bells[topic]:
                del self._bells[topic]


def call_topic(call_id: str) -> str:
    """Return the topic that rings when a call's log has grown."""
    return f"call:{call_id}"


JOBS_TOPIC = "jobs"
"""Rings when a job was enqueued in this process."""
