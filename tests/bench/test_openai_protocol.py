"""The simulated Realtime API clause by clause: connection, session, items, and every refusal."""

import json
import typing
from typing import Any

import pytest
from openai.types.realtime import realtime_client_event
from websockets.asyncio.client import connect as raw_connect
from websockets.exceptions import InvalidStatus

from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from bench.simulators.openai.client_events import CLIENT_EVENTS
from bench.sound import mulaw
from tests.bench.realtime_client import MODEL, Client, connect
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(900, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "On Saturday we are open from nine to one.")
SPEECH = noise(800, 21)
QUIET = mulaw.silence(400)
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=100), Reply((Speak(ANSWER),))),
    turns=(Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),) * 3,
)


def simulator(script: AgentScript = SCRIPT, **options: Any) -> OpenAISimulator:
    return OpenAISimulator(OpenAIConfig(**options), script)


def vad(**changes: Any) -> dict[str, Any]:
    """A session change to the turn detection alone."""
    return {"type": "realtime", "audio": {"input": {"turn_detection": changes or None}}}


async def refused(client: Client, event: dict[str, Any] | str) -> dict[str, Any]:
    """Send an event and return the error it gets."""
    before = len(client.errors())
    if isinstance(event, str):
        await client.connection.send_raw(event)
    else:
        await client.send(**event)
    await client.until("error", before + 1)
    return client.errors()[-1]


# ---- the connection


@pytest.mark.parametrize(
    ("path", "key", "status", "code"),
    [
        (f"/v1/realtime?model={MODEL}", "sk-wrong", 401, "invalid_api_key"),
        (f"/v1/realtime?model={MODEL}", None, 401, "invalid_api_key"),
        ("/v1/realtime", "sk-simulated", 400, "missing_model"),
        (f"/v1/live?model={MODEL}", "sk-simulated", 404, None),
    ],
)
async def test_upgrades_that_are_refused(path: str, key: str | None, status: int, code: str | None) -> None:
    async with simulator() as openai:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with pytest.raises(InvalidStatus) as caught:
            await raw_connect(openai.url.replace("http", "ws") + path, additional_headers=headers, proxy=None)
        assert openai.refused == [status]
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body or b"")["error"]["code"] == code


async def test_the_first_event_shows_the_defaults() -> None:
    async with simulator() as openai, connect(openai) as client:
        created = await client.next()
    session = created["session"]
    assert created["type"] == "session.created"
    assert (session["type"], session["model"], session["id"][:5]) == ("realtime", MODEL, "sess_")
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["audio"]["input"]["transcription"] is None


async def test_an_update_changes_only_what_it_names() -> None:
    async with simulator() as openai, connect(openai) as client:
        first = (await client.start())["session"]
        await client.send(type="session.update", session={"type": "realtime", "instructions": ""})
        second = (await client.until("session.updated", 2))["session"]
        assert second == {**first, "instructions": ""}
        await client.send(type="session.update", session=vad(type="semantic_vad", eagerness="low"))
        third = (await client.until("session.updated", 3))["session"]
        assert third["audio"]["input"]["turn_detection"] == {
            "type": "semantic_vad",
            "eagerness": "low",
            "create_response": True,
            "interrupt_response": True,
        }
        assert third["audio"]["input"]["format"] == {"type": "audio/pcmu"}
        await client.send(type="session.update", session=vad())
        fourth = (await client.until("session.updated", 4))["session"]
        assert fourth["audio"]["input"]["turn_detection"] is None
        assert openai.sessions[0].received_of("session.update")[-1]["session"] == vad()


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ("{not json", "invalid_json", None),
        ("[1]", "invalid_event", None),
        ({"event_id": "e1"}, "missing_required_parameter", "type"),
        ({"type": "response.finish"}, "invalid_value", "type"),
        ({"type": 7}, "invalid_value", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_value", "session.type"),
        (
            {"type": "session.update", "session": {"type": "realtime", "temperature": 0.8}},
            "unknown_parameter",
            "session.temperature",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "voice": "marin"}},
            "unknown_parameter",
            "session.voice",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "output_modalities": ["text", "audio"]},
            },
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "audio": {"input": {"format": {"type": "g711_ulaw"}}}},
            },
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            {
                "type": "session.update",
                "session": {
                    "type": "realtime",
                    "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}},
                },
            },
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "session.update", "session": vad(type="server_vad", silence_duration_ms="500")},
            "invalid_type",
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
        (
            {"type": "session.update", "session": vad(type="server_vad", threshold=1.5)},
            "decimal_above_max_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "session.update", "session": vad(type="semantic_vad", silence_duration_ms=500)},
            "unknown_parameter",
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "max_output_tokens": 0}},
            "invalid_type",
            "session.max_output_tokens",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "tools": [{"type": "function", "function": {"name": "x"}}]},
            },
            "missing_required_parameter",
            "session.tools[0].name",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "model": "gpt-realtime"}},
            "invalid_value",
            "session.model",
        ),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "%%%"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
        (
            {"type": "conversation.item.create", "item": {"type": "message", "role": "robot", "content": []}},
            "invalid_value",
            "item.role",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]},
            },
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "call_0", "output": "{}"},
            },
            "invalid_tool_call_id",
            None,
        ),
        (
            {
                "type": "conversation.item.create",
                "previous_item_id": "item_0",
                "item": {
                    "type": "message",
                    "role": "system",
                    "content": [{"type": "input_text", "text": "x"}],
                },
            },
            "item_not_found",
            "previous_item_id",
        ),
        (
            {"type": "conversation.item.delete", "item_id": "item_0"},
            "item_delete_invalid_item_id",
            "item_id",
        ),
        (
            {"type": "conversation.item.retrieve", "item_id": "item_0"},
            "item_retrieve_invalid_item_id",
            "item_id",
        ),
        (
            {
                "type": "conversation.item.truncate",
                "item_id": "item_0",
                "content_index": 0,
                "audio_end_ms": 10,
            },
            "item_truncate_invalid_item_id",
            "item_id",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0},
            "missing_required_parameter",
            "audio_end_ms",
        ),
        (
            {
                "type": "conversation.item.truncate",
                "item_id": "x",
                "content_index": 0,
                "audio_end_ms": -1,
            },
            "integer_below_min_value",
            "audio_end_ms",
        ),
        ({"type": "response.cancel"}, "response_cancel_not_active", None),
        (
            {"type": "response.create", "response": {"modalities": ["audio"]}},
            "unknown_parameter",
            "response.modalities",
        ),
    ],
)
async def test_what_is_refused_and_how(event: dict[str, Any] | str, code: str, param: str | None) -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        if isinstance(event, dict) and "event_id" not in event:
            event = {**event, "event_id": "mine"}
        error = await refused(client, event)
        assert (error["code"], error["param"]) == (code, param)
        assert error["type"] == "invalid_request_error"
        if isinstance(event, dict):
            assert error["event_id"] == event["event_id"]
        # The connection stays open and the session is as it was.
        await client.connection.response.create()
        assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_every_client_event_of_the_sdk_is_known() -> None:
    union = typing.get_args(realtime_client_event.RealtimeClientEvent)[0]
    types = {typing.get_args(cls.model_fields["type"].annotation)[0] for cls in typing.get_args(union)}
    assert types - set(CLIENT_EVENTS) == {"output_audio_buffer.clear"}  # WebRTC and SIP only


# ---- items


async def test_truncation_and_everything_wrong_with_it() -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.connection.response.create()
        item_id = (await client.until("response.done"))["response"]["output"][0]["id"]

        def truncate(end_ms: int, index: int = 0, item: str = item_id) -> dict[str, Any]:
            return {
                "type": "conversation.item.truncate",
                "item_id": item,
                "content_index": index,
                "audio_end_ms": end_ms,
            }

        error = await refused(client, truncate(901))
        assert (error["code"], error["param"]) == ("invalid_value", "audio_end_ms")
        assert error["message"] == "Audio content of 900ms is already shorter than 901ms"
        assert (await refused(client, truncate(0)))["code"] == "unsupported_content_type"
        assert (await refused(client, truncate(10, index=1)))["param"] == "content_index"
        await client.speak(SPEECH + QUIET)
        user_id = (await client.until("input_audio_buffer.committed"))["item_id"]
        await client.until("response.done", 2)
        error = await refused(client, truncate(10, item=user_id))
        assert error["message"] == "Only model output audio messages can be truncated"
        await client.send(**truncate(500))
        done = await client.until("conversation.item.truncated")
        assert (done["item_id"], done["content_index"], done["audio_end_ms"]) == (item_id, 0, 500)
        await client.send(type="conversation.item.retrieve", item_id=item_id)
        item = (await client.until("conversation.item.retrieved"))["item"]
        assert item["content"][0]["transcript"] == ""
        assert "shorter than 501ms" in (await refused(client, truncate(501)))["message"]


async def test_items_keep_their_order() -> None:
    def message(item_id: str, text: str) -> dict[str, Any]:
        content = [{"type": "input_text", "text": text}]
        return {"id": item_id, "type": "message", "role": "user", "content": content}

    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.send(type="conversation.item.create", item=message("a", "one"))
        await client.send(type="conversation.item.create", item=message("c", "three"))
        await client.send(type="conversation.item.create", item=message("b", "two"), previous_item_id="a")
        await client.send(type="conversation.item.create", item=message("z", "0"), previous_item_id="root")
        await client.until("conversation.item.done", 4)
        previous = [e["previous_item_id"] for e in client.of("conversation.item.added")]
        assert previous == [None, "a", "a", None]
        duplicate = {"type": "conversation.item.create", "item": message("a", "again")}
        assert (await refused(client, duplicate))["param"] == "item.id"
        await client.send(type="conversation.item.delete", item_id="b")
        assert (await client.until("conversation.item.deleted"))["item_id"] == "b"
        gone = {"type": "conversation.item.delete", "item_id": "b"}
        assert (await refused(client, gone))["code"] == "item_delete_invalid_item_id"


async def test_the_voice_cannot_change_once_there_has_been_audio() -> None:
    def voice(name: Any) -> dict[str, Any]:
        return {
            "type": "session.update",
            "session": {"type": "realtime", "audio": {"output": {"voice": name}}},
        }

    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.send(**voice("cedar"))
        updated = await client.until("session.updated", 2)
        assert updated["session"]["audio"]["output"]["voice"] == "cedar"
        await client.connection.response.create()
        await client.until("response.done")
        assert (await refused(client, voice("marin")))["code"] == "cannot_update_voice"
        await client.send(**voice("cedar"))
        await client.until("session.updated", 3)
        assert (await refused(client, voice("siri")))["code"] == "invalid_value"


async def test_sessions_do_not_mix() -> None:
    async with simulator() as openai, connect(openai) as one, connect(openai) as two:
        await one.start()
        await two.start()
        await one.connection.response.create()
        await one.until("response.done")
        await two.speak(SPEECH + QUIET)
        await two.until("response.done")
        assert one.sound() == GREETING.sound
        assert two.sound() == ANSWER.sound
        ids = [event["event_id"] for event in one.events + two.events]
        assert len(ids) == len(set(ids))
        assert not openai.sessions[0].audio
        assert bytes(openai.sessions[1].audio) == SPEECH + QUIET
