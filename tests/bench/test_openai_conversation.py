"""Whole conversations with the simulated Realtime API through the official SDK."""

import asyncio

import pytest

from bench.scenarios.agent import AgentScript, CallTool, Reply, Speak, Turn
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from bench.sound import mulaw
from tests.bench.realtime_client import connect
from tests.bench.sounds import clip

pytestmark = pytest.mark.virtual_time

GREETING = clip(900, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "Yes, on Saturday we are open from nine to one.")
GOODBYE = clip(600, 13, "Goodbye!")
CALLER = clip(800, 21).sound
QUIET = mulaw.silence(400)

SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=100),),
    turns=(
        Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),
        Turn("Thanks, bye.", Reply((Speak(GOODBYE), CallTool("end_call", {"reason": "done"})), then=Reply())),
    ),
)


async def test_a_whole_conversation_is_valid_event_by_event() -> None:
    async with OpenAISimulator(OpenAIConfig(), SCRIPT) as simulator, connect(simulator) as client:
        updated = await client.start()
        assert updated["session"]["audio"]["input"]["turn_detection"]["interrupt_response"] is True
        await client.connection.response.create()
        greeted = await client.until("response.done")
        assert greeted["response"]["status"] == "completed"
        assert client.sound() == GREETING.sound
        await client.speak(CALLER + QUIET)
        await client.until("response.done", 2)
        assert client.of("conversation.item.input_audio_transcription.completed")[0]["transcript"] == (
            "Are you open on Saturday?"
        )
        await client.speak(CALLER + QUIET)
        done = await client.until("response.function_call_arguments.done")
        assert done["arguments"] == '{"reason": "done"}'
        await client.until("response.done", 3)
        await client.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": done["call_id"], "output": "{}"}
        )
        await client.connection.response.create()
        last = await client.until("response.done", 4)
        assert last["response"]["output"] == []
        assert not client.errors()
        log = simulator.sessions[0]
        assert bytes(log.audio) == (CALLER + QUIET) * 2
        await asyncio.sleep(0)


async def test_the_caller_interrupts() -> None:
    async with OpenAISimulator(OpenAIConfig(speed=1.0), SCRIPT) as simulator, connect(simulator) as client:
        await client.start()
        await client.connection.response.create()
        await client.until("response.done")
        await client.speak(CALLER + QUIET)
        already = len(client.of("response.output_audio.delta"))
        await client.until("response.output_audio.delta", already + 4)
        await client.speak(CALLER[: 8 * 200])
        cancelled = await client.until("response.done", 2)
        assert cancelled["response"]["status"] == "cancelled"
        assert cancelled["response"]["status_details"]["reason"] == "turn_detected"
        assert cancelled["response"]["output"][0]["status"] == "incomplete"
        heard = client.sound(cancelled["response"]["output"][0]["id"])
        assert 0 < len(heard) < len(ANSWER.sound)
        assert heard == ANSWER.sound[: len(heard)]
