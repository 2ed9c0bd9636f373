"""The agents and tools our sessions need at ElevenLabs, as data.

Audio formats, tools, client events and the right to override are settings of an agent, not of a conversation;
what the prompt says is not. So every session that wants the same settings shares one agent, which is named by
what it is.

Source: SDK elevenlabs 2.78 `types/` (`ConversationalConfig`, `AgentPlatformSettingsRequestModel`,
`ClientToolConfigInput`, `ObjectJsonSchemaPropertyInput`); ElevenLabs docs, "Agent tools deprecation": inline
`prompt.tools` are refused since July 2025, tools are records of the workspace named in `prompt.tool_ids`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from providers.capabilities import CAPABILITIES
from providers.elevenlabs.messages import CLIENT_EVENTS
from providers.session import SemanticVad, SessionConfig, ToolDefinition, TurnDetection

AUDIO_FORMAT = "ulaw_8000"
NAME_PREFIX = "hum-"

ENGLISH_MODEL = "eleven_flash_v2"
MODEL = "eleven_flash_v2_5"
"""English agents are restricted to the former, all others need the latter."""

LONGEST_WAIT_S = 30
"""How long the agent lets the caller be silent: the most that can be set. Silence is ours to deal with."""

TOOL_TIMEOUT_S = 120
"""The most that can be set; our own limits are shorter."""

_EAGERNESS = {"low": "patient", "medium": "normal", "high": "eager", "auto": "normal"}
_LITERALS = frozenset({"string", "integer", "number", "boolean"})


def agent_name(config: SessionConfig) -> str:
    """The name of the agent a session needs, from a hash of its settings."""
    parts = [
        conversation_settings(config, []),
        platform_settings(),
        *(tool_settings(t) for t in config.tools),
    ]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"{NAME_PREFIX}{digest[:12]}"


def conversation_settings(config: SessionConfig, tool_ids: Sequence[str]) -> dict[str, Any]:
    """An agent's `conversation_config`; prompt, greeting and voice are given anew to each conversation."""
    language = config.language or "en"
    return {
        "agent": {"first_message": "", "language": language, "prompt": {"tool_ids": list(tool_ids)}},
        "asr": {"user_input_audio_format": AUDIO_FORMAT},
        "tts": {
            "model_id": ENGLISH_MODEL if language == "en" else MODEL,
            "agent_output_audio_format": AUDIO_FORMAT,
        },
        "turn": {
            "turn_timeout": LONGEST_WAIT_S,
            "silence_end_call_timeout": -1,
            "turn_eagerness": _eagerness(config.turn_detection),
        },
        "conversation": {
            "max_duration_seconds": int(CAPABILITIES["elevenlabs"].session_limit_s or 0),
            "client_events": list(CLIENT_EVENTS),
        },
    }


def platform_settings() -> dict[str, Any]:
    """An agent's `platform_settings`: nobody gets in without us; what conversations may override."""
    agent = {"first_message": True, "language": True, "prompt": {"prompt": True, "llm": True}}
    return {
        "auth": {"enable_auth": True},
        "overrides": {"conversation_config_override": {"agent": agent, "tts": {"voice_id": True}}},
    }


def tool_settings(tool: ToolDefinition) -> dict[str, Any]:
    """A tool's `tool_config`: one the service calls us for, and waits."""
    return {
        "type": "client",
        "name": tool.name,
        "description": tool.description,
        "parameters": _object(tool.parameters),
        "expects_response": True,
        "response_timeout_secs": TOOL_TIMEOUT_S,
    }


def contains(found: Any, wanted: Any) -> bool:
    """Whether settings found at the service include those wanted; it adds defaults of its own.

    Lists of words are compared without their order.
    """
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            contains(found.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(found, list):
        return sorted(map(str, found)) == sorted(map(str, wanted))
    return bool(found == wanted)


def _eagerness(detection: TurnDetection) -> str:
    return _EAGERNESS[detection.eagerness] if isinstance(detection, SemanticVad) else "normal"


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    return {
        "type": "object",
        "properties": {name: _property(name, value) for name, value in known.items()},
        "required": [name for name in required if name in known] if isinstance(required, list) else [],
    }


def _property(name: str, schema: Any) -> dict[str, Any]:
    """The service's dialect of JSON Schema: every value described, constraints it lacks told in words."""
    schema = dict(schema) if isinstance(schema, Mapping) else {}
    description = str(schema.pop("description", "") or name)
    match _type(schema.pop("type", None)):
        case "object":
            return {**_object(schema), "description": description}
        case "array":
            return {
                "type": "array",
                "description": description,
                "items": _property(name, schema.get("items")),
            }
        case kind:
            literal = {"type": kind if kind in _LITERALS else "string"}
            if literal["type"] == "string" and _are_words(schema.get("enum")):
                literal["enum"] = schema.pop("enum")
            hint = f" {json.dumps(schema, ensure_ascii=False, sort_keys=True)}" if schema else ""
            return {**literal, "description": description + hint}


def _type(kind: Any) -> str:
    kinds = kind if isinstance(kind, list) else [kind]
    return next((str(each) for each in kinds if each not in (None, "null")), "string")


def _are_words(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
