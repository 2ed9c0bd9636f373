"""An agent's configuration: what it is by default, what may be set, what a change does.

Source: elevenlabs-python 2.78.0, `types/conversational_config.py` and the types it leads to, read 2026-11;
the default client events are those of `elevenlabs/packages`, agent.asyncapi.yaml.
"""

import copy
from typing import Annotated, Any, Literal, get_args

import msgspec

from bench.simulators.elevenlabs.failures import invalid

Json = dict[str, Any]

AudioFormat = Literal[
    "pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"
]
ClientEvent = Literal[
    "conversation_initiation_metadata",
    "asr_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "tentative_user_transcript",
    "agent_response",
    "agent_response_correction",
    "client_tool_call",
    "mcp_tool_call",
    "mcp_connection_status",
    "agent_tool_request",
    "agent_tool_response",
    "agent_tool_response_full_payload",
    "agent_response_metadata",
    "vad_score",
    "agent_chat_response_part",
    "client_error",
    "guardrail_triggered",
    "dtmf_request",
    "agent_response_complete",
    "context_usage",
    "internal_turn_probability",
    "internal_tentative_agent_response",
]
CLIENT_EVENTS: tuple[str, ...] = get_args(ClientEvent)
DEFAULT_CLIENT_EVENTS = (
    "audio",
    "interruption",
    "agent_response",
    "user_transcript",
    "tentative_user_transcript",
    "conversation_initiation_metadata",
    "ping",
)

_DEFAULTS: Json = {
    "asr": {
        "quality": "high",
        "provider": "elevenlabs",
        "user_input_audio_format": "pcm_16000",
        "keywords": [],
    },
    "turn": {"turn_timeout": 7.0, "silence_end_call_timeout": -1.0, "turn_eagerness": "normal"},
    "tts": {
        "model_id": "eleven_flash_v2",
        "voice_id": "cjVigY5qzO86Huf0OWal",
        "agent_output_audio_format": "pcm_16000",
        "optimize_streaming_latency": 3,
        "stability": 0.5,
        "speed": 1.0,
        "similarity_boost": 0.8,
    },
    "conversation": {
        "text_only": False,
        "max_duration_seconds": 600,
        "client_events": list(DEFAULT_CLIENT_EVENTS),
    },
    "agent": {
        "first_message": "",
        "language": "en",
        "disable_first_message_interruptions": False,
        "dynamic_variables": {"dynamic_variable_placeholders": {}},
        "prompt": {
            "prompt": "",
            "llm": "gemini-2.5-flash",
            "temperature": 0.0,
            "max_tokens": -1,
            "tool_ids": [],
            "built_in_tools": {},
            "mcp_server_ids": [],
            "native_mcp_server_ids": [],
            "knowledge_base": [],
        },
    },
}

_Seconds = Annotated[float, msgspec.Meta(ge=-1)]


class _Asr(msgspec.Struct):
    user_input_audio_format: AudioFormat
    keywords: list[str] | None = None


class _Turn(msgspec.Struct):
    turn_timeout: Annotated[float, msgspec.Meta(ge=-1, le=30)]
    silence_end_call_timeout: _Seconds
    turn_eagerness: Literal["patient", "normal", "eager"]
    initial_wait_time: Annotated[float, msgspec.Meta(ge=1)] | None = None


class _Tts(msgspec.Struct):
    agent_output_audio_format: AudioFormat
    model_id: str
    voice_id: str
    speed: Annotated[float, msgspec.Meta(ge=0.7, le=5)]
    stability: Annotated[float, msgspec.Meta(ge=0, le=1)]
    similarity_boost: Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Conversation(msgspec.Struct):
    text_only: bool
    max_duration_seconds: Annotated[int, msgspec.Meta(ge=1)]
    client_events: list[ClientEvent]


class _Prompt(msgspec.Struct):
    prompt: str
    llm: str
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None
    max_tokens: int
    tool_ids: list[str]
    tools: list[Json] = []
    built_in_tools: dict[str, Json | None] = {}


class _Placeholders(msgspec.Struct):
    dynamic_variable_placeholders: dict[str, str | int | float | bool | None] = {}


class _Agent(msgspec.Struct):
    first_message: str
    language: str
    prompt: _Prompt
    disable_first_message_interruptions: bool
    dynamic_variables: _Placeholders


class _Config(msgspec.Struct, forbid_unknown_fields=True):
    asr: _Asr
    turn: _Turn
    tts: _Tts
    conversation: _Conversation
    agent: _Agent
    vad: Json | None = None
    language_presets: Json | None = None


def merged(base: Json, change: Json) -> Json:
    """Return a configuration with a change made: objects are merged, everything else is replaced."""
    result = copy.deepcopy(base)
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], value)
        else:
            result[name] = copy.deepcopy(value)
    return result


def new_config(given: Json) -> Json:
    """Return the configuration of a new agent.

    Args:
        given: `conversation_config` as sent; what it leaves open has its default.

    Raises:
        RestError: something in it will not do.
    """
    return checked(merged(_DEFAULTS, _without_nulls(given)))


def checked(config: Json) -> Json:
    """Return a whole configuration if every part that matters here is valid.

    Raises:
        RestError: something in it will not do.
    """
    try:
        msgspec.convert(config, _Config)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise invalid("conversation_config" + path.rstrip("`"), message) from error
    for index, tool in enumerate(config["agent"]["prompt"].get("tools", [])):
        check_tool(tool, f"conversation_config.agent.prompt.tools[{index}]")
    return config


def _without_nulls(given: Json) -> Json:
    cleaned = {}
    for name, value in given.items():
        if value is not None:
            cleaned[name] = _without_nulls(value) if isinstance(value, dict) else value
    return cleaned


class _ClientTool(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: str
    type: Literal["client", "webhook", "system", "mcp", "api_integration_webhook"]
    parameters: Json | None = None
    expects_response: bool | None = None
    response_timeout_secs: Annotated[int, msgspec.Meta(ge=-1, le=120)] | None = None


def check_tool(tool: Json, path: str) -> None:
    """Check a tool's configuration, as it stands in an agent or by itself.

    Raises:
        RestError: something in it will not do.
    """
    try:
        msgspec.convert(tool, _ClientTool)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise invalid(path + place.rstrip("`"), message) from error
