"""The simulated Live API asks for tools, waits for the results, and gives up when the caller speaks."""

import asyncio
from typing import Any

import pytest

from bench.scenarios.agent import AgentScript, CallTool, Reply, Speak, Turn
from bench.simulators.gemini import GeminiSimulator
from bench.sound import mulaw
from tests.bench.live_client import connect
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GOODBYE = clip(300, 11, "Goodbye.")
ANSWER = clip(2000, 12, "On Saturday we are open from nine to one.")
MOMENT = clip(200, 13, "One moment.")
SPEECH = noise(800, 21)
UTTERANCE = SPEECH + mulaw.silence(400)
LOOK_UP = Reply(
    (Speak(MOMENT), CallTool("look_up", {"day": "Saturday"}), CallTool("look_up", {"day": "Sunday"})),
    then=Reply((Speak(ANSWER),)),
)
TOOLS = AgentScript(
    turns=(Turn("Are you open?", LOOK_UP), Turn("Never mind.", Reply((Speak(GOODBYE),)))),
)


def results(calls: list[dict[str, Any]]) -> dict[str, Any]:
    answers = [{"id": call["id"], "name": call["name"], "response": {"open": True}} for call in calls]
    return {"functionResponses": answers}


async def test_tools_are_called_together_and_their_results_awaited() -> None:
    async with GeminiSimulator(script=TOOLS) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        calls = (await client.until("toolCall"))["functionCalls"]
        assert [call["args"] for call in calls] == [{"day": "Saturday"}, {"day": "Sunday"}]
        assert client.words("outputTranscription") == MOMENT.text
        await client.until("usageMetadata")
        await client.send(toolResponse=results(calls[:1]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.read_on(), 30)
        await client.send(tool_response={"function_responses": results(calls[1:])["functionResponses"]})
        await client.until("turnComplete")
        assert client.words("outputTranscription") == f"{MOMENT.text} {ANSWER.text}"
        first, second = client.of("usageMetadata")
        assert second["toolUsePromptTokenCount"] > 0
        audio = [usage["responseTokensDetails"][-1]["tokenCount"] for usage in (first, second)]
        assert audio == [5, 50]
        assert not client.of("toolCallCancellation")


async def test_speech_cancels_tool_calls_and_a_late_result_is_ignored() -> None:
    async with GeminiSimulator(script=TOOLS) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        calls = (await client.until("toolCall"))["functionCalls"]
        await client.send(toolResponse=results(calls[:1]))
        await client.speak(SPEECH)
        assert await client.until("toolCallCancellation") == {"ids": [calls[1]["id"]]}
        await client.send(toolResponse=results(calls[1:]))
        await client.speak(mulaw.silence(400))
        await client.until("turnComplete", 2)
        order = client.kinds("interactionStatus", "usageMetadata", "inputTranscription")
        cancelled = order.index("toolCallCancellation")
        assert order[cancelled : cancelled + 3] == ["toolCallCancellation", "interrupted", "turnComplete"]
        assert client.words("outputTranscription") == MOMENT.text + GOODBYE.text


async def test_a_tool_call_with_nothing_to_say_afterwards() -> None:
    script = AgentScript(turns=(Turn("Bye.", Reply((CallTool("end_call"),))),))
    async with GeminiSimulator(script=script) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        calls = (await client.until("toolCall"))["functionCalls"]
        assert calls[0]["args"] == {}
        await client.send(toolResponse=results(calls))
        await client.until("turnComplete")
        assert not client.of("modelTurn")


@pytest.mark.parametrize("modality", ["AUDIO", "TEXT"])
async def test_a_response_cut_off_by_its_limit_calls_no_tool(modality: str) -> None:
    script = AgentScript(turns=(Turn("Are you open?", Reply((Speak(ANSWER), CallTool("look_up")))),))
    async with GeminiSimulator(script=script) as gemini, connect(gemini) as client:
        await client.start(generationConfig={"responseModalities": [modality], "maxOutputTokens": 3})
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        assert client.of("modelTurn")
        assert not client.of("toolCall")
