"""What a client may change about an agent for one conversation, and the variables it fills in.

Source: elevenlabs-python 2.78.0, `types/conversation_config_client_override_input.py` (what can be said) and
`types/conversation_config_client_override_config_input.py` (what can be allowed), read 2026-11; the formats
of audio and turn-taking proper are in neither. `client_events` is in agent.asyncapi.yaml alone.
"""

import re
from typing import Annotated, Any

import msgspec

from bench.simulators.elevenlabs.agent_config import ClientEvent, merged
from bench.simulators.elevenlabs.client_messages import Initiation, Scalar
from bench.simulators.elevenlabs.failures import bad_message

Json = dict[str, Any]

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_SYSTEM_PREFIX = "system__"
_PUT_BY_THE_SDK = "text_only"
"""elevenlabs-python puts it beside `agent` and `tts` when there is no audio; it has no meaning there."""

_Unit = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Part(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pass


class _Prompt(_Part):
    prompt: str | None = None
    llm: str | None = None
    reasoning_effort: str | None = None
    tool_ids: list[str] | None = None
    tool_ids_strict: bool | None = None
    native_mcp_server_ids: list[str] | None = None
    knowledge_base: list[Json] | None = None


class _Agent(_Part):
    first_message: str | None = None
    language: str | None = None
    max_conversation_duration_message: str | None = None
    prompt: _Prompt | None = None


class _Tts(_Part):
    model_id: str | None = None
    voice_id: str | None = None
    supported_voices: list[Json] | None = None
    stability: _Unit | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.7, le=5)] | None = None
    similarity_boost: _Unit | None = None
    clone_strength: float | None = None
    pronunciation_dictionary_locators: list[Json] | None = None


class _SoftTimeout(_Part):
    message: str | None = None
    additional_soft_timeout_messages: list[str] | None = None


class _Turn(_Part):
    soft_timeout_config: _SoftTimeout | None = None
    noisy_environment_message: str | None = None


class _Asr(_Part):
    keywords: list[str] | None = None


class _Conversation(_Part):
    text_only: bool | None = None
    max_duration_seconds: Annotated[int, msgspec.Meta(ge=1)] | None = None
    client_events: Annotated[list[ClientEvent], msgspec.Meta(min_length=1)] | None = None


class _Override(_Part):
    agent: _Agent | None = None
    tts: _Tts | None = None
    turn: _Turn | None = None
    asr: _Asr | None = None
    conversation: _Conversation | None = None


def config_for(config: Json, allowed: Json, initiation: Initiation) -> Json:
    """Return an agent's configuration as it is in one conversation.

    Args:
        config: the agent's `conversation_config`.
        allowed: its `platform_settings.overrides`.
        initiation: the client's first message.

    Raises:
        ConversationFailure: an override that does not exist, is mistyped or not allowed; a variable without a
            value.
    """
    given = dict(initiation.conversation_config_override or {})
    given.pop(_PUT_BY_THE_SDK, None)
    try:
        override: Json = msgspec.to_builtins(msgspec.convert(given, _Override))
    except msgspec.ValidationError as error:
        raise bad_message(f"Invalid override: {error}", "override_error") from error
    _check_allowed(override, allowed.get("conversation_config_override") or {})
    if initiation.custom_llm_extra_body and not allowed.get("custom_llm_extra_body"):
        raise bad_message(
            "Override for field 'custom_llm_extra_body' is not allowed by config.", "override_error"
        )
    effective = merged(config, override)
    return _with_variables(effective, initiation.dynamic_variables or {})


def _check_allowed(override: Json, allowed: Json) -> None:
    for name, value in override.items():
        permission = allowed.get(name)
        if isinstance(value, dict):
            _check_allowed(value, permission if isinstance(permission, dict) else {})
        elif permission is not True:
            raise bad_message(f"Override for field '{name}' is not allowed by config.", "override_error")


def _with_variables(config: Json, given: dict[str, Scalar]) -> Json:
    placeholders = (config["agent"].get("dynamic_variables") or {}).get("dynamic_variable_placeholders") or {}
    values = {**placeholders, **given}
    agent = config["agent"]
    texts = (agent["first_message"], agent["prompt"]["prompt"])
    needed = {name for text in texts for name in _VARIABLE.findall(text)}
    missing = sorted(n for n in needed if n not in values and not n.startswith(_SYSTEM_PREFIX))
    if missing:
        message = f"Missing required dynamic variables in first message or prompt: {missing}"
        raise bad_message(message, "missing_dynamic_variable")

    def filled(text: str) -> str:
        return _VARIABLE.sub(lambda found: str(values.get(found[1], found[0])), text)

    agent["first_message"] = filled(agent["first_message"])
    agent["prompt"]["prompt"] = filled(agent["prompt"]["prompt"])
    return config
