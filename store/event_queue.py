"""The queue between those who report events and the one task that writes them.

Bounded by dropping what matters least: past its capacity the oldest unwritten `TranscriptPartial` goes, since
a later partial or the final replaces it. Anything else is never dropped; without a partial the queue grows.
"""

from collections import deque
from dataclasses import dataclass

from store.call_events import CallEvent, TranscriptPartial
from store.event_rows import CallKey, EncodedEvent


@dataclass(slots=True)
class QueuedEvent:
    """An event in the queue. `number` counts from 1 over everything ever appended."""

    number: int
    key: CallKey
    event: EncodedEvent
    dropped: bool = False


class EventQueue:
    """First in, first out, except that partials may be dropped.

    Args:
        capacity: how many events may wait before partials are dropped.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[QueuedEvent] = deque()
        self._partials: deque[QueuedEvent] = deque()
        self._count = 0
        self.appended = 0
        self.dropped_partials = 0
        self.grown_past_capacity = 0

    def __len__(self) -> int:
        return self._count

    @property
    def next_number(self) -> int:
        """The number of the first event still waiting; one past the last when none is."""
        while self._waiting and self._waiting[0].dropped:
            self._waiting.popleft()
        return self._waiting[0].number if self._waiting else self.appended + 1

    def put(self, key: CallKey, event: CallEvent, encoded: EncodedEvent) -> None:
        """Add an event, making room first if need be."""
        self.appended += 1
        queued = QueuedEvent(self.appended, key, encoded)
        partial = isinstance(event, TranscriptPartial)
        if self._count >= self._capacity:
            if self._partials:
                self._partials.popleft().dropped = True
                self._count -= 1
                self.dropped_partials += 1
            elif partial:
                self.dropped_partials += 1
                return
            else:
                self.grown_past_capacity += 1
        self._waiting.append(queued)
        self._count += 1
        if partial:
            self._partials.append(queued)

    def take(self, limit: int) -> list[QueuedEvent]:
        """Remove and return up to `limit` events from the front."""
        taken: list[QueuedEvent] = []
        while self._waiting and len(taken) < limit:
            queued = self._waiting.popleft()
            if queued.dropped:
                continue
            if self._partials and self._partials[0] is queued:
                self._partials.popleft()
            taken.append(queued)
        self._count -= len(taken)
        return taken
