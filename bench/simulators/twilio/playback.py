"""The network's playback buffer: what was sent is played in order, in real time; marks say how far it is.

Nothing happens per frame. Sound is placed on the caller's time line as soon as it arrives, at the moment when
it will be played; a clear cuts what has not been reached. Positions are samples on the line's clock.

Source: Twilio docs, "Media Streams: WebSocket messages", read 2026-11: media is buffered and played in order;
a mark comes back when what was sent before it has played, at once if nothing is buffered; clear empties the
buffer and returns all outstanding marks; more than 10 minutes buffered is discarded (31931).
"""

from collections import deque
from dataclasses import dataclass

from bench.sound import mulaw
from bench.sound.timeline import Timeline

MAX_BUFFERED_SAMPLES = 10 * 60 * mulaw.SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clear did.

    Args:
        at: sample position of the clear.
        played: samples of this stream played up to then.
        dropped: samples that were waiting and will not be heard.
        marks: names returned because of it, in order.
    """

    at: int
    played: int
    dropped: int
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """The buffer ran dry between two pieces of sound."""

    start: int
    end: int


class Playback:
    """One stream's playback buffer.

    Args:
        heard: where the sound goes.
        started: sample position at which the stream started.
    """

    def __init__(self, heard: Timeline, started: int) -> None:
        self._heard = heard
        self._marks: deque[tuple[int, str]] = deque()
        self._end = started
        self._accepted = 0
        self.overflowed = 0
        self.gaps: list[Gap] = []
        self.clears: list[Cleared] = []

    def buffered(self, now: int) -> int:
        """Return how many samples wait to be played."""
        return max(0, self._end - now)

    def played(self, now: int) -> int:
        """Return how many samples of this stream have been played."""
        return self._accepted - self.buffered(now)

    def enqueue(self, now: int, sound: bytes) -> int:
        """Take mu-law into the buffer.

        Returns:
            How many samples did not fit and were discarded.
        """
        room = MAX_BUFFERED_SAMPLES - self.buffered(now)
        kept = sound[: max(0, room)]
        if kept:
            start = max(now, self._end)
            if self._accepted and start > self._end:
                self.gaps.append(Gap(self._end, start))
            self._end = self._heard.place(start, kept) + len(kept)
            self._accepted += len(kept)
        self.overflowed += len(sound) - len(kept)
        return len(sound) - len(kept)

    def mark(self, now: int, name: str) -> None:
        """Remember to return a mark when what was sent before it has been played."""
        self._marks.append((max(now, self._end), name))

    def next_mark(self) -> int | None:
        """Return the position at which the next mark is due, or None."""
        return self._marks[0][0] if self._marks else None

    def due_marks(self, now: int) -> list[str]:
        """Take and return the marks that are due."""
        due = []
        while self._marks and self._marks[0][0] <= now:
            due.append(self._marks.popleft()[1])
        return due

    def clear(self, now: int) -> Cleared:
        """Empty the buffer; every outstanding mark comes back at once."""
        played = self.played(now)
        dropped = self.buffered(now)
        if dropped:
            self._heard.cut(now)
            self._end = now
            self._accepted -= dropped
        cleared = Cleared(now, played, dropped, tuple(name for _, name in self._marks))
        self._marks.clear()
        self.clears.append(cleared)
        return cleared

    def stop(self, now: int) -> None:
        """The stream is over: what was not played will never be heard, marks never come back."""
        if self.buffered(now):
            self._heard.cut(now)
            self._accepted -= self._end - now
            self._end = now
        self._marks.clear()
