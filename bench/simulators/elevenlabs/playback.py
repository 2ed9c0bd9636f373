"""What the caller has heard of the agent, as the service reckons it.

The service sends audio faster than it is played and is told nothing about playback: it takes what it sent to
play from the moment it was sent, one piece after the other. What it corrects after an interruption follows.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Speech:
    """What the agent says in one response.

    Args:
        event_id: of its events.
        response_id: the same on its text and its correction.
        text: all of it.
        line: where it stands in the conversation's record.
    """

    event_id: int
    response_id: str
    text: str
    line: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Piece:
    starts_at_s: float
    words: tuple[str, ...]


class Playback:
    """The agent's latest speech."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self.speech: Speech | None = None
        """What is, or was last, being said."""
        self.ends_at_s = 0.0
        """Loop time at which all that was sent will have been played."""

    def begin(self, speech: Speech) -> None:
        """A new response is said; what was said before can no longer be corrected."""
        self.speech = speech
        self._pieces = []

    def add(self, now_s: float, duration_ms: float, words: tuple[str, ...]) -> None:
        """Audio was sent.

        Args:
            now_s: loop time.
            duration_ms: how long it plays.
            words: said in it.
        """
        starts_at_s = max(now_s, self.ends_at_s)
        self._pieces.append(_Piece(starts_at_s, words))
        self.ends_at_s = starts_at_s + duration_ms / 1000

    def playing(self, now_s: float) -> bool:
        """Whether the caller still hears the agent."""
        return now_s < self.ends_at_s

    def cut(self, now_s: float) -> str:
        """The rest is not played; returns the words that had begun to."""
        self.ends_at_s = min(self.ends_at_s, now_s)
        return "".join(word for piece in self._pieces if piece.starts_at_s < now_s for word in piece.words)
