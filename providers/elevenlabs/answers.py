"""The agent's answers, put together from words, audio and interruptions.

`event_id` counts the turns of a conversation: words and audio of one answer share it. Not everything is told
by it, though. A second answer in the same turn (after a tool) may have the same id, and an interruption has
the id of the answer it drops or, when a message of ours caused it, that of the answer to come.

Source: AsyncAPI contract (see `messages`); SDK elevenlabs 2.78 `conversation.py` (drops audio with an id up
to the interruption's); elevenlabs-python issue #829 and the JavaScript client (audio with that very id may be
the next answer).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from providers.session import (
    AgentAudio,
    AgentAudioDone,
    AgentText,
    AgentTextCorrected,
    AgentTextDelta,
    AnswerInterrupted,
    Event,
    ResponseEnded,
    ResponseStarted,
)
from providers.transcode import ToMulaw

REMEMBERED = 16
"""Answers whose items a correction can still name."""


@dataclass(slots=True)
class _Answer:
    """An answer: its words if they are known, those told in step with its audio, whether any audio came."""

    number: int
    prefix: str
    event_id: int
    words: str | None = None
    told: str = ""
    sounds: bool = False

    @property
    def item_id(self) -> str:
        return f"{self.prefix}.a{self.number}"

    @property
    def response_id(self) -> str:
        return f"{self.prefix}.r{self.number}"


class Answers:
    """Decides when an answer begins and ends, and which audio is void.

    An answer begins with its words or, if they come late, its audio. It ends when the service says so, when
    the next one begins, when the caller's next turn has been transcribed, or by interruption. Audio that
    comes after that, save an interruption, becomes an answer of its own: no sound is lost.

    Args:
        prefix: Begins the item ids, which are unique with it.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._number = 0
        self._open: _Answer | None = None
        self._converter: ToMulaw | None = None
        self._items: dict[int, str] = {}
        self._latest: _Answer | None = None
        self._highest_id: int | None = None
        self._ids_repeat = False
        self._void_below: int | None = None
        self._void_id: int | None = None

    def convert_by(self, converter: ToMulaw | None) -> None:
        """Set how audio becomes mu-law; None: it is mu-law."""
        self._converter = converter

    def worded(self, event_id: int, words: str) -> Sequence[Event]:
        """The words of an answer have come."""
        words = words.strip()
        if not words or self._is_void_text(event_id, words):
            return ()
        if event_id == self._void_id:
            self._void_id = None
        answer = self._open
        if answer is not None and answer.event_id == event_id:
            if answer.words is None or words.startswith(answer.words):
                answer.words = words
                return ()
            if answer.words.startswith(words):
                return ()
        return (*self.finished(), self._begun(event_id, words)[1])

    def sounded(self, event_id: int, payload: str, characters: Sequence[str] | None) -> Sequence[Event]:
        """A piece of audio has come, with the characters spoken in it where the service tells them."""
        if self._is_void(event_id):
            return ()
        events: list[Event] = []
        answer = self._open
        if answer is not None and answer.sounds and self._ids_repeat and event_id > answer.event_id:
            events += self.finished()
            answer = None
        if answer is None:
            answer, started = self._begun(event_id, None)
            events.append(started)
        self._note_id(answer, event_id)
        if text := _text_of(answer, characters):
            answer.told += text
            events.append(AgentTextDelta(answer.item_id, text))
        answer.sounds = answer.sounds or bool(payload)
        if self._converter is not None:
            payload = self._converter.convert(payload)
        if payload:
            events.append(AgentAudio(answer.item_id, payload))
        return events

    def completed(self, event_id: int | None) -> Sequence[Event]:
        """The service says that an answer is complete."""
        if self._open is None or (event_id is not None and event_id < self._open.event_id):
            return ()
        return self.finished()

    def finished(self) -> Sequence[Event]:
        """The answer under way, if any, is over and was complete."""
        answer, self._open = self._open, None
        if answer is None:
            return ()
        tail = self._converter.flush() if self._converter is not None else ""
        sound = (AgentAudio(answer.item_id, tail),) if tail and answer.sounds else ()
        words = answer.told if answer.words is None else answer.words
        return (*sound, *_closing(answer, words), ResponseEnded(answer.response_id, "completed"))

    def interrupted(self, event_id: int) -> Sequence[Event]:
        """The service has dropped its answer, or stopped playing one that was complete already."""
        answer, self._open = self._open, None
        self._void_below = event_id if self._void_below is None else max(event_id, self._void_below)
        # The id names the dropped answer if anything with it has come, otherwise the answer to come.
        seen = self._highest_id is not None and self._highest_id >= event_id
        self._void_id = event_id if seen else None
        if answer is None:
            return (AnswerInterrupted(),)
        if self._converter is not None:
            self._converter.flush()
        ended = ResponseEnded(answer.response_id, "cancelled")
        return (AnswerInterrupted(), *_closing(answer, answer.told), ended)

    def corrected(self, event_id: int | None, words: str) -> Sequence[Event]:
        """The service tells what it believes was heard of an answer."""
        if self._latest is None:
            return ()
        item_id = (
            self._latest.item_id if event_id is None else self._items.get(event_id, self._latest.item_id)
        )
        return (AgentTextCorrected(item_id, words.strip()),)

    def _begun(self, event_id: int, words: str | None) -> tuple[_Answer, ResponseStarted]:
        self._number += 1
        answer = self._open = self._latest = _Answer(self._number, self._prefix, event_id, words)
        self._name(event_id, answer)
        return answer, ResponseStarted(answer.response_id)

    def _note_id(self, answer: _Answer, event_id: int) -> None:
        self._ids_repeat = self._ids_repeat or (answer.sounds and event_id == answer.event_id)
        answer.event_id = max(answer.event_id, event_id)
        self._name(event_id, answer)

    def _name(self, event_id: int, answer: _Answer) -> None:
        self._highest_id = event_id if self._highest_id is None else max(self._highest_id, event_id)
        self._items[event_id] = answer.item_id
        if len(self._items) > REMEMBERED:
            del self._items[next(iter(self._items))]

    def _is_void(self, event_id: int) -> bool:
        below = self._void_below is not None and event_id < self._void_below
        return below or event_id == self._void_id

    def _is_void_text(self, event_id: int, words: str) -> bool:
        if event_id == self._void_id:
            return self._latest is not None and words == self._latest.words
        return self._is_void(event_id)


def _text_of(answer: _Answer, characters: Sequence[str] | None) -> str:
    """The words to tell before a piece of audio: those spoken in it, or all of them where nobody knows."""
    if characters is None:
        return "" if answer.words is None or answer.told else answer.words
    text = "".join(characters)
    left = (answer.words or "")[len(answer.told) :]
    space = left[: len(left) - len(left.lstrip())]
    return space + text if text and left.lstrip().startswith(text) else text


def _closing(answer: _Answer, words: str) -> Sequence[Event]:
    if not answer.sounds and not words:
        return ()
    return (AgentAudioDone(answer.item_id), AgentText(answer.item_id, words.strip()))
