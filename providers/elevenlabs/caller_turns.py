"""The caller's turns, told from voice activity scores and transcripts.

ElevenLabs says when a turn is over (by its transcript) but not when it begins: we tell that from the scores.
"""

from collections.abc import Sequence

from providers.session import CallerSpeechStarted, CallerSpeechStopped, CallerText, CallerTextDelta, Event

SPEECH_SCORE = 0.6
"""From this score on the caller is taken to speak; one score alone may be noise, two are a turn."""

WORDLESS_MS = 3_000
"""A turn without a word, followed by so much quiet, was noise: no transcript will come."""

NO_WORDS = frozenset({"", "...", "…"})
"""Transcripts of silence: the service puts them in when the caller lets it wait."""


class CallerTurns:
    """Decides when a caller turn begins and ends. Times are milliseconds of caller audio sent so far.

    A turn begins with two speech scores in a row, with tentative words, or with an interruption. It ends with
    its transcript; or, as `CallerText(None)`, with a transcript of nothing, or when `WORDLESS_MS` of quiet
    follow and not one tentative word has come.

    Args:
        prefix: Begins the item ids, which are unique with it.
    """

    __slots__ = (
        "_high_since_ms",
        "_item_id",
        "_last_high_ms",
        "_number",
        "_prefix",
        "_transcribed_id",
        "_words",
    )

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._number = 0
        self._item_id: str | None = None
        self._words = ""
        self._high_since_ms: int | None = None
        self._last_high_ms: int | None = None
        self._transcribed_id: int | None = None

    def scored(self, score: float, at_ms: int) -> Sequence[Event]:
        """A voice activity score has come."""
        if score < SPEECH_SCORE:
            self._high_since_ms = None
            return self._quieted(at_ms)
        self._last_high_ms = at_ms
        if self._high_since_ms is None:
            self._high_since_ms = at_ms
            return ()
        return self._begun(self._high_since_ms)

    def interrupted(self, at_ms: int) -> Sequence[Event]:
        """The caller has made the agent stop."""
        self._last_high_ms = at_ms
        return self._begun(at_ms)

    def tentative(self, text: str, event_id: int | None, at_ms: int) -> Sequence[Event]:
        """The words of the turn so far; told as far as they only grow."""
        if text.strip() in NO_WORDS or self._is_late(event_id):
            return ()
        begun = self._begun(at_ms)
        self._last_high_ms = at_ms if self._last_high_ms is None else self._last_high_ms
        told, item_id = self._words, self._item_id
        if item_id is None or not text.startswith(told) or text == told:
            return begun
        self._words = text
        return (*begun, CallerTextDelta(item_id, text[len(told) :]))

    def transcribed(self, text: str, event_id: int | None, at_ms: int) -> Sequence[Event]:
        """The turn is over, with these words."""
        self._transcribed_id = event_id
        words = text.strip()
        if words in NO_WORDS:
            return self._ended(None, at_ms)
        begun = self._begun(at_ms if self._last_high_ms is None else self._last_high_ms)
        return (*begun, *self._ended(words, at_ms))

    def _is_late(self, event_id: int | None) -> bool:
        return event_id is not None and self._transcribed_id is not None and event_id <= self._transcribed_id

    def _quieted(self, at_ms: int) -> Sequence[Event]:
        if self._item_id is None:
            self._last_high_ms = None
        if self._last_high_ms is None or self._words or at_ms - self._last_high_ms < WORDLESS_MS:
            return ()
        return self._ended(None, at_ms)

    def _begun(self, at_ms: int) -> Sequence[Event]:
        if self._item_id is not None:
            return ()
        self._number += 1
        self._item_id = f"{self._prefix}.c{self._number}"
        self._words = ""
        return (CallerSpeechStarted(self._item_id, at_ms),)

    def _ended(self, words: str | None, at_ms: int) -> Sequence[Event]:
        item_id, self._item_id = self._item_id, None
        self._high_since_ms = None
        stopped_ms = at_ms if self._last_high_ms is None else self._last_high_ms
        self._last_high_ms, self._words = None, ""
        if item_id is None:
            return ()
        return (CallerSpeechStopped(item_id, stopped_ms), CallerText(item_id, words))
