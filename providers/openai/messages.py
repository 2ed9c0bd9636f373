"""The server events of OpenAI Realtime we act on, as typed messages.

Source: OpenAI Realtime GA server events, as typed in the official SDK openai 3.54 (`types/realtime`),
read 2026-11-24. Unlisted fields are ignored; unlisted types are counted by the codec. What those types call
optional may be missing or null here too, save the few ids without which a message says nothing.
"""

from typing import Literal

import msgspec


class Message(msgspec.Struct, frozen=True, tag_field="type"):
    """The root of all server events."""


class AudioFormat(msgspec.Struct, frozen=True):
    """`audio/pcmu`, `audio/pcma` or `audio/pcm`."""

    type: str | None = None


class AudioSide(msgspec.Struct, frozen=True):
    """One direction of a session's audio."""

    format: AudioFormat | None = None


class SessionAudio(msgspec.Struct, frozen=True):
    """Both directions of a session's audio."""

    input: AudioSide | None = None
    output: AudioSide | None = None


class Session(msgspec.Struct, frozen=True):
    """A session as the server describes it."""

    id: str | None = None
    model: str | None = None
    audio: SessionAudio | None = None
    expires_at: float | None = None


class SessionCreated(Message, frozen=True, tag="session.created"):
    """First event on a fresh socket."""

    session: Session


class SessionUpdated(Message, frozen=True, tag="session.updated"):
    """Our configuration as accepted."""

    session: Session


class ErrorDetail(msgspec.Struct, frozen=True):
    """What went wrong."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class Error(Message, frozen=True, tag="error"):
    """A complaint; the connection stays open."""

    error: ErrorDetail


class SpeechStarted(Message, frozen=True, tag="input_audio_buffer.speech_started"):
    """Voice activity began; the item is created when the turn is committed."""

    item_id: str
    audio_start_ms: int


class SpeechStopped(Message, frozen=True, tag="input_audio_buffer.speech_stopped"):
    """Voice activity ended."""

    item_id: str
    audio_end_ms: int


class Item(msgspec.Struct, frozen=True):
    """A conversation item, as far as we read it."""

    type: str
    id: str | None = None
    role: str | None = None
    status: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class ItemAdded(Message, frozen=True, tag="conversation.item.added"):
    """An item took its place in the conversation."""

    item: Item


class TranscriptionDelta(Message, frozen=True, tag="conversation.item.input_audio_transcription.delta"):
    """More of a caller turn's transcript."""

    item_id: str
    delta: str | None = None


class TranscriptionUsage(msgspec.Struct, frozen=True):
    """What a transcript costs: seconds of audio, or tokens (which are not priced apart here)."""

    type: str | None = None
    seconds: float | None = None


class TranscriptionCompleted(
    Message, frozen=True, tag="conversation.item.input_audio_transcription.completed"
):
    """A caller turn's transcript; may come before or after the answer."""

    item_id: str
    transcript: str
    usage: TranscriptionUsage | None = None


class TranscriptionFailed(Message, frozen=True, tag="conversation.item.input_audio_transcription.failed"):
    """A caller turn could not be transcribed."""

    item_id: str


class Response(msgspec.Struct, frozen=True):
    """A response named by its id."""

    id: str


class ResponseCreated(Message, frozen=True, tag="response.created"):
    """The model began an answer."""

    response: Response


class AudioDelta(Message, frozen=True, tag="response.output_audio.delta"):
    """A piece of speech, base64 in the session's output format."""

    item_id: str
    delta: str


class AudioDone(Message, frozen=True, tag="response.output_audio.done"):
    """No more speech for this item."""

    item_id: str


class AudioTranscriptDelta(Message, frozen=True, tag="response.output_audio_transcript.delta"):
    """More words of the speech."""

    item_id: str
    delta: str


class AudioTranscriptDone(Message, frozen=True, tag="response.output_audio_transcript.done"):
    """All words of the speech."""

    item_id: str
    transcript: str


class OutputItemDone(Message, frozen=True, tag="response.output_item.done"):
    """An output item is complete: for a function call, with name and arguments."""

    item: Item


class ModalityTokens(msgspec.Struct, frozen=True):
    """Tokens by modality."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class TokenDetails(msgspec.Struct, frozen=True):
    """Tokens by modality, and how many of them came from the cache."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens_details: ModalityTokens | None = None


class Usage(msgspec.Struct, frozen=True):
    """The billing basis of one response."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: TokenDetails | None = None
    output_token_details: TokenDetails | None = None


class StatusDetails(msgspec.Struct, frozen=True):
    """Why a response did not complete."""

    reason: str | None = None
    error: ErrorDetail | None = None


class FinishedResponse(msgspec.Struct, frozen=True):
    """A response at its end."""

    id: str
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    status_details: StatusDetails | None = None
    usage: Usage | None = None


class ResponseDone(Message, frozen=True, tag="response.done"):
    """An answer is over."""

    response: FinishedResponse


AnyMessage = (
    AudioDelta
    | AudioTranscriptDelta
    | TranscriptionDelta
    | SessionCreated
    | SessionUpdated
    | Error
    | SpeechStarted
    | SpeechStopped
    | ItemAdded
    | TranscriptionCompleted
    | TranscriptionFailed
    | ResponseCreated
    | AudioDone
    | AudioTranscriptDone
    | OutputItemDone
    | ResponseDone
)

KNOWN_TYPES: frozenset[str] = frozenset(str(cls.__struct_config__.tag) for cls in AnyMessage.__args__)
"""The types above."""

IGNORED_TYPES: frozenset[str] = frozenset(
    {
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "input_audio_buffer.timeout_triggered",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.added",
        "response.output_text.delta",
        "response.output_text.done",
    }
)
"""Types we know and need nothing from: everything they say is said again by a type above."""
