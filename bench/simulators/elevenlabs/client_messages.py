"""What a client may send on the socket.

Audio has no `type`; everything else does. Source: `elevenlabs/packages`,
packages/types/schemas/agent.asyncapi.yaml ("CLIENT MESSAGE PAYLOADS"), and elevenlabs-python 2.78.0
(`conversational_ai/conversation.py`), read 2026-11. Fields nobody documents are refused here, so that a
client that misspells one learns of it.
"""

from typing import Any, Literal

import msgspec

from bench.simulators.elevenlabs.failures import bad_message

Scalar = str | int | float | bool | None


class _Message(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    pass


class UserAudio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`user_audio_chunk`: base64 in the agent's input format."""

    user_audio_chunk: str


class Initiation(_Message, frozen=True, tag="conversation_initiation_client_data"):
    """The first message of a conversation."""

    conversation_config_override: dict[str, Any] | None = None
    custom_llm_extra_body: dict[str, Any] | None = None
    dynamic_variables: dict[str, Scalar] | None = None
    user_id: str | None = None
    source_info: dict[str, str | None] | None = None
    branch_id: str | None = None
    environment: str | None = None
    starting_workflow_node_id: str | None = None
    procedure_ids: list[str] | None = None
    start_procedure_ids: list[str] | None = None
    tool_mock_config: dict[str, Any] | None = None


class Pong(_Message, frozen=True, tag="pong"):
    """The answer to a ping."""

    event_id: int


class UserMessage(_Message, frozen=True, tag="user_message"):
    """Text from the user, to be answered."""

    text: str | None = None
    rich_content_id: str | None = None


class UserActivity(_Message, frozen=True, tag="user_activity"):
    """The user is there."""


class ContextualUpdate(_Message, frozen=True, tag="contextual_update"):
    """Something to know, not to be answered."""

    text: str
    context_id: str | None = None


class ToolResult(_Message, frozen=True, tag="client_tool_result"):
    """What a client tool returned."""

    tool_call_id: str
    result: str
    is_error: bool


class Feedback(_Message, frozen=True, tag="feedback"):
    """How the user liked a response."""

    event_id: int
    score: Literal["like", "dislike"] | None


class ToolApproval(_Message, frozen=True, tag="mcp_tool_approval_result"):
    """Whether a tool of an MCP server may run."""

    tool_call_id: str
    is_approved: bool


class Multimodal(_Message, frozen=True, tag="multimodal_message"):
    """Text and files from the user."""

    text: UserMessage | None = None
    file: dict[str, str] | None = None
    files: list[dict[str, str]] | None = None


_Typed = (
    Initiation
    | Pong
    | UserMessage
    | UserActivity
    | ContextualUpdate
    | ToolResult
    | Feedback
    | ToolApproval
    | Multimodal
)
ClientMessage = UserAudio | _Typed


def read_message(text: str | bytes) -> tuple[ClientMessage, dict[str, Any]]:
    """Return a client message, also as the JSON it came as.

    Raises:
        ConversationFailure: it is not JSON, of no known type, or has wrong or missing fields.
    """
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_message(f"Could not parse message as JSON: {error}") from error
    if not isinstance(raw, dict):
        raise bad_message("A message must be a JSON object.")
    try:
        if "user_audio_chunk" in raw:
            return msgspec.convert(raw, UserAudio), raw
        message: ClientMessage = msgspec.convert(raw, _Typed)
    except msgspec.ValidationError as error:
        missing = "missing required field" in str(error)
        raise bad_message(str(error), "missing_fields" if missing else "invalid_message") from error
    return message, raw
