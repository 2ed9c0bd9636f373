"""OpenAI Realtime messages as our codec reads and writes them, held against the official SDK's own types.

Golden: `golden/openai-whole.jsonl` (a server event and the events it becomes, on a session that is open) and
`golden/openai-broken.jsonl` (a server event and what is wrong with it). The whole ones were recorded from the
simulated service, completed by hand, and are checked here against `openai.types.realtime`.
"""

import contextlib
import json
import typing
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai.types.realtime import SessionUpdateEvent, realtime_client_event, realtime_server_event
from openai.types.realtime.realtime_session_create_request import RealtimeSessionCreateRequest
from pydantic import BaseModel, ValidationError

from providers import session as p
from providers.errors import ProtocolError, ProviderError
from providers.openai import messages as m
from providers.openai.codec import BENIGN_ERRORS, FATAL_ERRORS, OpenAICodec

Json = dict[str, Any]

GOLDEN = Path(__file__).parent / "golden"
CONFIG = p.SessionConfig("Answer for a dentist.", "marin")


def golden(name: str) -> list[Json]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


WHOLE = golden("openai-whole.jsonl")
BROKEN = golden("openai-broken.jsonl")
UPDATED = next(c["text"] for c in WHOLE if json.loads(c["text"])["type"] == "session.updated")


def sdk_types(union: Any) -> dict[str, type[BaseModel]]:
    members = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(cls.model_fields["type"].annotation)[0]: cls for cls in members}


SERVER_EVENTS = sdk_types(realtime_server_event.RealtimeServerEvent)
CLIENT_EVENTS = sdk_types(realtime_client_event.RealtimeClientEvent)


def fresh(config: p.SessionConfig = CONFIG) -> OpenAICodec:
    return OpenAICodec(config, api_key="sk-secret")


def opened() -> OpenAICodec:
    codec = fresh()
    assert codec.decode(UPDATED) == (p.SessionOpened("sess_001", "gpt-realtime-2.1"),)
    return codec


def codec_for(text: str) -> OpenAICodec:
    return fresh() if json.loads(text)["type"].startswith("session.") else opened()


# ---- reading


@pytest.mark.parametrize("capture", WHOLE, ids=lambda capture: json.loads(capture["text"])["type"])
def test_a_whole_event(capture: Json) -> None:
    codec = codec_for(capture["text"])
    events = [{"kind": type(event).__name__, **asdict(event)} for event in codec.decode(capture["text"])]
    assert events == capture["events"]
    kind = json.loads(capture["text"])["type"]
    SERVER_EVENTS[kind].model_validate_json(capture["text"], strict=True)
    assert not [name for name in codec.unknown if not name.startswith("error:")]


def test_every_type_we_know_has_a_capture_and_is_a_type_of_the_sdk() -> None:
    captured = {json.loads(capture["text"])["type"] for capture in WHOLE}
    assert captured == m.KNOWN_TYPES | m.IGNORED_TYPES
    assert captured <= SERVER_EVENTS.keys()
    assert not m.KNOWN_TYPES & m.IGNORED_TYPES


def test_every_event_of_the_interface_comes_from_a_capture() -> None:
    seen = {event["kind"] for capture in WHOLE for event in capture["events"]}
    # The end of the socket is an event of the session, not of the wire.
    never = {
        "SessionClosed",
        "AnswerInterrupted",  # we tell it not to interrupt by itself
        "AgentTextCorrected",
        "ToolCancelled",
        "SessionExpiring",  # it ends without a warning
        "SessionResumable",
    }
    assert seen == {cls.__name__ for cls in p.Event.__args__} - never


def test_ignored_types_give_nothing_whatever_is_in_them() -> None:
    codec = opened()
    for kind in m.IGNORED_TYPES:
        assert codec.decode(json.dumps({"type": kind, "item": 7, "delta": None})) == ()
    assert not codec.unknown


def test_types_we_do_not_know_are_counted_and_never_fatal() -> None:
    codec = opened()
    foreign = sorted(SERVER_EVENTS.keys() - m.KNOWN_TYPES - m.IGNORED_TYPES)
    assert "mcp_list_tools.completed" in foreign
    for kind in [*foreign, *foreign, "response.telepathy", ""]:
        assert codec.decode(json.dumps({"type": kind, "item_id": ["strange"], "error": 1})) == ()
    assert codec.unknown == {**dict.fromkeys(foreign, 2), "response.telepathy": 1, "": 1}


@pytest.mark.parametrize("capture", BROKEN, ids=lambda capture: f"{capture['why']}-{capture['text'][:30]!r}")
@pytest.mark.parametrize("make", [fresh, opened])
def test_a_broken_event_breaks_the_protocol(make: typing.Callable[[], OpenAICodec], capture: Json) -> None:
    codec = make()
    with pytest.raises(ProtocolError) as raised:
        codec.decode(capture["text"])
    assert (raised.value.code, raised.value.retryable) == ("protocol_error", False)
    assert str(raised.value)
    assert not codec.unknown


def test_a_type_named_in_the_complaint_about_it() -> None:
    with pytest.raises(ProtocolError, match=r"response\.done.*response\.status"):
        opened().decode('{"type":"response.done","response":{"id":"resp_1","status":"lost"}}')


NEEDED = {  # optional in the SDK's types; without them the event says nothing
    ("conversation.item.added", "item", "id"),
    ("response.created", "response", "id"),
    ("response.done", "response", "id"),
    ("response.done", "response", "status"),
    ("response.output_item.done", "item", "call_id"),
    ("session.updated", "session", "audio"),
}


def paths(value: Any, upto: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*upto, key)
        yield from paths(child, (*upto, key))


def without(event: Json, path: tuple[Any, ...], *, null: bool) -> str:
    copy = json.loads(json.dumps(event))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if null:
        inner[path[-1]] = None
    else:
        del inner[path[-1]]
    return json.dumps(copy)


def optional_paths(event: Json, *, null: bool) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield what may be absent from an event by the SDK's types, each with the event without it."""
    for path in paths(event):
        named = (event["type"], *path)
        if path == ("type",) or any(named[: len(needed)] == needed for needed in NEEDED):
            continue
        text = without(event, path, null=null)
        with contextlib.suppress(ValidationError):
            SERVER_EVENTS[event["type"]].model_validate_json(text, strict=True)
            yield named, text


@pytest.mark.parametrize("null", [True, False], ids=["null", "missing"])
def test_what_the_sdk_calls_optional_may_be_absent(null: bool) -> None:
    tried = set()
    for capture in WHOLE:
        for named, text in optional_paths(json.loads(capture["text"]), null=null):
            codec_for(capture["text"]).decode(text)
            tried.add(named)
    assert {
        ("session.updated", "session", "model"),
        ("error", "error", "code"),
        ("conversation.item.input_audio_transcription.delta", "delta"),
        ("response.done", "response", "usage"),
        ("response.done", "response", "usage", "output_tokens"),
        ("response.done", "response", "usage", "input_token_details", "audio_tokens"),
        ("response.done", "response", "status_details", "error"),
    } <= tried


# ---- opening


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize(
    ("confirmed", "named"),
    [
        ({"format": {"type": "audio/pcm", "rate": 24000}}, "audio/pcm"),
        ({"format": {"type": "audio/pcma"}}, "audio/pcma"),
        ({"format": {"type": None}}, "nothing"),
        ({"format": {}}, "nothing"),
        ({"format": None}, "nothing"),
        ({}, "nothing"),
        (None, "nothing"),
    ],
)
def test_another_format_than_asked_for_ends_the_session(
    side: str, confirmed: Json | None, named: str
) -> None:
    event = json.loads(UPDATED)
    event["session"]["audio"][side] = confirmed
    with pytest.raises(ProviderError, match=f"{side}, the provider confirmed {named}$") as raised:
        fresh().decode(json.dumps(event))
    assert (raised.value.code, raised.value.retryable) == ("format_mismatch", False)


def test_no_word_about_the_format_is_a_mismatch() -> None:
    event = json.loads(UPDATED)
    del event["session"]["audio"]
    with pytest.raises(ProviderError) as raised:
        fresh().decode(json.dumps(event))
    assert raised.value.code == "format_mismatch"


def test_a_session_opens_once_and_its_format_is_held_to() -> None:
    codec = opened()
    assert codec.decode(UPDATED) == ()
    changed = json.loads(UPDATED)
    changed["session"]["audio"]["output"]["format"] = {"type": "audio/pcm", "rate": 24000}
    with pytest.raises(ProviderError, match=r"audio/pcm$"):
        codec.decode(json.dumps(changed))


def test_a_session_that_does_not_say_its_model_has_the_one_asked_for() -> None:
    event = json.loads(UPDATED)
    del event["session"]["model"], event["session"]["id"]
    codec = fresh(p.SessionConfig("", "marin", model="gpt-realtime-2.1-mini"))
    assert codec.decode(json.dumps(event)) == (p.SessionOpened("", "gpt-realtime-2.1-mini"),)


def test_a_session_says_how_long_it_lasts_from_when_it_was_asked_for() -> None:
    ends_at = json.loads(UPDATED)["session"]["expires_at"]
    codec = OpenAICodec(CONFIG, api_key="sk-secret", asked_at_s=ends_at - 3600.25)
    assert codec.decode(UPDATED) == (p.SessionOpened("sess_001", "gpt-realtime-2.1", lasts_s=3600.25),)


# ---- errors


def error(code: str | None, kind: str | None = "invalid_request_error") -> str:
    return json.dumps(
        {"type": "error", "event_id": "e", "error": {"type": kind, "code": code, "message": "why"}}
    )


@pytest.mark.parametrize("code", sorted(BENIGN_ERRORS))
@pytest.mark.parametrize("make", [fresh, opened])
def test_complaints_about_races_are_counted(make: typing.Callable[[], OpenAICodec], code: str) -> None:
    codec = make()
    assert codec.decode(error(code)) == ()
    assert codec.unknown == {f"error:{code}": 1}


@pytest.mark.parametrize("code", sorted(FATAL_ERRORS))
def test_complaints_no_retry_can_mend(code: str) -> None:
    expected = (p.ErrorReported(code, "why", retryable=False, fatal=True),)
    assert opened().decode(error(code)) == expected
    assert fresh().decode(error(code)) == expected
    assert opened().decode(error(None, code)) == expected


def test_a_session_that_expired_is_over_and_another_may_be_opened() -> None:
    assert opened().decode(error("session_expired")) == (
        p.ErrorReported("session_expired", "why", retryable=True, fatal=True),
    )


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        ("rate_limit_exceeded", "invalid_request_error", "rate_limit_exceeded"),
        ("", "server_error", "server_error"),
        (None, "server_error", "server_error"),
        (None, None, "unknown_error"),
        (None, "", "unknown_error"),
        ("item_truncate_invalid_item_id", "invalid_request_error", "item_truncate_invalid_item_id"),
    ],
)
def test_other_complaints_are_fatal_only_before_the_session_is_open(
    code: str | None, kind: str | None, word: str
) -> None:
    assert opened().decode(error(code, kind)) == (p.ErrorReported(word, "why", retryable=True, fatal=False),)
    assert fresh().decode(error(code, kind)) == (p.ErrorReported(word, "why", retryable=True, fatal=True),)


# ---- writing


def sent(text: str) -> Json:
    """Read one of our messages as the SDK's type for it; nothing in it may be unknown to that type."""
    event: Json = json.loads(text)
    model = CLIENT_EVENTS[event["type"]].model_validate_json(text, strict=True)
    assert_nothing_unlisted(model, event["type"])
    assert json.loads(model.model_dump_json(exclude_unset=True, by_alias=True)) == event
    return event


def assert_nothing_unlisted(value: Any, path: str) -> None:
    if isinstance(value, BaseModel):
        assert not value.model_extra, f"{path}: {value.model_extra}"
        for name, child in value:
            assert_nothing_unlisted(child, f"{path}.{name}")
    elif isinstance(value, list):
        for child in value:
            assert_nothing_unlisted(child, path)


TOOL = p.ToolDefinition(
    "end_call", 'Say "bye" first.\n', {"type": "object", "properties": {"reason": {"type": "string"}}}
)
CONFIGS = [
    CONFIG,
    p.SessionConfig("", "cedar", tools=(TOOL, p.ToolDefinition("transfer", "", {})), language="de"),
    p.SessionConfig('Sätze & "Zeichen" 🙂', "marin", turn_detection=p.ServerVad(0.9, 0, 1200)),
    *(
        p.SessionConfig("x", "sage", turn_detection=p.SemanticVad(eagerness))
        for eagerness in typing.get_args(typing.get_type_hints(p.SemanticVad)["eagerness"])
    ),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_configuration_is_what_the_sdk_would_send(config: p.SessionConfig) -> None:
    (text,) = fresh(config).opening()
    session = sent(text)["session"]
    typed = SessionUpdateEvent.model_validate_json(text, strict=True)
    assert isinstance(typed.session, RealtimeSessionCreateRequest)
    assert (session["instructions"], session["audio"]["output"]["voice"]) == (
        config.instructions,
        config.voice,
    )
    assert (
        session["audio"]["input"]["format"] == session["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    )
    assert session["audio"]["input"]["transcription"].get("language") == config.language
    assert [tool["name"] for tool in session["tools"]] == [tool.name for tool in config.tools]
    assert session["output_modalities"] == ["audio"]


def test_turn_detection_as_configured() -> None:
    answers = {"create_response": True, "interrupt_response": False}
    (server,) = fresh(p.SessionConfig("", "marin", turn_detection=p.ServerVad(0.9, 250, 1200))).opening()
    assert sent(server)["session"]["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.9,
        "prefix_padding_ms": 250,
        "silence_duration_ms": 1200,
        **answers,
    }
    (meaning,) = fresh(p.SessionConfig("", "marin", turn_detection=p.SemanticVad("low"))).opening()
    assert sent(meaning)["session"]["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        **answers,
    }


def test_a_voice_of_another_provider_becomes_our_own() -> None:
    (update,) = fresh(p.SessionConfig("", "Kore")).opening()
    assert sent(update)["session"]["audio"]["output"]["voice"] == "marin"


@pytest.mark.parametrize(
    ("command", "messages"),
    [
        (p.AppendAudio("f39/f39/"), [{"type": "input_audio_buffer.append", "audio": "f39/f39/"}]),
        (p.AppendAudio(""), [{"type": "input_audio_buffer.append", "audio": ""}]),
        (p.Respond(), [{"type": "response.create", "response": {}}]),
        (p.Respond('Say "hi"'), [{"type": "response.create", "response": {"instructions": 'Say "hi"'}}]),
        (p.Respond(""), [{"type": "response.create", "response": {"instructions": ""}}]),
        (p.CommitAudio(), [{"type": "input_audio_buffer.commit"}]),
        (p.CancelAnswer(), [{"type": "response.cancel"}]),
        (p.Remember(()), []),
        (
            p.Truncate("item_1", 1),
            [
                {
                    "type": "conversation.item.truncate",
                    "item_id": "item_1",
                    "content_index": 0,
                    "audio_end_ms": 1,
                }
            ],
        ),
        # The service refuses to truncate to nothing.
        (p.Truncate("item_1", 0), [{"type": "conversation.item.delete", "item_id": "item_1"}]),
        (p.Truncate("item_1", -20), [{"type": "conversation.item.delete", "item_id": "item_1"}]),
        (
            p.AnswerTool("call_1", '{"ok": true}', respond=False),
            [
                {
                    "type": "conversation.item.create",
                    "item": {"type": "function_call_output", "call_id": "call_1", "output": '{"ok": true}'},
                }
            ],
        ),
        (
            p.AnswerTool("call_1", "é", respond=True),
            [
                {
                    "type": "conversation.item.create",
                    "item": {"type": "function_call_output", "call_id": "call_1", "output": "é"},
                },
                {"type": "response.create", "response": {}},
            ],
        ),
        (
            p.AnswerTool("call_1", "{}", respond=True, instructions="Say goodbye."),
            [
                {
                    "type": "conversation.item.create",
                    "item": {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
                },
                {"type": "response.create", "response": {"instructions": "Say goodbye."}},
            ],
        ),
    ],
)
def test_commands(command: p.Command, messages: list[Json]) -> None:
    assert [sent(text) for text in fresh().encode(command)] == messages


def test_the_hot_path_writes_what_the_slow_one_does() -> None:
    codec = fresh()
    assert [codec.encode_audio("f39/")] == list(codec.encode(p.AppendAudio("f39/")))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.openai.com", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("https://api.openai.com/", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("http://127.0.0.1:40002", "ws://127.0.0.1:40002/v1/realtime?model=gpt-realtime-2.1"),
    ],
)
def test_where_to_connect(base_url: str, url: str) -> None:
    target = OpenAICodec(CONFIG, api_key="sk-secret", base_url=base_url).target()
    assert (target.url, target.headers) == (url, {"Authorization": "Bearer sk-secret"})
    assert "sk-secret" not in repr(target)


# ---- rubbish

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(
    [
        "item_id",
        "delta",
        "session",
        "error",
        "audio_start_ms",
        "item",
        "transcript",
        "response",
        "audio_end_ms",
    ]
)
objects = st.builds(
    lambda kind, rest: json.dumps({**rest, "type": kind}),
    st.sampled_from(sorted(m.KNOWN_TYPES | m.IGNORED_TYPES | {"mcp_list_tools.failed"}))
    | st.text()
    | json_values,
    st.dictionaries(fields | st.text(max_size=6), json_values, max_size=6),
)
bent = st.builds(
    lambda capture, at, value: swapped(json.loads(capture["text"]), at, value),
    st.sampled_from(WHOLE),
    st.integers(0, 200),
    json_values,
)


def swapped(event: Json, at: int, value: Any) -> str:
    """Replace one of an event's values, however deep."""
    all_paths = list(paths(event))
    path = all_paths[at % len(all_paths)]
    inner = event
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(event)


@given(objects | bent | st.text(st.characters()))
@example("\ud800")
@example('{"type":"error","error":{"message":"\ud800"}}')
@example('{"type":"error","more":' + "[" * 30_000 + "]" * 30_000 + "}")
@example('{"type":"unheard","more":' + "[" * 30_000 + "]" * 30_000 + "}")
@example('{"type":"input_audio_buffer.speech_started","item_id":"a","audio_start_ms":1e999}')
def test_reading_raises_nothing_but_our_own_error(text: str) -> None:
    for codec in (fresh(), opened()):
        with contextlib.suppress(ProviderError):
            assert all(isinstance(event, p.Event) for event in codec.decode(text))
