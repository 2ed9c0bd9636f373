"""What the simulated Live API does not accept, and how it says so: it closes the connection."""

import asyncio
import base64
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from bench.scenarios.agent import AgentScript, CallTool, Reply, Turn
from bench.simulators.gemini import GeminiSimulator
from bench.sound import mulaw
from tests.bench.live_client import PATH, Client, connect
from tests.bench.sounds import noise

pytestmark = pytest.mark.virtual_time

SPEECH = noise(300, 21)
UTTERANCE = SPEECH + mulaw.silence(400)
CALLS = (CallTool("look_up", {"day": "Saturday"}), CallTool("look_up", {"day": "Sunday"}))
TOOLS = AgentScript(turns=(Turn("Are you open?", Reply(CALLS)),))
MANUAL = {"automaticActivityDetection": {"disabled": True}}


def results(calls: list[dict[str, Any]]) -> dict[str, Any]:
    answers = [{"id": call["id"], "name": call["name"], "response": {"open": True}} for call in calls]
    return {"functionResponses": answers}


async def closed(client: Client) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(300):
            await client.read_on()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


BLOB = {"data": base64.b64encode(bytes(640)).decode(), "mimeType": "audio/pcm;rate=16000"}


@pytest.mark.parametrize(
    ("setup", "code", "reason"),
    [
        ({"model": "models/gpt-4"}, 1008, "models/gpt-4 is not found"),
        ({"model": "gemini-3.8-live"}, 1007, "unexpected model name format"),
        ({}, 1007, "unexpected model name format"),
        ({"modle": "x"}, 1007, "Unknown name \"modle\" at 'setup'"),
        ({"model": 5}, 1007, "Invalid value at 'setup.model' (TYPE_STRING), 5"),
        ({"generationConfig": {"responseModalities": ["TEXT", "AUDIO"]}}, 1007, "invalid argument"),
        ({"generationConfig": {"responseModalities": []}}, 1007, "invalid argument"),
        ({"generation_config": {"temperature": "hot"}}, 1007, "setup.generationConfig.temperature"),
        ({"generationConfig": {"topP": 2}}, 1007, "TYPE_FLOAT"),
        ({"sessionResumption": {"handle": None}}, 1007, "setup.sessionResumption.handle"),
        ({"sessionResumption": {"handle": ""}}, 1007, "invalid argument"),
        ({"sessionResumption": {"transparent": True}}, 1007, "transparent"),
        ({"sessionResumption": {"handle": "made-up"}}, 1008, "BidiGenerateContent session not found"),
        ({"explicitVadSignal": True}, 1007, "explicitVadSignal"),
        ({"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "a"}]}]}, 1007, "invalid argument"),
        ({"tools": [{"functionDeclarations": [{}]}]}, 1007, "invalid argument"),
        ({"tools": [{"functionDeclarations": [{"name": "a", "behavior": "NON_BLOCKING"}]}]}, 1008, "support"),
        (
            {
                "tools": [
                    {"functionDeclarations": [{"name": "a", "parameters": {"additionalProperties": False}}]}
                ]
            },
            1007,
            'Unknown name "additionalProperties"',
        ),
        ({"realtimeInputConfig": {"activityHandling": "SOMETIMES"}}, 1007, "TYPE_ENUM"),
        (
            {"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": -1}}},
            1007,
            "TYPE_INT64",
        ),
        ({"labels": ["a"]}, 1007, "google.protobuf.Struct"),
        ({"systemInstruction": "Be kind."}, 1007, "TYPE_MESSAGE"),
    ],
)
async def test_a_setup_that_will_not_do(setup: dict[str, Any], code: int, reason: str) -> None:
    async with GeminiSimulator() as gemini, connect(gemini) as client:
        model = {} if setup == {} or "model" in setup else {"model": "models/gemini-3.8-live"}
        await client.send(setup={**model, **setup})
        found = await closed(client)
        assert found[0] == code
        assert reason in found[1] + gemini.sessions[0].rejections[0]
    assert (gemini.sessions[0].ended_by, gemini.sessions[0].close_code) == ("server", code)


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("not json", 1007, "Invalid JSON payload received."),
        (b"\xff\xfe", 1007, "Invalid JSON payload received."),
        ("[]", 1007, "TYPE_MESSAGE"),
        ("{}", 1007, "invalid argument"),
        ({"setup": {"model": "models/gemini-3.8-live"}}, 1007, "setup must be the first message"),
        ({"realtimeInput": {"audio": BLOB}, "clientContent": {}}, 1007, "oneof field 'message_type'"),
        ({"realtimeInput": {"audio": BLOB, "Audio": BLOB}}, 1007, 'Unknown name "Audio"'),
        ({"realtimeInput": {"mediaChunks": [BLOB]}}, 1007, "media_chunks is deprecated"),
        ({"realtimeInput": {"audio": {**BLOB, "data": "AAA*"}}}, 1007, "TYPE_BYTES"),
        ({"realtimeInput": {"audio": {**BLOB, "data": 5}}}, 1007, "TYPE_BYTES"),
        ({"realtimeInput": {"audio": {**BLOB, "data": "AAAA"}}}, 1007, "invalid argument"),
        (
            {"realtimeInput": {"audio": {**BLOB, "mimeType": "audio/pcm;rate=44100"}}},
            1007,
            "invalid argument",
        ),
        ({"realtimeInput": {"audio": {**BLOB, "mimeType": "audio/mulaw"}}}, 1007, "invalid argument"),
        ({"realtimeInput": {"audio": {"data": BLOB["data"]}}}, 1007, "invalid argument"),
        ({"realtimeInput": {"activityStart": {}}}, 1007, "Explicit activity control"),
        ({"realtimeInput": {"audioStreamEnd": "yes"}}, 1007, "TYPE_BOOL"),
        ({"clientContent": {"turns": {"parts": []}}}, 1007, "TYPE_REPEATED"),
        ({"clientContent": {"turns": [{"role": "system"}]}}, 1007, "Please use a valid role"),
        ({"toolResponse": {"functionResponses": [{"id": "1", "response": {}}]}}, 1008, "not found"),
        ({"toolResponse": {"functionResponses": [{"name": "a", "response": {}}]}}, 1007, "invalid argument"),
    ],
)
async def test_a_message_that_will_not_do(message: Any, code: int, reason: str) -> None:
    async with GeminiSimulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
        found = await closed(client)
        assert found[0] == code
        assert reason in found[1]


async def test_results_that_will_not_do() -> None:
    for change, code in (({"name": "other"}, 1007), ({"response": None}, 1007)):
        async with GeminiSimulator(script=TOOLS) as gemini, connect(gemini) as client:
            await client.start()
            await client.speak(UTTERANCE)
            calls = (await client.until("toolCall"))["functionCalls"]
            (answer, _) = results(calls)["functionResponses"]
            await client.send(toolResponse={"functionResponses": [{**answer, **change}]})
            assert (await closed(client))[0] == code


async def test_a_call_cannot_be_answered_twice() -> None:
    async with GeminiSimulator(script=TOOLS) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        calls = (await client.until("toolCall"))["functionCalls"]
        for _ in range(2):
            await client.send(toolResponse=results(calls[:1]))
        assert await closed(client) == (1008, "Requested entity was not found.")


@pytest.mark.parametrize(
    "steps",
    [
        [{"activityEnd": {}}],
        [{"activityStart": {}}, {"activityStart": {}}],
        [{"audioStreamEnd": True}],
    ],
)
async def test_marks_out_of_order(steps: list[dict[str, Any]]) -> None:
    async with GeminiSimulator() as gemini, connect(gemini) as client:
        await client.start(realtimeInputConfig=MANUAL)
        for step in steps:
            await client.send(realtimeInput=step)
        assert await closed(client) == (1007, "Request contains an invalid argument.")


@pytest.mark.parametrize(
    "message",
    [
        {"realtimeInput": {"audio": BLOB}},
        {"clientContent": {"turns": [{"role": "user", "parts": [{"functionCall": {"name": "a"}}]}]}},
    ],
)
async def test_only_words_before_the_history_is_complete(message: dict[str, Any]) -> None:
    async with GeminiSimulator() as gemini, connect(gemini) as client:
        await client.start(historyConfig={"initialHistoryInClientContent": True})
        await client.send(**message)
        assert (await closed(client))[0] == 1007


async def test_nothing_comes_before_the_setup() -> None:
    async with GeminiSimulator() as gemini, connect(gemini) as client:
        await client.speak(SPEECH[:160])
        assert await closed(client) == (1007, "setup must be the first message and only the first.")
        assert not gemini.sessions[0].audio


@pytest.mark.parametrize(
    ("path", "api_key", "code", "reason"),
    [
        (PATH, "wrong", 1007, "API key not valid."),
        (PATH, "", 1008, "Method doesn't allow unregistered callers"),
        (f"{PATH}?key=wrong", "", 1007, "API key not valid."),
    ],
)
async def test_keys_that_will_not_do(path: str, api_key: str, code: int, reason: str) -> None:
    async with GeminiSimulator() as gemini, connect(gemini, path, api_key) as client:
        found = await closed(client)
        assert found[0] == code
        assert found[1].startswith(reason)


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
async def test_the_key_in_the_url_and_a_double_slash(version: str) -> None:
    async with GeminiSimulator() as gemini:
        path = f"/{PATH.replace('v1beta', version)}?key={gemini.config.api_key}"
        async with connect(gemini, path, "") as client:
            await client.start()
