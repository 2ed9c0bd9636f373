"""The agent's answers in a Gemini Live session, which has neither ids for them nor an event that begins one.

An answer begins with its first sound, or with a tool call, and ends with `generationComplete`, a tool call,
an interruption or, where nothing else did it, `turnComplete` (which the server delays until it assumes that
everything is played). Words wait for the sound they belong to; what follows the end of their answer without
any is lost. After an interruption the rest of the answer is dropped.

Source: google-genai 3.4 `types.LiveServerContent`, read 2026-11-24.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from providers.errors import ProviderError
from providers.session import (
    AgentAudio,
    AgentAudioDone,
    AgentText,
    AgentTextDelta,
    AnswerInterrupted,
    Event,
    ResponseEnded,
    ResponseStarted,
    ToolRequested,
)
from providers.transcode import ToMulaw

OUTPUT_HZ = 24_000
"""Rate of the sound when its MIME type does not say (Gemini API, Live API, "Audio formats")."""

HARMLESS_REASONS = frozenset({"TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})
"""Reasons for a turn to be over that are no failure (source: google-genai `types.TurnCompleteReason`)."""

PASSING_REASONS = frozenset({"MALFORMED_FUNCTION_CALL", "RESPONSE_REJECTED", "MAX_REGENERATION_REACHED"})
"""Failures that another try may mend; the others are about what was said."""


@dataclass(slots=True)
class _Answer:
    """An answer that sounds."""

    response_id: str
    item_id: str
    words: list[str] = field(default_factory=list)


class AgentAnswers:
    """Makes whole answers of what the model generates.

    Args:
        prefix: Begins the ids of answers and their items.
    """

    __slots__ = (
        "_answer",
        "_count",
        "_cut",
        "_early_words",
        "_mime_type",
        "_prefix",
        "_sound",
        "owed",
        "playing",
    )

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0
        self._answer: _Answer | None = None
        self._cut = False
        self._early_words: list[str] = []
        self._mime_type: str | None = None
        self._sound = ToMulaw(OUTPUT_HZ)
        self.owed = False
        """Whether an answer has begun whose `turnComplete` has not come."""
        self.playing = False
        """Whether such an answer has not been interrupted: any speech would have done it."""

    @property
    def on(self) -> bool:
        """Whether an answer is under way."""
        return self._answer is not None

    @property
    def cut(self) -> bool:
        """Whether what comes now belongs to an answer that was interrupted."""
        return self._cut

    def words(self, text: str) -> Iterator[Event]:
        """Words the agent says; those ahead of an answer's first sound wait for it."""
        if not text or self._cut:
            return
        if self._answer is None:
            self._early_words.append(text)
        else:
            self._answer.words.append(text)
            yield AgentTextDelta(self._answer.item_id, text)

    def audio(self, payload: str, mime_type: str | None) -> Iterator[Event]:
        """A piece of the agent's speech.

        Raises:
            ProviderError: `format_mismatch`, not the samples we expect; `protocol_error`, not base64.
        """
        if self._cut:
            return
        if mime_type is not None and mime_type != self._mime_type:
            self._sound = ToMulaw(_rate_hz(mime_type))
            self._mime_type = mime_type
        answer = self._answer
        if answer is None:
            answer = self._answer = _Answer(self._next_response(), f"{self._prefix}.a{self._count}")
            yield ResponseStarted(answer.response_id)
            early, self._early_words = self._early_words, []
            for text in early:
                yield from self.words(text)
        if sound := self._sound.convert(payload):
            yield AgentAudio(answer.item_id, sound)

    def tools(self, calls: Sequence[ToolRequested]) -> Iterator[Event]:
        """Tools the model wants run: the answer ends here, what the model says about them is another."""
        self._cut = False
        response_id = self._answer.response_id if self._answer else self._next_response()
        if self._answer is None:
            yield ResponseStarted(response_id)
        else:
            yield from self._end_item(self._answer, heard=True)
        yield from calls
        yield ResponseEnded(response_id, "completed")

    def ended(self) -> Iterator[Event]:
        """The model has generated all of the answer."""
        if answer := self._answer:
            yield from self._end_item(answer, heard=True)
            yield ResponseEnded(answer.response_id, "completed")

    def interrupted(self) -> Iterator[Event]:
        """The provider dropped its answer, if there was one: what is left of it is not heard."""
        yield AnswerInterrupted()
        self._early_words.clear()
        self.playing = False
        if answer := self._answer:
            self._cut = True
            yield from self._end_item(answer, heard=False)
            yield ResponseEnded(answer.response_id, "cancelled")

    def resume(self) -> None:
        """Nothing more of an interrupted answer will come."""
        self._cut = False

    def turn_complete(self, reason: str | None) -> Iterator[Event]:
        """The provider's turn is over.

        Args:
            reason: Why, if there is anything to say about it.
        """
        if reason and reason not in HARMLESS_REASONS and (self._answer or not self.owed):
            yield from self._failed(reason)
        else:
            yield from self.ended()
        self._early_words.clear()  # words without a sound: they came behind their answer's end
        self._cut = self.owed = self.playing = False

    def _failed(self, reason: str) -> Iterator[Event]:
        answer = self._answer
        response_id = answer.response_id if answer else self._next_response()
        if answer is None:
            yield ResponseStarted(response_id)
        else:
            yield from self._end_item(answer, heard=True)
        status: Literal["incomplete", "failed"] = "incomplete" if answer else "failed"
        message = "the model gave no answer" if answer is None else "the model broke off its answer"
        retryable = reason in PASSING_REASONS
        yield ResponseEnded(response_id, status, reason.lower(), message, retryable=retryable)

    def _next_response(self) -> str:
        self._count += 1
        self.owed = self.playing = True
        return f"{self._prefix}.r{self._count}"

    def _end_item(self, answer: _Answer, *, heard: bool) -> Iterator[Event]:
        self._answer = None
        if (tail := self._sound.flush()) and heard:
            yield AgentAudio(answer.item_id, tail)
        yield AgentAudioDone(answer.item_id)
        yield AgentText(answer.item_id, "".join(answer.words).strip())


def _rate_hz(mime_type: str) -> int:
    kind, *parameters = (part.strip().lower() for part in mime_type.split(";"))
    rates = [value for name, _, value in (part.partition("=") for part in parameters) if name == "rate"]
    rate = rates[0] if rates else str(OUTPUT_HZ)
    if kind != "audio/pcm" or not (rate.isascii() and rate.isdigit() and len(rate) <= 6):
        message = f"expected audio/pcm, the provider sent {mime_type[:60]!r}"
        raise ProviderError("format_mismatch", message, retryable=False)
    return int(rate)
