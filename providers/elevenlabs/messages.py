"""The server events of ElevenLabs Agents we act on, as typed messages.

Source: AsyncAPI contract of ElevenLabs' own client packages (github.com/elevenlabs/packages,
`agent.asyncapi.yaml`) and the SDK elevenlabs 2.78 (`conversational_ai/conversation.py`,
`types/client_event.py`), read 2026-11-24. Each event keeps its data under a key of its own. Unlisted fields
are ignored; unlisted types are counted by the codec.
"""

from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True, tag_field="type"):
    """The root of all server events."""


class MetadataData(msgspec.Struct, frozen=True):
    """The conversation's id, and the audio formats its agent is set to: `pcm_<rate>` or `ulaw_8000`."""

    conversation_id: str
    agent_output_audio_format: str
    user_input_audio_format: str


class Metadata(Message, frozen=True, tag="conversation_initiation_metadata"):
    """First event: the conversation is on."""

    data: MetadataData = msgspec.field(name="conversation_initiation_metadata_event")


class Alignment(msgspec.Struct, frozen=True):
    """The characters spoken in a piece of audio; their times are not needed here."""

    chars: list[str] = []


class AudioData(msgspec.Struct, frozen=True):
    """A piece of the agent's speech; `event_id` counts turns, all pieces of an answer share it."""

    event_id: int
    audio_base_64: str
    alignment: Alignment | None = None


class Audio(Message, frozen=True, tag="audio"):
    """Speech of the agent."""

    data: AudioData = msgspec.field(name="audio_event")


class AgentResponseData(msgspec.Struct, frozen=True):
    """The words of an answer."""

    event_id: int
    agent_response: str


class AgentResponse(Message, frozen=True, tag="agent_response"):
    """All the words of an answer, sent with or before its first audio."""

    data: AgentResponseData = msgspec.field(name="agent_response_event")


class CorrectionData(msgspec.Struct, frozen=True):
    """What was meant to be said and what the service believes was heard."""

    corrected_agent_response: str
    event_id: int | None = None


class AgentResponseCorrection(Message, frozen=True, tag="agent_response_correction"):
    """After an interruption: the answer as far as it was heard."""

    data: CorrectionData = msgspec.field(name="agent_response_correction_event")


class EventId(msgspec.Struct, frozen=True):
    """Data that consists of the event's id."""

    event_id: int


class OptionalEventId(msgspec.Struct, frozen=True):
    """Data of an event that means the same without its id."""

    event_id: int | None = None


class AgentResponseComplete(Message, frozen=True, tag="agent_response_complete"):
    """An answer is complete. The service does not send it after every answer."""

    data: OptionalEventId = msgspec.field(name="agent_response_complete_event", default=OptionalEventId())


class Interruption(Message, frozen=True, tag="interruption"):
    """The service dropped its answer: audio of lower ids is void."""

    data: EventId = msgspec.field(name="interruption_event")


class TranscriptData(msgspec.Struct, frozen=True):
    """What the caller said."""

    user_transcript: str
    event_id: int | None = None


class UserTranscript(Message, frozen=True, tag="user_transcript"):
    """A caller turn, over and transcribed."""

    data: TranscriptData = msgspec.field(name="user_transcription_event")


class TentativeUserTranscript(Message, frozen=True, tag="tentative_user_transcript"):
    """A caller turn so far; may change."""

    data: TranscriptData = msgspec.field(name="tentative_user_transcription_event")


class VadData(msgspec.Struct, frozen=True):
    """How likely the caller is speaking, 0 to 1."""

    vad_score: float


class VadScore(Message, frozen=True, tag="vad_score"):
    """Voice activity, several times a second."""

    data: VadData = msgspec.field(name="vad_score_event")


class Ping(Message, frozen=True, tag="ping"):
    """Wants a pong with the same id."""

    data: EventId = msgspec.field(name="ping_event")


class ToolCallData(msgspec.Struct, frozen=True):
    """A tool and what to call it with."""

    tool_name: str
    tool_call_id: str
    parameters: dict[str, Any] = {}


class ClientToolCall(Message, frozen=True, tag="client_tool_call"):
    """The agent calls a tool of ours."""

    data: ToolCallData = msgspec.field(name="client_tool_call")


class ErrorData(msgspec.Struct, frozen=True):
    """What went wrong; `code` is the code of the close that follows."""

    code: int | None = None
    error_type: str | None = None
    message: str | None = None
    reason: str | None = None


class Error(Message, frozen=True, tag="error"):
    """A complaint before the service closes."""

    data: ErrorData = msgspec.field(name="error_event")


class ClientError(Message, frozen=True, tag="client_error"):
    """The same under the name it has among the client events."""

    data: ErrorData = msgspec.field(name="error_event", default=ErrorData())


AnyMessage = (
    Audio
    | VadScore
    | TentativeUserTranscript
    | Ping
    | Metadata
    | AgentResponse
    | AgentResponseCorrection
    | AgentResponseComplete
    | Interruption
    | UserTranscript
    | ClientToolCall
    | Error
    | ClientError
)

KNOWN_TYPES: frozenset[str] = frozenset(str(cls.__struct_config__.tag) for cls in AnyMessage.__args__)
"""The types above."""

CLIENT_EVENTS: tuple[str, ...] = (
    "conversation_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "tentative_user_transcript",
    "agent_response",
    "agent_response_correction",
    "agent_response_complete",
    "client_tool_call",
    "vad_score",
    "client_error",
)
"""What our agents are told to send: the types above by their names among the SDK's `ClientEvent`."""

IGNORED_TYPES: frozenset[str] = frozenset(
    {
        "agent_chat_response_part",
        "agent_response_metadata",
        "agent_tool_request",
        "agent_tool_response",
        "agent_tool_response_full_payload",
        "asr_initiation_metadata",
        "context_usage",
        "dtmf_request",
        "guardrail_triggered",
        "internal_tentative_agent_response",
        "internal_turn_probability",
        "mcp_connection_status",
        "mcp_tool_call",
    }
)
"""Types we know and do not ask for; an agent edited by hand may send them."""
