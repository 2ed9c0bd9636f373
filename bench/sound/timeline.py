"""Sound placed on a time line, and where on it something can be heard.

A time line counts samples (8 per millisecond) from its own start. Pieces are placed one after the other,
never overlapping; what lies between them is silence. Because pieces may be placed ahead of time (a telephone
network plays what it has buffered), a piece can be cut again before its time has come.
"""

from bisect import bisect_left, bisect_right

from bench.sound import mulaw

_AUDIBLE_LEVEL = 200.0
_AUDIBLE_WINDOW_BYTES = 80


class Timeline:
    """Mu-law pieces by sample position, with the spans in which they are audible."""

    __slots__ = ("_pieces", "_spans", "_starts", "end")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._pieces: list[bytearray] = []
        self._spans: list[tuple[int, int]] = []
        self.end = 0
        """One past the last placed sample; where the next piece may begin."""

    def place(self, at: int, sound: bytes) -> int:
        """Place mu-law at sample `at`, or right after what is there already if that is later.

        Returns:
            The sample position where the sound begins.
        """
        start = max(at, self.end)
        if not sound:
            return start
        if self._starts and self._starts[-1] + len(self._pieces[-1]) == start:
            self._pieces[-1] += sound
        else:
            self._starts.append(start)
            self._pieces.append(bytearray(sound))
        self.end = start + len(sound)
        self._note_audible(start, sound)
        return start

    def reserve(self, at: int, samples: int) -> int:
        """Take up time that is audible but of which no sound is kept (speech synthesised elsewhere)."""
        start = max(at, self.end)
        self.end = start + samples
        self._add_span(start, self.end)
        return start

    def cut(self, at: int) -> int:
        """Take away everything from sample `at` on.

        Returns:
            How many samples were taken away.
        """
        removed = max(0, self.end - max(at, 0))
        if not removed:
            return 0
        while self._starts and self._starts[-1] >= at:
            self._starts.pop()
            self._pieces.pop()
        if self._starts:
            del self._pieces[-1][at - self._starts[-1] :]
        while self._spans and self._spans[-1][0] >= at:
            self._spans.pop()
        if self._spans and self._spans[-1][1] > at:
            self._spans[-1] = (self._spans[-1][0], at)
        self.end = at
        return removed

    def render(self, start: int, end: int) -> bytes:
        """Return the mu-law between two sample positions, silence where nothing lies."""
        out = bytearray([mulaw.SILENCE_BYTE]) * max(0, end - start)
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_left(self._starts, end)
        for index in range(first, last):
            piece_start, piece = self._starts[index], self._pieces[index]
            begin = max(start, piece_start)
            stop = min(end, piece_start + len(piece))
            if begin < stop:
                out[begin - start : stop - start] = piece[begin - piece_start : stop - piece_start]
        return bytes(out)

    def pieces(self) -> list[tuple[int, int]]:
        """Return (start, end) of every stretch of placed sound."""
        return [(s, s + len(p)) for s, p in zip(self._starts, self._pieces, strict=True)]

    def audible_end(self, before: int) -> int | None:
        """Return where the last audible span that begins before `before` ends, or None if there is none."""
        index = bisect_left(self._spans, (before, before)) - 1
        return self._spans[index][1] if index >= 0 else None

    def audible_in(self, start: int, end: int) -> int:
        """Return how many samples between two positions are audible."""
        return sum(max(0, min(end, e) - max(start, s)) for s, e in self._spans_from(start) if s < end)

    def when_audible_for(self, start: int, samples: int) -> int | None:
        """Return where `samples` audible samples have passed since `start`, if so much is placed yet."""
        left = samples
        for span_start, span_end in self._spans_from(start):
            begin = max(start, span_start)
            if span_end - begin >= left:
                return begin + left
            left -= max(0, span_end - begin)
        return None

    def _spans_from(self, start: int) -> list[tuple[int, int]]:
        first = max(0, bisect_right(self._spans, (start, start)) - 1)
        return self._spans[first:]

    def _note_audible(self, start: int, sound: bytes) -> None:
        levels = mulaw.window_levels(sound, _AUDIBLE_WINDOW_BYTES)
        for index in (levels > _AUDIBLE_LEVEL).nonzero()[0]:
            begin = start + int(index) * _AUDIBLE_WINDOW_BYTES
            self._add_span(begin, min(begin + _AUDIBLE_WINDOW_BYTES, start + len(sound)))

    def _add_span(self, start: int, end: int) -> None:
        if self._spans and self._spans[-1][1] == start:
            self._spans[-1] = (self._spans[-1][0], end)
        else:
            self._spans.append((start, end))
