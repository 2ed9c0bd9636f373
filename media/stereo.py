"""A call's two voices put in their place in time, and given out interleaved piece by piece.

The caller's audio arrives as the call goes on, in order but with gaps; the agent's is placed where the caller
will hear it, often far ahead, and is taken back when the caller interrupts. Positions are samples from the
start of the stream, computed from each piece's own time, so that nothing accumulates and a long call does not
drift.
"""

from media.mulaw import BYTES_PER_MS, SILENCE

MAX_AHEAD_MS = 600_000
"""How far ahead of what is settled audio may be placed: bounds memory against a wild timestamp (4.8 MB)."""


class _Lane:
    """One party's unsettled samples; index 0 is the horizon."""

    __slots__ = ("samples",)

    def __init__(self) -> None:
        self.samples = bytearray()

    def put(self, mulaw: bytes, index: int) -> None:
        if index > len(self.samples):
            self.samples += bytes([SILENCE]) * (index - len(self.samples))
        self.samples[index : index + len(mulaw)] = mulaw

    def take(self, count: int) -> bytes:
        taken = bytes(self.samples[:count])
        del self.samples[:count]
        return taken.ljust(count, bytes([SILENCE]))


class StereoTimeline:
    """Places both parties' mu-law by time and settles it in order, left caller, right agent.

    Where pieces of one party overlap the one put later is heard. What nobody filled is silence. Audio behind
    the horizon (already settled) or more than `MAX_AHEAD_MS` ahead of it is dropped and counted.

    Args:
        settled: samples settled before this timeline began; audio before them is late.
    """

    __slots__ = ("_agent", "_caller", "_finished", "_horizon", "dropped_bytes")

    def __init__(self, settled: int = 0) -> None:
        self._caller = _Lane()
        self._agent = _Lane()
        self._horizon = settled
        self._finished = False
        self.dropped_bytes = 0

    @property
    def settled_ms(self) -> float:
        """How much has been given out."""
        return self._horizon / BYTES_PER_MS

    def put_caller(self, mulaw: bytes, at_ms: float) -> None:
        """Place audio of the caller.

        Args:
            mulaw: any number of bytes.
            at_ms: when its first sample was spoken, on the stream's clock.
        """
        self._put(self._caller, mulaw, at_ms)

    def put_agent(self, mulaw: bytes, at_ms: float) -> None:
        """Place audio of the agent.

        Args:
            mulaw: any number of bytes.
            at_ms: when the caller hears its first sample, on the stream's clock; may lie far ahead.
        """
        self._put(self._agent, mulaw, at_ms)

    def _put(self, lane: _Lane, mulaw: bytes, at_ms: float) -> None:
        index = round(at_ms * BYTES_PER_MS) - self._horizon
        if self._finished or index > MAX_AHEAD_MS * BYTES_PER_MS - len(mulaw):
            self.dropped_bytes += len(mulaw)
            return
        if index < 0:
            late = mulaw[:-index]
            self.dropped_bytes += len(late)
            mulaw, index = mulaw[len(late) :], 0
        if mulaw:
            lane.put(mulaw, index)

    def cut_agent(self, at_ms: float) -> None:
        """Take back the agent's audio from a time on: it was never heard (barge-in).

        Args:
            at_ms: the first moment not heard, on the stream's clock. What is settled stays.
        """
        index = max(0, round(at_ms * BYTES_PER_MS) - self._horizon)
        del self._agent.samples[index:]

    def settle(self, until_ms: float) -> bytes:
        """Give out everything up to a time; it can no longer change.

        Args:
            until_ms: the new horizon. Leave as much behind now as late packets and barge-ins may need.

        Returns:
            Interleaved samples, two bytes each, following on those of the call before; often empty.
        """
        count = round(until_ms * BYTES_PER_MS) - self._horizon
        if count <= 0 or self._finished:
            return b""
        self._horizon += count
        stereo = bytearray(2 * count)
        stereo[0::2] = self._caller.take(count)
        stereo[1::2] = self._agent.take(count)
        return bytes(stereo)

    def finish(self, at_ms: float) -> bytes:
        """Give out the rest up to the end of the call; what lies behind it was never heard.

        Args:
            at_ms: the end of the call on the stream's clock.

        Returns:
            Interleaved samples following on the last `settle`.
        """
        rest = self.settle(at_ms)
        self._finished = True
        self._caller = _Lane()
        self._agent = _Lane()
        return rest
