"""The rules of the simulated Agents socket: who may connect, how it begins, what is refused, the formats."""

import asyncio
import base64
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.simulators.elevenlabs.agent_config import DEFAULT_CLIENT_EVENTS
from bench.simulators.elevenlabs.resampling import SAMPLE_RATES_HZ, SoundReader, SoundWriter
from bench.sound import mulaw
from tests.bench.elevenlabs_client import agent, closed, connect, log_of, talk
from tests.bench.sounds import clip, noise, tone

pytestmark = pytest.mark.virtual_time

GREETING = clip(700, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(900, 12, "Yes, from nine to one.")
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=50),),
    turns=(Turn("Are you open?", Reply((Speak(ANSWER),), thinks_ms=100)),),
)
CALLER = noise(600, 21)


def simulator(**options: Any) -> ElevenLabsSimulator:
    return ElevenLabsSimulator(ElevenLabsConfig(**options), SCRIPT)


async def signed_url(elevenlabs: ElevenLabsSimulator, agent_id: str, once: bool = False) -> str:
    token, signature = elevenlabs.workspace.sign(agent_id, once)
    base = elevenlabs.url.replace("http", "ws", 1)
    query = f"agent_id={agent_id}&conversation_signature={token}"
    if signature.conversation_id:
        query += f"&conversation_id={signature.conversation_id}"
    return f"{base}/v1/convai/conversation?{query}&source=python_sdk&version=2.78.0"


# ---- who may connect


async def test_anybody_may_talk_to_an_agent_without_authorization() -> None:
    async with simulator() as elevenlabs, connect(elevenlabs) as client:
        metadata = await client.start()
        assert metadata["conversation_id"] == log_of(elevenlabs).conversation_id
        assert metadata["agent_output_audio_format"] == metadata["user_input_audio_format"] == "ulaw_8000"
        assert log_of(elevenlabs).authorized_by == "public"


async def test_an_agent_with_authorization_wants_the_key_or_a_signed_url() -> None:
    async with simulator() as elevenlabs:
        agent_id = agent(elevenlabs, auth=True)
        for headers in (None, {"xi-api-key": "wrong"}):
            async with connect(elevenlabs, agent_id, headers=headers) as client:
                assert await closed(client) == (1008, "This agent requires authorization.")
        async with connect(elevenlabs, agent_id, headers={"xi-api-key": "xi-simulated"}) as client:
            await client.start()
        async with connect(elevenlabs, url=await signed_url(elevenlabs, agent_id)) as client:
            await client.start()
        assert elevenlabs.refused == [1008, 1008]
        assert [log_of(elevenlabs, n).authorized_by for n in (1, 2)] == ["authorization_header", "signed_url"]


async def test_a_signed_url_is_for_one_agent_and_some_time() -> None:
    async with simulator(signed_url_ttl_s=900) as elevenlabs:
        agent_id, other_id = agent(elevenlabs, auth=True), agent(elevenlabs)
        url = await signed_url(elevenlabs, agent_id)
        async with connect(elevenlabs, url=url.replace(agent_id, other_id)) as client:
            assert (await closed(client))[0] == 1008
        await asyncio.sleep(899)
        for _ in range(2):
            async with connect(elevenlabs, url=url) as client:
                await client.start()
        await asyncio.sleep(1)
        async with connect(elevenlabs, url=url) as client:
            assert await closed(client) == (1008, "The signed URL is invalid or has expired.")


async def test_a_signed_url_with_a_conversation_id_is_good_once() -> None:
    async with simulator() as elevenlabs:
        url = await signed_url(elevenlabs, agent(elevenlabs, auth=True), once=True)
        async with connect(elevenlabs, url=url) as client:
            metadata = await client.start()
            assert f"conversation_id={metadata['conversation_id']}" in url
        async with connect(elevenlabs, url=url) as client:
            assert (await closed(client))[0] == 1008


async def test_an_agent_that_is_not_there() -> None:
    async with simulator() as elevenlabs:
        async with connect(elevenlabs, "agent_nobody") as client:
            assert (await closed(client))[0] == 1008
        with pytest.raises(InvalidStatus) as caught:
            async with connect(elevenlabs, url=elevenlabs.url.replace("http", "ws") + "/v1/convai/nothing"):
                pass
        assert caught.value.response.status_code == 401
        assert not elevenlabs.sessions


# ---- how it begins


async def test_the_first_message_comes_at_once_and_in_full() -> None:
    async with simulator() as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        while client.sound() != GREETING.sound:
            await client.next()
        response = client.of("agent_response")[0]
        assert response["agent_response"] == GREETING.text
        assert client.types()[:3] == ["conversation_initiation_metadata", "agent_response", "audio"]
        assert {audio["event_id"] for audio in client.of("audio")} == {response["event_id"]}
        chars = [c for audio in client.of("audio") for c in audio.get("alignment", {"chars": []})["chars"]]
        assert "".join(chars) == GREETING.text
        await client.read_for(2)
        assert not client.of("agent_response_complete")


async def test_alignment_fills_its_chunk() -> None:
    async with simulator(chunk_bytes=(800,)) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        alignment = (await client.until("audio"))["alignment"]
        starts, durations = alignment["char_start_times_ms"], alignment["char_durations_ms"]
        assert starts == [sum(durations[:index]) for index in range(len(durations))]
        assert sum(durations) == 100


async def test_without_a_first_message_the_agent_waits() -> None:
    async with simulator() as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start()
        await client.read_for(3)
        assert client.types("ping") == ["conversation_initiation_metadata"]


async def test_only_events_asked_for_are_sent() -> None:
    async with simulator() as elevenlabs:
        events = ["conversation_initiation_metadata", "audio"]
        async with talk(elevenlabs, events=events) as client:
            await client.start()
            await client.speak(CALLER + mulaw.silence(3000))
            assert set(client.types()) == set(events)
        default = elevenlabs.add_agent({"agent": {"first_message": "Hello!"}})
        async with connect(elevenlabs, default) as client:
            await client.start()
            await client.read_for(3)
            assert set(client.types()) == {
                "conversation_initiation_metadata",
                "audio",
                "agent_response",
                "ping",
            }
            wanted = log_of(elevenlabs, 2).config["conversation"]["client_events"]
            assert wanted == list(DEFAULT_CLIENT_EVENTS)


# ---- overrides and variables


async def test_overrides_that_are_allowed_are_in_force() -> None:
    async with simulator() as elevenlabs:
        allowed = {
            "agent": {"first_message": True, "language": True, "prompt": {"prompt": True}},
            "tts": {"voice_id": True},
            "conversation": {"client_events": True},
        }
        agent_id = agent(elevenlabs, first_message="", overrides=allowed)
        async with connect(elevenlabs, agent_id) as client:
            override = {
                "agent": {
                    "first_message": "Hi {{who}}!",
                    "language": "de",
                    "prompt": {"prompt": "Be brief."},
                },
                "tts": {"voice_id": "v1", "speed": None},
                "conversation": {"client_events": ["conversation_initiation_metadata", "audio"]},
            }
            await client.start(conversation_config_override=override, dynamic_variables={"who": "Ann"})
            await client.until("audio")
            assert client.types() == ["conversation_initiation_metadata", "audio"]
            config = log_of(elevenlabs).config
            assert config["agent"]["first_message"] == "Hi Ann!"
            assert config["agent"]["prompt"]["prompt"] == "Be brief."
            assert (config["agent"]["language"], config["tts"]["voice_id"]) == ("de", "v1")
        assert elevenlabs.workspace.agents[agent_id].config["agent"]["first_message"] == ""


@pytest.mark.parametrize(
    "initiation",
    [
        {"conversation_config_override": {"agent": {"first_message": "Hi!"}}},
        {"conversation_config_override": {"agent": {"prompt": {"prompt": "Hi!"}}}},
        {"conversation_config_override": {"agent": {"language": 5}}},
        {"conversation_config_override": {"asr": {"user_input_audio_format": "ulaw_8000"}}},
        {"conversation_config_override": {"tts": {"speed": 9}}},
        {"custom_llm_extra_body": {"temperature": 1}},
    ],
)
async def test_overrides_that_are_not_allowed_end_the_conversation(initiation: dict[str, Any]) -> None:
    allowed = {"agent": {"language": True, "prompt": {"llm": True}}, "tts": {"speed": True}, "asr": True}
    async with simulator() as elevenlabs:
        async with talk(elevenlabs, overrides=allowed) as client:
            await client.send(type="conversation_initiation_client_data", **initiation)
            code, reason = await closed(client)
        (error,) = client.of("error")
        assert (code, error["code"], error["error_type"]) == (1008, 1008, "override_error")
        assert error["message"].startswith(reason)
        assert client.types() == ["error"]
        assert elevenlabs.sessions[0].rejections == [error["message"]]


async def test_every_variable_needs_a_value() -> None:
    async with simulator() as elevenlabs:
        placeholders = {"dynamic_variables": {"dynamic_variable_placeholders": {"city": "Bath"}}}
        agent_id = agent(
            elevenlabs,
            first_message="Hi {{ who }} from {{city}} at {{system__time}}",
            agent=placeholders,
            prompt={"prompt": "You help {{who}} with {{what}}."},
        )
        async with connect(elevenlabs, agent_id) as client:
            await client.send(
                type="conversation_initiation_client_data", dynamic_variables={"who": "Ann", "x": 1}
            )
            assert (await closed(client))[0] == 1008
            assert client.of("error")[0]["error_type"] == "missing_dynamic_variable"
            assert "['what']" in client.of("error")[0]["message"]
        async with connect(elevenlabs, agent_id) as client:
            await client.start(dynamic_variables={"who": "Ann", "what": 7})
            agent_config = log_of(elevenlabs, 2).config["agent"]
            assert agent_config["first_message"] == "Hi Ann from Bath at {{system__time}}"
            assert agent_config["prompt"]["prompt"] == "You help Ann with 7."


# ---- rubbish

RUBBISH: list[tuple[str | bytes, str]] = [
    ("nonsense", "invalid_message"),
    ("[1]", "invalid_message"),
    (b"{}", "invalid_message"),
    ("{}", "missing_fields"),
    ('{"type": "nothing_known"}', "invalid_message"),
    ('{"type": "pong"}', "missing_fields"),
    ('{"type": "pong", "event_id": "1"}', "invalid_message"),
    ('{"type": "contextual_update"}', "missing_fields"),
    ('{"type": "user_message", "text": 5}', "invalid_message"),
    ('{"type": "user_activity", "extra": 1}', "invalid_message"),
    (
        '{"type": "client_tool_result", "tool_call_id": "x", "result": {}, "is_error": false}',
        "invalid_message",
    ),
    ('{"type": "client_tool_result", "tool_call_id": "x", "result": ""}', "missing_fields"),
    ('{"type": "feedback", "event_id": 1, "score": "so-so"}', "invalid_message"),
    ('{"type": "conversation_initiation_client_data"}', "invalid_message"),
    ('{"user_audio_chunk": 5}', "invalid_message"),
    ('{"user_audio_chunk": "AAAA", "type": "user_audio_chunk"}', "invalid_message"),
    ('{"user_audio_chunk": "not base64!"}', "invalid_message"),
]


@pytest.mark.parametrize(("message", "error_type"), RUBBISH)
async def test_rubbish_ends_the_conversation(message: str | bytes, error_type: str) -> None:
    async with simulator() as elevenlabs:
        async with connect(elevenlabs) as client:
            await client.start()
            await client.connection.send(message)
            assert (await closed(client))[0] == 1008
        (error,) = client.of("error")
        assert (error["code"], error["error_type"]) == (1008, error_type)
        log = log_of(elevenlabs)
        assert (log.close_code, log.ended_by, log.rejections) == (1008, "server", [error["message"]])


async def test_the_first_message_must_be_the_initiation() -> None:
    async with simulator() as elevenlabs, connect(elevenlabs) as client:
        await client.audio(CALLER)
        assert (await closed(client))[0] == 1008


async def test_harmless_messages_change_nothing() -> None:
    async with simulator() as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start(source_info={"source": "python_sdk", "version": "2.78.0"}, user_id="u1")
        for message in (
            {"type": "user_activity"},
            {"type": "contextual_update", "text": "The caller is on a mobile.", "context_id": "line"},
            {"type": "feedback", "event_id": 1, "score": None},
            {"type": "mcp_tool_approval_result", "tool_call_id": "x", "is_approved": True},
            {"type": "user_message", "text": None},
            {"type": "pong", "event_id": 99},
        ):
            await client.connection.send(json.dumps(message))
        await client.read_for(5)
        assert client.types("ping") == ["conversation_initiation_metadata"]
        assert log_of(elevenlabs).context == ["The caller is on a mobile."]


# ---- formats


@pytest.mark.parametrize("audio_format", SAMPLE_RATES_HZ)
async def test_every_format_in_both_directions(audio_format: str) -> None:
    writer, voice = SoundWriter(audio_format), tone(700) + mulaw.silence(700)
    async with simulator() as elevenlabs:
        agent_id = agent(elevenlabs, formats=(audio_format, audio_format))
        async with connect(elevenlabs, agent_id) as client:
            metadata = await client.start()
            assert metadata["agent_output_audio_format"] == audio_format
            assert metadata["user_input_audio_format"] == audio_format
            await client.read_for(1)
            data = writer.write(voice)
            for position in range(0, len(data), 1001):
                await client.audio(data[position : position + 1001])
            transcript = await client.until("user_transcript")
            assert transcript["user_transcript"] == "Are you open?"
            expected = SoundWriter(audio_format).write(GREETING.sound)
            width = 1 if audio_format == "ulaw_8000" else 2
            assert abs(len(client.sound(1)) - len(expected)) <= width
            seconds = len(client.sound(1)) / width / SAMPLE_RATES_HZ[audio_format]
            assert seconds == pytest.approx(0.7, abs=0.001)
        heard = bytes(elevenlabs.sessions[0].audio)
        assert abs(len(heard) - len(voice)) <= 1
        levels = mulaw.window_levels(heard, 800)
        assert levels[:6] == pytest.approx(mulaw.window_levels(voice, 800)[:6], rel=0.2)
        assert levels[8:].max() < 20


@pytest.mark.parametrize("audio_format", SAMPLE_RATES_HZ)
def test_pieces_of_any_size_make_the_same_sound(audio_format: str) -> None:
    whole = SoundWriter(audio_format).write(tone(500))
    reader, pieces = SoundReader(audio_format), b""
    for position in range(0, len(whole), 333):
        pieces += reader.read(whole[position : position + 333])
    assert abs(len(pieces) - 4000) <= 1
    difference = mulaw.decode(pieces[:3999]).astype(int) - mulaw.decode(tone(500)[:3999]).astype(int)
    assert abs(difference).max() < 2000
    if SAMPLE_RATES_HZ[audio_format] % 8000 == 0:
        assert pieces == tone(500)


async def test_what_was_received_is_kept_whole() -> None:
    async with simulator() as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        await client.speak(CALLER + mulaw.silence(100), paced=False)
        await client.send(type="contextual_update", text="done")
        await client.until("vad_score", 7)
        log = log_of(elevenlabs)
        assert bytes(log.audio) == CALLER + mulaw.silence(100)
        assert sum(size for _, size in log.audio_arrivals) == len(log.audio)
        assert "user_audio_chunk" not in json.dumps([each.event for each in log.received])
        sent = [event["audio_event"] for event in log.sent_of("audio")]
        assert [audio["bytes"] for audio in sent] == [
            len(base64.b64decode(audio["audio_base_64"])) for audio in client.of("audio")
        ]
        assert not any("audio_base_64" in audio for audio in sent)
