"""What our Gemini Live codec writes, held against what the official SDK would send."""

import json
import re
import typing
from typing import Any

import pytest
from google.genai import _live_converters, types
from google.genai.client import Client
from pydantic import BaseModel

from providers import session as p
from providers.directory import Access, ProviderDirectory
from providers.gemini.codec import SPEAK_NOW, STAY_SILENT, GeminiCodec
from providers.voices import GEMINI_VOICES, OPENAI_VOICES

Json = dict[str, Any]

CONFIG = p.SessionConfig("Answer for a dentist.", "Kore")
TOOL = p.ToolDefinition(
    "end_call",
    'Say "bye" first.\n',
    {"type": "object", "properties": {"why": {"type": "string"}}, "additionalProperties": False},
)
CALLS = [{"id": "fc-1", "name": "look_up", "args": {}}, {"id": "fc-2", "name": "end_call"}]
CALL = json.dumps({"toolCall": {"functionCalls": CALLS}})
CALLER, AGENT = p.HistoryTurn("caller", 'Are you "open"?\n'), p.HistoryTurn("agent", "Until six.")


def fresh(config: p.SessionConfig = CONFIG) -> GeminiCodec:
    return GeminiCodec(config, api_key="secret-key")


def camel(value: Any) -> Any:
    """The SDK's spelling: it mixes both, the service reads both."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if isinstance(value, BaseModel):
        return camel(value.model_dump(mode="json", exclude_none=True))
    if isinstance(value, dict):
        return {
            re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name): (
                each if name in ("parameters_json_schema", "parametersJsonSchema") else camel(each)
            )
            for name, each in value.items()
        }
    return value


def sdk_setup(model: str, **config: Any) -> Any:
    """The setup the SDK makes of a configuration."""
    client = Client(api_key="k")
    parameters = types.LiveConnectParameters(model=model, config=types.LiveConnectConfig(**config))
    request = _live_converters._LiveConnectParameters_to_mldev(
        client._api_client, parameters.model_dump(exclude_none=True)
    )
    return {**camel(request["setup"]), "model": model}


def ours(config: p.SessionConfig) -> Any:
    (text,) = fresh(config).opening()
    (name, setup), *more = json.loads(text).items()
    assert (name, more) == ("setup", [])
    return setup


def expected(**options: Any) -> Json:
    """The SDK's configuration of a plain session."""
    return {
        "response_modalities": ["AUDIO"],
        "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
        "system_instruction": "Answer for a dentist.",
        "realtime_input_config": {
            "automatic_activity_detection": {"silence_duration_ms": 500},
            "activity_handling": "START_OF_ACTIVITY_INTERRUPTS",
        },
        "input_audio_transcription": {},
        "output_audio_transcription": {},
        "session_resumption": {},
        "context_window_compression": {"sliding_window": {}},
        **options,
    }


def detected(**detection: Any) -> Json:
    handling = "START_OF_ACTIVITY_INTERRUPTS"
    return {
        "realtime_input_config": {"automatic_activity_detection": detection, "activity_handling": handling}
    }


DECLARED = {"name": TOOL.name, "description": TOOL.description, "parameters_json_schema": TOOL.parameters}


@pytest.mark.parametrize(
    ("options", "sdk"),
    [
        ({}, {}),
        ({"language": "de"}, {"input_audio_transcription": {"language_codes": ["de"]}}),
        (
            {"turn_detection": p.ServerVad(0.9, 0, 1200)},
            detected(silence_duration_ms=1200, start_of_speech_sensitivity="START_SENSITIVITY_LOW"),
        ),
        (
            {"turn_detection": p.SemanticVad("low")},
            detected(end_of_speech_sensitivity="END_SENSITIVITY_LOW"),
        ),
        (
            {"turn_detection": p.SemanticVad("high")},
            detected(end_of_speech_sensitivity="END_SENSITIVITY_HIGH"),
        ),
        ({"turn_detection": p.SemanticVad("auto")}, detected()),
        ({"turn_detection": p.SemanticVad("medium")}, detected()),
        ({"tools": (TOOL,)}, {"tools": [{"function_declarations": [{**DECLARED, "behavior": "BLOCKING"}]}]}),
        ({"continues": True}, {"history_config": {"initial_history_in_client_content": True}}),
        ({"continues": True, "resume_handle": "h-1"}, {"session_resumption": {"handle": "h-1"}}),
    ],
)
def test_the_configuration_is_what_the_sdk_would_send(options: Json, sdk: Json) -> None:
    config = p.SessionConfig("Answer for a dentist.", "Kore", **options)
    assert ours(config) == sdk_setup("models/gemini-3.8-live", **expected(**sdk))


def test_every_eagerness_is_known() -> None:
    known = set(typing.get_args(typing.get_type_hints(p.SemanticVad)["eagerness"]))
    assert known == {"low", "medium", "high", "auto"}


@pytest.mark.parametrize(
    "model", ["gemini-3.8-live-extended-thinking", "models/gemini-3.8-live-extended-thinking"]
)
def test_a_model_that_cannot_wait_for_results_is_not_asked_to(model: str) -> None:
    setup = ours(p.SessionConfig("", "Kore", model=model, tools=(TOOL,)))
    assert setup["model"] == "models/gemini-3.8-live-extended-thinking"
    assert setup["tools"] == camel([{"functionDeclarations": [DECLARED]}])


@pytest.mark.parametrize(("wanted", "voice"), [("Puck", "Puck"), ("marin", "Kore"), ("", "Kore")])
def test_a_voice_of_another_provider_becomes_the_default(wanted: str, voice: str) -> None:
    assert {"Puck", "Kore"} <= GEMINI_VOICES
    assert "marin" in OPENAI_VOICES
    speech = ours(p.SessionConfig("", wanted))["generationConfig"]["speechConfig"]
    assert speech["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] == voice


def test_a_greeting_is_not_part_of_the_configuration() -> None:
    assert "Hello" not in json.dumps(ours(p.SessionConfig("", "", greeting="Hello")))


# ---- commands


def sent(text: str) -> Json:
    """Read one of our messages as the SDK's type for it; nothing in it may be unknown to that type."""
    event: Json = json.loads(text)
    message = types.LiveClientMessage.model_validate(event)
    assert message.model_dump(mode="json", by_alias=True, exclude_unset=True) == event
    return event


def turns(*given: tuple[str, str]) -> list[Json]:
    return [{"role": role, "parts": [{"text": text}]} for role, text in given]


HISTORY = turns(("user", CALLER.text), ("model", AGENT.text))
CONTINUED = p.SessionConfig("", "", continues=True)
RESUMED = p.SessionConfig("", "", continues=True, resume_handle="h-1")


@pytest.mark.parametrize(
    ("config", "remembered", "messages"),
    [
        # A session that waits for its history is told where it ends, even when there is none.
        (CONTINUED, (CALLER, AGENT), [{"clientContent": {"turns": HISTORY, "turnComplete": True}}]),
        (CONTINUED, (), [{"clientContent": {"turnComplete": True}}]),
        (CONTINUED, (p.HistoryTurn("caller", " "),), [{"clientContent": {"turnComplete": True}}]),
        # Nowhere else may it be: the model would answer.
        (RESUMED, (CALLER, AGENT), [{"clientContent": {"turns": HISTORY, "turnComplete": False}}]),
        (RESUMED, (), []),
        (CONFIG, (), []),
    ],
)
def test_history(
    config: p.SessionConfig, remembered: tuple[p.HistoryTurn, ...], messages: list[Json]
) -> None:
    assert [sent(text) for text in fresh(config).encode(p.Remember(remembered))] == messages


@pytest.mark.parametrize(
    ("command", "words"),
    [(p.Respond('Say "hi"'), 'Say "hi"'), (p.Respond(), SPEAK_NOW), (p.Respond(""), SPEAK_NOW)],
)
def test_speak_now(command: p.Respond, words: str) -> None:
    (text,) = fresh().encode(command)
    assert sent(text) == {
        "realtimeInput": {"text": f"[Instruction to the agent, not said by the caller: {words}]"}
    }


@pytest.mark.parametrize(
    "command", [p.CommitAudio(), p.CancelAnswer(), p.Truncate("g1.a1", 100, "Hello"), p.Truncate("g1.a1", 0)]
)
def test_what_this_provider_does_not_do(command: p.Command) -> None:
    assert list(fresh().encode(command)) == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (p.AnswerTool("fc-1", '{"ok":true}', respond=True), {"response": {"result": {"ok": True}}}),
        (p.AnswerTool("fc-1", "not JSON", respond=True), {"response": {"result": "not JSON"}}),
        (
            p.AnswerTool("fc-1", '"é"', respond=True, instructions="Be brief."),
            {"response": {"result": "é", "instructions": "Be brief."}},
        ),
        (
            p.AnswerTool("fc-1", "[1]", respond=False, instructions="Be brief."),
            {"response": {"result": [1], "instructions": STAY_SILENT}, "scheduling": "SILENT"},
        ),
    ],
)
def test_a_tools_result(command: p.AnswerTool, answer: Json) -> None:
    codec = fresh()
    codec.decode(CALL)
    (text,) = codec.encode(command)
    assert sent(text) == {
        "toolResponse": {"functionResponses": [{"id": "fc-1", "name": "look_up", **answer}]}
    }


def test_a_result_nobody_waits_for_is_not_sent() -> None:
    codec = fresh()
    assert list(codec.encode(p.AnswerTool("fc-1", "{}", respond=True))) == []
    codec.decode(CALL)
    codec.decode('{"toolCallCancellation":{"ids":["fc-1","fc-9"]}}')
    assert list(codec.encode(p.AnswerTool("fc-1", "{}", respond=True))) == []
    assert len(codec.encode(p.AnswerTool("fc-2", "{}", respond=True))) == 1
    assert list(codec.encode(p.AnswerTool("fc-2", "{}", respond=True))) == []


def test_the_hot_path_writes_what_the_slow_one_does() -> None:
    for payload in ("", "f39/", "f38="):
        assert [fresh().encode_audio(payload)] == list(fresh().encode(p.AppendAudio(payload)))


def test_nothing_is_sent_unasked() -> None:
    codec = fresh()
    codec.decode('{"setupComplete":{}}')
    assert list(codec.replies()) == list(codec.keep_alive()) == []


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://generativelanguage.googleapis.com", "wss://generativelanguage.googleapis.com"),
        ("https://proxy.example/gemini/", "wss://proxy.example/gemini"),
        ("http://127.0.0.1:40002", "ws://127.0.0.1:40002"),
    ],
)
def test_where_to_connect(base_url: str, host: str) -> None:
    target = GeminiCodec(CONFIG, api_key="secret-key", base_url=base_url).target()
    assert (
        target.url == f"{host}/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    )
    assert target.headers == {"x-goog-api-key": "secret-key"}
    assert "secret-key" not in repr(target)


@pytest.mark.parametrize(
    ("base_url", "host"),
    [(None, "wss://generativelanguage.googleapis.com/ws/"), ("http://127.0.0.1:1", "ws://127.0.0.1:1/ws/")],
)
async def test_the_directory_knows_how_to_reach_it(base_url: str | None, host: str) -> None:
    codec = await ProviderDirectory({"gemini": Access("secret-key", base_url)}).codec("gemini", CONFIG)
    assert codec.capabilities.name == "gemini"
    assert codec.target().url.startswith(host)
    assert codec.target().headers == {"x-goog-api-key": "secret-key"}
