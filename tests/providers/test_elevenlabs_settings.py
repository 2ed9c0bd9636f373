"""What our agents and tools at ElevenLabs are set to, held against the official SDK's types."""

import json
import typing
from typing import Any

from elevenlabs.types import (
    AgentPlatformSettingsRequestModel,
    ClientEvent,
    ConversationalConfig,
    ToolRequestModelToolConfig,
)
from hypothesis import given
from hypothesis import strategies as st

from providers import session as p
from providers.elevenlabs.agent_settings import (
    agent_name,
    contains,
    conversation_settings,
    platform_settings,
    tool_settings,
)
from providers.elevenlabs.codec import ElevenLabsCodec

Json = dict[str, Any]

SDK_EVENTS = frozenset(typing.get_args(typing.get_args(ClientEvent)[0]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_what_is_overridden_is_allowed_to_be() -> None:
    config = p.SessionConfig("Do.", "ash", language="de", model="gpt-5-mini")
    (text,) = ElevenLabsCodec(config, url="wss://eleven/").opening()
    allowed = platform_settings()["overrides"]["conversation_config_override"]

    def check(asked: Json, allowed: Json) -> None:
        for name, value in asked.items():
            if isinstance(value, dict):
                check(value, allowed[name])
            else:
                assert allowed[name] is True

    check(json.loads(text)["conversation_config_override"], allowed)


SCHEMA = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "enum": ["today", "tomorrow"], "description": "When."},
        "hour": {"type": ["integer", "null"], "minimum": 9, "maximum": 17},
        "who": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        "tags": {"type": "array", "items": {"type": "string", "format": "email"}},
        "any": {},
    },
    "required": ["day", "nothing"],
    "additionalProperties": False,
}
TOOL = p.ToolDefinition("book", "Books.", SCHEMA)


def test_a_tool_in_the_services_dialect() -> None:
    assert tool_settings(TOOL)["parameters"] == {
        "type": "object",
        "properties": {
            "day": {"type": "string", "enum": ["today", "tomorrow"], "description": "When."},
            "hour": {"type": "integer", "description": 'hour {"maximum": 17, "minimum": 9}'},
            "who": {
                "type": "object",
                "description": "who",
                "properties": {"name": {"type": "string", "description": "name"}},
                "required": ["name"],
            },
            "tags": {
                "type": "array",
                "description": "tags",
                "items": {"type": "string", "description": 'tags {"format": "email"}'},
            },
            "any": {"type": "string", "description": "any"},
        },
        "required": ["day"],
    }


def known(model: Any, settings: Any) -> None:
    """Every name is a field of the SDK's type, all the way down."""
    for name, value in settings.items():
        assert name in model.model_fields, (model, name)
        if isinstance(value, dict):
            (inner,) = [
                t for t in typing.get_args(model.model_fields[name].annotation) if t is not type(None)
            ]
            known(inner, value)


def test_the_settings_are_the_sdks() -> None:
    config = p.SessionConfig("Do.", "ash", tools=(TOOL,))
    known(ConversationalConfig, conversation_settings(config, ["tool_1"]))
    known(AgentPlatformSettingsRequestModel, platform_settings())
    client = next(
        cls
        for cls in typing.get_args(typing.get_args(ToolRequestModelToolConfig)[0])
        if cls.__name__.endswith("_Client")
    )
    settings = tool_settings(TOOL)
    assert settings.keys() <= client.model_fields.keys()
    assert set(conversation_settings(config, [])["conversation"]["client_events"]) <= SDK_EVENTS


def test_the_name_is_the_settings() -> None:
    config = p.SessionConfig("Do.", "ash", tools=(TOOL,))
    same = p.SessionConfig("Other.", "marin", greeting="Hi", tools=(TOOL,), model="gpt-5", number=9)
    assert agent_name(config) == agent_name(same)
    assert len(agent_name(config)) == len("hum-") + 12
    others = [
        p.SessionConfig("Do.", "ash"),
        p.SessionConfig("Do.", "ash", tools=(TOOL,), language="fr"),
        p.SessionConfig("Do.", "ash", tools=(TOOL,), turn_detection=p.SemanticVad("low")),
    ]
    assert len({agent_name(config), *map(agent_name, others)}) == 4


@given(JSON, JSON)
def test_settings_contain_themselves_and_with_more_still_do(wanted: Any, more: Any) -> None:
    assert contains({"a": wanted, "b": more}, {"a": wanted})
    assert not contains({"a": wanted}, {"a": wanted, "b": 1})
    assert contains({"a": ["x", "y"]}, {"a": ["y", "x"]})
    assert not contains({"a": ["x"]}, {"a": ["x", "y"]})
