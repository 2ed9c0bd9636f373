"""Whole conversations with the simulated Live API, driven by the official SDK over TLS."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession

from bench.scenarios.agent import AgentScript, CallTool, CloseSocket, Fault, Reply, Speak, Turn
from bench.simulators.errors import SimulatorUsageError
from bench.simulators.gemini import GeminiConfig, GeminiSimulator
from bench.sound import mulaw
from tests.bench.live_client import to_pcm
from tests.bench.sounds import clip, noise

MODEL = "gemini-3.8-live"
GREETING = clip(300, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(300, 12, "On Saturday we are open from nine to one.")
LONG = clip(2000, 13, "That is a long story.")
UTTERANCE = noise(200, 21) + mulaw.silence(200)
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=10),),
    turns=(
        Turn(
            "Are you open?",
            Reply((CallTool("look_up", {"day": "Saturday"}),), 10, Reply((Speak(ANSWER),), 10)),
        ),
        Turn("Tell me more.", Reply((Speak(LONG),), 10)),
        Turn("Thanks.", Reply((Speak(ANSWER),), 10)),
    ),
)
CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "system_instruction": "Answer for a dentist.",
    "speech_config": {
        "voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}},
        "language_code": "en-US",
    },
    "thinking_config": {"thinking_budget": 0},
    "temperature": 0.7,
    "tools": [
        {
            "function_declarations": [
                {
                    "name": "look_up",
                    "description": "Opening hours of a day.",
                    "behavior": "BLOCKING",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {
                            "day": {"type": "STRING"},
                            "year": {"type": "INTEGER", "minimum": 2020},
                        },
                        "required": ["day"],
                    },
                }
            ]
        }
    ],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
    "session_resumption": {},
    "context_window_compression": {"trigger_tokens": 20_000, "sliding_window": {"target_tokens": 10_000}},
    "realtime_input_config": {
        "automatic_activity_detection": {
            "silence_duration_ms": 100,
            "prefix_padding_ms": 20,
            "start_of_speech_sensitivity": "START_SENSITIVITY_HIGH",
            "end_of_speech_sensitivity": "END_SENSITIVITY_HIGH",
        },
        "activity_handling": "START_OF_ACTIVITY_INTERRUPTS",
        "turn_coverage": "TURN_INCLUDES_ONLY_ACTIVITY",
    },
}


@contextlib.asynccontextmanager
async def connect(gemini: GeminiSimulator, **changes: Any) -> AsyncIterator[AsyncSession]:
    """Connect as the SDK does it: its default version of the API, TLS, its offer of compression."""
    options = types.HttpOptions(
        base_url=gemini.url, async_client_args={"ssl": gemini.client_ssl_context(), "ping_interval": None}
    )
    client = genai.Client(api_key=gemini.config.api_key, http_options=options)
    config = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
    try:
        async with client.aio.live.connect(model=MODEL, config=config) as session:  # type: ignore[arg-type]
            yield session
    finally:
        await client.aio.aclose()
        client.close()


async def speak(session: AsyncSession, sound: bytes) -> None:
    for position in range(0, len(sound), mulaw.FRAME_BYTES):
        data = to_pcm(sound[position : position + mulaw.FRAME_BYTES])
        await session.send_realtime_input(audio=types.Blob(data=data, mime_type="audio/pcm;rate=16000"))
        await asyncio.sleep(mulaw.FRAME_MS / 1000)


class Heard:
    """What one turn of the model brought."""

    def __init__(self) -> None:
        self.sound = b""
        self.words = ""
        self.caller = ""
        self.interrupted = False
        self.usage = 0
        self.handle = ""

    def take(self, message: types.LiveServerMessage) -> None:
        self.sound += message.data or b""
        content = message.server_content or types.LiveServerContent()
        self.words += (content.output_transcription and content.output_transcription.text) or ""
        self.caller += (content.input_transcription and content.input_transcription.text) or ""
        self.interrupted = self.interrupted or bool(content.interrupted)
        self.usage += (message.usage_metadata and message.usage_metadata.total_token_count) or 0
        update = message.session_resumption_update
        self.handle = (update and update.new_handle) or self.handle


async def listen(session: AsyncSession) -> Heard:
    """Read one turn, answering tool calls."""
    heard = Heard()
    async with asyncio.timeout(20):
        async for message in session.receive():
            heard.take(message)
            for call in (message.tool_call and message.tool_call.function_calls) or []:
                response = types.FunctionResponse(id=call.id, name=call.name, response={"open": True})
                await session.send_tool_response(function_responses=[response])
    return heard


async def greet_until_it_ends(gemini: GeminiSimulator, heard: Heard) -> None:
    async with connect(gemini) as session:
        await session.send_realtime_input(text="Greet the caller.")
        while True:
            async for message in session.receive():
                heard.take(message)


def simulator(script: AgentScript = SCRIPT) -> GeminiSimulator:
    return GeminiSimulator(GeminiConfig(tls=True, speed=20), script)


@pytest.mark.virtual_time
async def test_a_whole_conversation() -> None:
    async with simulator() as gemini, connect(gemini) as session:
        assert session.session_id
        await session.send_realtime_input(text="Greet the caller.")
        greeting = await listen(session)
        assert (greeting.words, len(greeting.sound)) == (GREETING.text, len(GREETING.sound) * 6)
        await speak(session, UTTERANCE)
        answer = await listen(session)
        assert (answer.caller, answer.words) == ("Are you open?", ANSWER.text)
        assert answer.usage > 0
        assert greeting.handle != answer.handle != ""
        await speak(session, UTTERANCE)
        async with asyncio.timeout(20):
            async for message in session.receive():
                if message.data:
                    break
        await speak(session, UTTERANCE)
        cut = await listen(session)
        assert cut.interrupted
        last = await listen(session)
        assert (last.words, len(last.sound)) == (ANSWER.text, len(ANSWER.sound) * 6)
        await session.send_context_update(system_instruction="Be brief.", tools=[])
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "Bye."}]})  # type: ignore[arg-type]
        await listen(session)
        await session.send_realtime_input(audio_stream_end=True)
    (log,) = gemini.sessions
    assert not log.rejections
    assert [
        call["functionCalls"][0]["args"] for call in (m["toolCall"] for m in log.sent_of("toolCall"))
    ] == [{"day": "Saturday"}]
    assert log.contents("interrupted") == [True]
    assert log.audio_ms == 1200
    assert "google-genai-sdk/" in log.headers["x-goog-api-client"]
    assert [logged.type for logged in log.received] == [
        "setup",
        "realtimeInput",
        "toolResponse",
        "contextUpdate",
        "clientContent",
        "realtimeInput",
    ]


@pytest.mark.virtual_time
async def test_a_session_is_resumed_after_a_failure() -> None:
    fault = Fault("between_turns", CloseSocket(1011, "The service is currently unavailable."), sessions=1)
    async with simulator(AgentScript(SCRIPT.prompted, SCRIPT.turns, faults=(fault,))) as gemini:
        heard = Heard()
        with pytest.raises(errors.APIError) as caught:
            await greet_until_it_ends(gemini, heard)
        assert caught.value.code == 1011
        assert heard.handle
        async with connect(gemini, session_resumption={"handle": heard.handle}) as session:
            await speak(session, UTTERANCE)
            assert (await listen(session)).words == ANSWER.text
    assert gemini.sessions[1].resumed_from == heard.handle


@pytest.mark.virtual_time
async def test_history_and_marked_activity() -> None:
    realtime = {"automatic_activity_detection": {"disabled": True}, "activity_handling": "NO_INTERRUPTION"}
    history = {"initial_history_in_client_content": True}
    async with (
        simulator() as gemini,
        connect(gemini, realtime_input_config=realtime, history_config=history) as session,
    ):
        contents = [
            types.Content(role="user", parts=[types.Part(text="I need help.")]),
            types.Content(role="model", parts=[types.Part(text="With what?")]),
        ]
        await session.send_client_content(turns=[*contents], turn_complete=True)
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await speak(session, UTTERANCE)
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        assert (await listen(session)).words == ANSWER.text
    assert gemini.sessions[0].history == [
        {"role": "user", "parts": [{"text": "I need help."}]},
        {"role": "model", "parts": [{"text": "With what?"}]},
    ]


@pytest.mark.virtual_time
async def test_a_model_that_is_not_there() -> None:
    async with GeminiSimulator(GeminiConfig(tls=True, models=("other",))) as gemini:
        with pytest.raises(errors.APIError, match=r"models/gemini-3\.8-live is not found") as caught:
            async with connect(gemini):
                pass
    assert caught.value.code == 1008


async def test_without_tls_there_is_nothing_to_trust() -> None:
    async with GeminiSimulator() as gemini:
        with pytest.raises(SimulatorUsageError, match="without TLS"):
            gemini.client_ssl_context()


def test_a_scenario_that_is_none_is_one_clear_line() -> None:
    command = [sys.executable, "-m", "bench.simulators.gemini", "--scenario", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 2
    assert "no scenario 'nonsense'" in done.stderr
    assert "Traceback" not in done.stderr
