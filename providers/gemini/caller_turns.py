"""The caller's turns in a Gemini Live session, which tells of them in passing or not at all.

A turn begins when the provider says that it hears the caller (`voiceActivity`; older models never do), or
else with its first words, with the interruption it causes, or at the latest with an answer that nothing else
asked for. It ends when the provider says so, when its words are marked as finished, or when an answer to it
begins. Words come in no promised order with the rest, and not every model marks the last of them: a turn's
text is complete when it is marked, when there are words and the answer to them has ended, or when the
provider's turn is over or the caller's next one begins. It is None when there are no words by then.

Where the provider tells of turns, words that come after a turn was given up without any are told late, once
they are marked as finished or something else happens. Elsewhere they would look like speech that cuts in, so
while an answer is on or being played, and has not been interrupted, they wait for the turn that follows.

Source: google-genai 3.4 `types.LiveServerContent` ("doesn't imply any ordering"); googleapis/js-genai #1429
(`finished` not set).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from providers.session import CallerSpeechStarted, CallerSpeechStopped, CallerText, CallerTextDelta, Event


@dataclass(slots=True)
class _Turn:
    """A turn whose text is not complete yet."""

    item_id: str
    words: list[str] = field(default_factory=list)
    finished: bool = False
    stopped: bool = False
    answered: bool = False


class CallerTurns:
    """Makes whole turns of what the provider says about the caller.

    Times are milliseconds of audio sent to the session.

    Args:
        prefix: Begins the ids of the turns' items.
    """

    __slots__ = ("_count", "_early_words", "_prefix", "_spoke", "_turn", "_wordless", "signalled")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0
        self._turn: _Turn | None = None
        self._wordless: _Turn | None = None  # the last turn, given up without words
        self._early_words: list[str] = []
        self._spoke = False  # since the last answer began
        self.signalled = False
        """Whether this model tells when the caller begins and ends to speak."""

    def start(self, at_ms: int) -> Iterator[Event]:
        """The caller is heard; nothing new while they speak already."""
        if self._turn is not None:
            if not self._turn.stopped:
                return
            yield from self._complete(self._turn)
        yield from self._tell_late()
        self._wordless = None
        self._count += 1
        self._spoke = True
        self._turn = _Turn(f"{self._prefix}.c{self._count}")
        yield CallerSpeechStarted(self._turn.item_id, at_ms)
        early, self._early_words = self._early_words, []
        for text in early:
            yield from self._add(self._turn, text)

    def stop(self, at_ms: int) -> Iterator[Event]:
        """The caller is heard no more."""
        turn = self._turn
        if turn is None or turn.stopped:
            return
        turn.stopped = True
        yield CallerSpeechStopped(turn.item_id, at_ms)
        if turn.finished:
            yield from self._complete(turn)

    def words(self, text: str, *, finished: bool, answering: bool, at_ms: int) -> Iterator[Event]:
        """Words the caller said.

        Args:
            text: The next words; may be empty.
            finished: Whether they are marked as the last ones.
            answering: Whether an answer is on or being played that nothing has interrupted.
            at_ms: The time.
        """
        if self._turn is None:
            if self.signalled:
                yield from self._late_words(text, finished=finished)
                return
            if not text:
                return
            if answering:
                self._early_words.append(text)
                return
            yield from self.start(at_ms)
        if turn := self._turn:
            if text:
                yield from self._add(turn, text)
            turn.finished = finished
            if finished and turn.stopped:
                yield from self._complete(turn)
            elif finished and not self.signalled:
                yield from self.stop(at_ms)

    def answered(self, at_ms: int, *, asked: bool) -> Iterator[Event]:
        """An answer begins: the turn before it is over.

        Args:
            at_ms: The time.
            asked: Whether it was asked for by anything but the caller's speech.
        """
        if not (self._spoke or asked or self.signalled):
            yield from self.start(at_ms)
        self._spoke = False
        if self._turn is not None:
            self._turn.answered = True
        yield from self.stop(at_ms)

    def answer_ended(self) -> Iterator[Event]:
        """The answer is written: the words it answers will have come, unless there are none yet."""
        if self._turn is not None and self._turn.answered and self._turn.words:
            yield from self._complete(self._turn)

    def settle(self, *, unanswered: bool) -> Iterator[Event]:
        """The provider's turn is over: no words will follow.

        Args:
            unanswered: Whether it was over without an answer.
        """
        turn = self._turn
        if turn is not None and (turn.answered or (unanswered and turn.stopped)):
            yield from self._complete(turn)
        else:
            yield from self._tell_late()

    def _late_words(self, text: str, *, finished: bool) -> Iterator[Event]:
        if self._wordless is not None:
            if text:
                self._wordless.words.append(text)
            if finished:
                yield from self._tell_late()

    def _tell_late(self) -> Iterator[Event]:
        turn = self._wordless
        if turn is not None and turn.words:
            self._wordless = None
            yield CallerText(turn.item_id, "".join(turn.words).strip() or None)

    def _add(self, turn: _Turn, text: str) -> Iterator[Event]:
        turn.words.append(text)
        yield CallerTextDelta(turn.item_id, text)

    def _complete(self, turn: _Turn) -> Iterator[Event]:
        self._turn = None
        self._wordless = None if turn.words else turn
        yield CallerText(turn.item_id, "".join(turn.words).strip() or None)
