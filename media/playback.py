"""Playback accounting: what was sent to the caller, and how much of it the caller has heard.

The carrier buffers what we send and plays it in real time; it echoes a mark once everything queued before
that mark has been played. Between two echoes the position is interpolated by the clock and never runs past
the next mark still outstanding, so the error stays below the distance between marks plus one network delay.

All times are milliseconds on one clock chosen by the caller of this module (the stream's); all sizes are
bytes of 8 kHz mu-law, 8 bytes to the millisecond.

Source: Twilio Media Streams, "mark" and "clear" messages: `clear` empties the buffer and returns all
outstanding marks in the same shape as played ones, hence the generation in each mark's name.
"""

from collections import deque
from dataclasses import dataclass

BYTES_PER_MS = 8


@dataclass(frozen=True, slots=True)
class CutItem:
    """An item whose audio was dropped before it was heard to the end."""

    item_id: str
    heard_ms: int
    sent_ms: int


@dataclass(slots=True)
class _Item:
    item_id: str
    start: int
    end: int


class Playback:
    """The carrier's playback buffer as seen from our side of the wire."""

    __slots__ = (
        "_anchor",
        "_anchor_at_ms",
        "_generation",
        "_items",
        "_marked",
        "_marks",
        "_next_mark",
        "_playhead_ms",
        "_sent",
    )

    def __init__(self) -> None:
        self._generation = 0
        self._next_mark = 0
        self._reset()

    def _reset(self) -> None:
        self._sent = 0  # bytes sent in this generation
        self._marked = 0  # of them, how many lie before the last mark
        self._anchor = 0  # a position known to be heard ...
        self._anchor_at_ms = 0.0  # ... at this time
        self._playhead_ms = 0.0  # when the last byte sent will have been played
        self._items: deque[_Item] = deque()
        self._marks: deque[tuple[str, int]] = deque()  # (name, position) not echoed yet, oldest first

    def send(self, item_id: str, size_bytes: int, now_ms: float) -> float:
        """Account for audio put on the wire now.

        Args:
            item_id: The provider's item this audio belongs to.
            size_bytes: Length of the audio, > 0.
            now_ms: The present.

        Returns:
            When this piece starts to play: now, or right after what is still queued.
        """
        starts_ms = max(now_ms, self._playhead_ms)
        if starts_ms > self._playhead_ms:  # the buffer had run dry: everything before is heard
            self._anchor, self._anchor_at_ms = self._sent, starts_ms
        if self._items and self._items[-1].item_id == item_id:
            self._items[-1].end += size_bytes
        else:
            self._items.append(_Item(item_id, self._sent, self._sent + size_bytes))
        self._sent += size_bytes
        self._playhead_ms = starts_ms + size_bytes / BYTES_PER_MS
        return starts_ms

    @property
    def sent_bytes(self) -> int:
        """How much has been sent since the last clear."""
        return self._sent

    @property
    def unmarked_bytes(self) -> int:
        """How much has been sent since the last mark."""
        return self._sent - self._marked

    def mark(self) -> str:
        """Name a mark for everything sent so far; the caller puts it on the wire now."""
        self._next_mark += 1
        self._marked = self._sent
        name = f"{self._generation}.{self._next_mark}"
        self._marks.append((name, self._sent))
        return name

    def echoed(self, name: str, now_ms: float) -> bool:
        """Take the echo of a mark.

        Returns:
            False for a mark of an earlier generation (returned by a clear), one never sent or one repeated:
            such an echo says nothing about what was heard.
        """
        if not any(name == sent for sent, _ in self._marks):
            return False
        while True:
            sent, position = self._marks.popleft()
            if sent == name:
                break
        if position >= self._anchor:
            self._anchor, self._anchor_at_ms = position, now_ms
        return True

    def _heard(self, now_ms: float) -> int:
        moved = self._anchor + int((now_ms - self._anchor_at_ms) * BYTES_PER_MS)
        limit = self._marks[0][1] if self._marks else self._sent
        return max(self._anchor, min(moved, limit))

    def heard_ms(self, item_id: str, now_ms: float) -> int:
        """How much of an item has been heard, in ms; 0 for an item not in the buffer."""
        heard = self._heard(now_ms)
        played = sum(max(0, min(heard, i.end) - i.start) for i in self._items if i.item_id == item_id)
        return played // BYTES_PER_MS

    def heard_bytes(self, now_ms: float) -> int:
        """How much of everything sent since the last clear has been heard."""
        return self._heard(now_ms)

    @property
    def surely_heard_bytes(self) -> int:
        """How much of everything sent since the last clear is known to have been heard, from echoes alone."""
        return self._anchor

    def unplayed_ms(self, now_ms: float) -> int:
        """How much queued audio the caller has not heard yet, in ms, rounded up."""
        return -(-(self._sent - self._heard(now_ms)) // BYTES_PER_MS)

    def drained(self) -> bool:
        """Whether all that was sent was marked and every mark has come back."""
        return not self._marks and self._marked == self._sent

    def assume_heard(self, now_ms: float) -> None:
        """Take everything sent as heard: its marks do not come back."""
        self._marks.clear()
        self._marked = self._anchor = self._sent
        self._anchor_at_ms = now_ms

    def forget_heard(self) -> None:
        """Drop the accounts of items heard to their end, so that they do not pile up."""
        while self._items and self._items[0].end <= self._anchor:
            self._items.popleft()

    def clear(self, now_ms: float) -> tuple[CutItem, ...]:
        """Account for a clear sent now.

        Returns:
            The items not heard to their end, in order of play. Marks still outstanding become void.
        """
        heard = self._heard(now_ms)
        cut = tuple(
            CutItem(i.item_id, max(0, heard - i.start) // BYTES_PER_MS, (i.end - i.start) // BYTES_PER_MS)
            for i in self._items
            if heard < i.end
        )
        self._generation += 1
        self._reset()
        return cut
