"""The phone line of one call: what the caller says and hears, placed by time since the call was answered."""

import asyncio
import math

from bench.simulators.pulse import Pulse
from bench.sound import mulaw
from bench.sound.timeline import Timeline

# Times computed by adding floats land a hair before the sample they mean.
_SAMPLE_EPSILON = 1e-3


class Line:
    """Both directions of sound, on one sample clock that starts when the call is answered.

    Args:
        pulse: beats when what is heard changes.
    """

    def __init__(self, pulse: Pulse) -> None:
        self._loop = asyncio.get_running_loop()
        self.answered_at_s = self._loop.time()
        self.said = Timeline()
        self.heard = Timeline()
        self._pulse = pulse

    def now(self) -> int:
        """Return the present sample position (8 per millisecond)."""
        elapsed_s = self._loop.time() - self.answered_at_s
        return math.floor(elapsed_s * mulaw.SAMPLE_RATE_HZ + _SAMPLE_EPSILON)

    def now_ms(self) -> int:
        """Return whole milliseconds since the answer."""
        return self.now() // mulaw.BYTES_PER_MS

    def time_of(self, sample: int) -> float:
        """Return the loop time of a sample position."""
        return self.answered_at_s + sample / mulaw.SAMPLE_RATE_HZ

    def notify(self) -> None:
        """Wake everyone who waits for a change in what is heard."""
        self._pulse.beat()

    async def wait_change(self, until_sample: int | None) -> None:
        """Wait until something changes, or until a sample position is reached."""
        await self._pulse.wait(None if until_sample is None else self.time_of(until_sample))

    async def wait_until(self, sample: int) -> None:
        """Wait until a sample position is reached."""
        await asyncio.sleep(max(0.0, self.time_of(sample) - self._loop.time()))

    def speak(self, sound: bytes) -> int:
        """Let the caller say mu-law from now on; returns the sample position where it begins."""
        return self.said.place(self.now(), sound)

    def quiet_from(self) -> int:
        """Return the position from which nothing is to be heard, as things stand: buffer empty, no speech."""
        audible_end = self.heard.audible_end(self.heard.end + 1)
        return max(self.heard.end, audible_end or 0)
