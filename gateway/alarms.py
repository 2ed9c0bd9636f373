"""The alarms of one call: timers of the event loop by name."""

import asyncio
from collections.abc import Callable

from gateway.call.inputs import Timer


class Alarms:
    """Sets, moves and cancels alarms.

    Args:
        ring: Called on the event loop when one goes off.
    """

    __slots__ = ("_loop", "_ring", "_set")

    def __init__(self, ring: Callable[[Timer], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._set: dict[Timer, asyncio.TimerHandle] = {}

    def set(self, timer: Timer, at_s: float | None) -> None:
        """Let an alarm go off at this time of the loop's clock, or never when None."""
        if alarm := self._set.pop(timer, None):
            alarm.cancel()
        if at_s is not None:
            self._set[timer] = self._loop.call_at(at_s, self._fire, timer)

    def _fire(self, timer: Timer) -> None:
        self._set.pop(timer, None)
        self._ring(timer)

    def cancel_all(self) -> None:
        """Let none go off any more."""
        for timer in list(self._set):
            self.set(timer, None)
