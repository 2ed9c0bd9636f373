"""Paces many senders with one task: each every 20 ms by an absolute schedule, all at different phases."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

FRAME_S = 0.02

now_s = time.perf_counter
"""The clock of all measurements. The loop's own is too coarse: uvloop counts whole milliseconds."""

Tick = Callable[[float], Awaitable[None]]
"""Sends one frame; gets the time it is due."""


class Pacer:
    """Calls each sender every 20 ms until it is removed.

    One sleep serves all that are due, and a sender that was late is not skipped: it sends what it owes.
    """

    def __init__(self) -> None:
        self._due: dict[int, tuple[float, Tick]] = {}
        self.lateness_s: list[float] = []

    def add(self, number: int, tick: Tick) -> None:
        """Begin to call a sender; its phase follows from its number."""
        phase_s = (number * 0.618034 % 1) * FRAME_S
        self._due[number] = (now_s() + phase_s, tick)

    def remove(self, number: int) -> None:
        """Stop calling a sender."""
        self._due.pop(number, None)

    async def run(self) -> None:
        """Pace for ever."""
        while True:
            now = now_s()
            for number, (due, tick) in list(self._due.items()):
                if due <= now:
                    self._due[number] = (due + FRAME_S, tick)
                    self.lateness_s.append(now - due)
                    await tick(due)
            await asyncio.sleep(max(0.0, self._next(now) - now_s()))

    def _next(self, now: float) -> float:
        times: Sequence[float] = [due for due, _ in self._due.values()]
        return max(now + 0.0005, min(times, default=now + FRAME_S))
