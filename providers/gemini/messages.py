"""The server messages of Gemini Live as far as we act on them.

A message has one field that says what it is, `usageMetadata` aside; a `serverContent` may say several things
at once. Unlisted fields are ignored; messages with none of the fields below are counted by the codec.

Source: google-genai 3.4 `types.LiveServerMessage` and `_live_converters._LiveServerMessage_from_mldev` (names
on the wire), read 2026-11-24. What those types call optional may be missing or null here too, save the ids
and names without which a tool call says nothing.
"""

import msgspec


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """A part of what the model generates; thoughts, text and code are not spoken, so not read."""

    inline_data: "Blob | None" = None


class Blob(msgspec.Struct, frozen=True, rename="camel"):
    """Sound: base64 `data` of a MIME type like `audio/pcm;rate=24000`."""

    data: str | None = None
    mime_type: str | None = None


class Content(msgspec.Struct, frozen=True):
    """Parts the model generates."""

    parts: list[Part] | None = None


class Transcription(msgspec.Struct, frozen=True):
    """The next words heard or spoken; `finished` is not set by every model."""

    text: str | None = None
    finished: bool | None = None


class ServerContent(msgspec.Struct, frozen=True, rename="camel"):
    """What the model says and hears; the fields may come in one message."""

    model_turn: Content | None = None
    output_transcription: Transcription | None = None
    input_transcription: Transcription | None = None
    interrupted: bool | None = None
    generation_complete: bool | None = None
    turn_complete: bool | None = None
    turn_complete_reason: str | None = None


class SetupComplete(msgspec.Struct, frozen=True, rename="camel"):
    """Our configuration is accepted."""

    session_id: str | None = None


class FunctionCall(msgspec.Struct, frozen=True):
    """A tool the model wants run; `args` is kept as it was written."""

    id: str
    name: str
    args: msgspec.Raw = msgspec.Raw(b"{}")


class ToolCall(msgspec.Struct, frozen=True, rename="camel"):
    """Tools the model wants run, in one go."""

    function_calls: list[FunctionCall] | None = None


class ToolCallCancellation(msgspec.Struct, frozen=True):
    """Tool calls whose results are not wanted any more."""

    ids: list[str] | None = None


class ModalityTokens(msgspec.Struct, frozen=True, rename="camel"):
    """Tokens of one modality: TEXT, AUDIO, IMAGE, VIDEO or DOCUMENT."""

    modality: str | None = None
    token_count: int | None = None


class UsageMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """What the model used since the last of these."""

    prompt_token_count: int | None = None
    response_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokens] | None = None
    response_tokens_details: list[ModalityTokens] | None = None
    cache_tokens_details: list[ModalityTokens] | None = None


class GoAway(msgspec.Struct, frozen=True, rename="camel"):
    """The connection will end; `time_left` is a duration like `50s`."""

    time_left: str | None = None


class SessionResumptionUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the session can be resumed from here, and with which handle."""

    new_handle: str | None = None
    resumable: bool | None = None


class VoiceActivity(msgspec.Struct, frozen=True, rename="camel"):
    """The caller begins (`ACTIVITY_START`) or ends (`ACTIVITY_END`) to speak; older models do not say so."""

    type: str | None = None
    audio_offset: str | None = None


class ServerMessage(msgspec.Struct, frozen=True, rename="camel"):
    """Any message."""

    server_content: ServerContent | None = None
    voice_activity: VoiceActivity | None = None
    tool_call: ToolCall | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    usage_metadata: UsageMetadata | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    go_away: GoAway | None = None
    setup_complete: SetupComplete | None = None


KNOWN_FIELDS: frozenset[str] = frozenset(ServerMessage.__struct_encode_fields__)
"""The fields above, as the wire names them."""

IGNORED_FIELDS: frozenset[str] = frozenset({"voiceActivityDetectionSignal"})
"""Fields we know and need nothing from."""
