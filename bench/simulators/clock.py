"""Wall time that follows the event loop's clock.

Simulators stamp dates on callbacks and resources. Taking them from the system clock would tear apart from the
loop when a test runs on virtual time, so the date is read once and then moves with the loop.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class WallClock:
    """The date, as the running loop's clock has it.

    Args:
        start: the date at the moment of construction; today's by default.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._start = (start or datetime.now(UTC)).replace(microsecond=0)
        self._loop_start = self._loop.time()

    def now(self) -> datetime:
        """Return the present date, UTC."""
        return self._start + timedelta(seconds=self._loop.time() - self._loop_start)

    def rfc2822(self, at: datetime | None = None) -> str:
        """Return a date as Twilio writes it: `Tue, 24 Nov 2026 03:41:07 +0000`."""
        return format_datetime(at or self.now())

    def iso(self) -> str:
        """Return the present date as ISO 8601 with milliseconds and `Z`."""
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
