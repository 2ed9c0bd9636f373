"""Which words of a turn have been heard when so much of its sound has."""

import re
from itertools import pairwise

_WORD_END = re.compile(r"\s+|$")
_LIMIT = 4_000


class WordClock:
    """Notes, as text and sound of a turn arrive, how much of both there is.

    Providers write the words a little ahead of the voice or in step with it. A delta that arrives when
    `sound_ms` of sound has come therefore begins there or later; between two such points, words are taken to
    be spoken evenly.
    """

    __slots__ = ("_points",)

    def __init__(self) -> None:
        self._points: list[tuple[int, int]] = []  # (sound_ms, characters written before it)

    def note(self, sound_ms: int, characters: int) -> None:
        """A delta arrives after `characters` of text and `sound_ms` of sound."""
        if self._points and self._points[-1][0] == sound_ms:
            return
        if len(self._points) < _LIMIT:
            self._points.append((sound_ms, characters))

    def words_heard(self, text: str, heard_ms: int, sound_ms: int) -> str:
        """The words heard to their end.

        Args:
            text: The turn's text as far as it is known.
            heard_ms: How much of its sound was heard.
            sound_ms: How much of its sound there was in all.
        """
        if heard_ms <= 0 or not text:
            return ""
        if heard_ms >= sound_ms:
            return text
        position = self._position(len(text), heard_ms, sound_ms)
        ends = [match.start() for match in _WORD_END.finditer(text) if match.start() <= position]
        return text[: ends[-1]] if ends else ""

    def _position(self, length: int, heard_ms: int, sound_ms: int) -> float:
        points = [(0, 0), *((ms, at) for ms, at in self._points if ms < sound_ms), (sound_ms, length)]
        for (from_ms, begin), (to_ms, end) in pairwise(points):
            if heard_ms <= to_ms:
                return begin + (end - begin) * (heard_ms - from_ms) / max(1, to_ms - from_ms)
        return length
