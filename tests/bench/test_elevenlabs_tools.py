"""How the simulated agent uses tools."""

from typing import Any

import pytest

from bench.scenarios.agent import AgentScript, CallTool, Reply, Speak, Turn
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.simulators.elevenlabs.workspace import Tool
from bench.sound import mulaw
from tests.bench.elevenlabs_client import agent, client_tool, closed, connect, log_of, now, talk
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(700, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "Yes, on Saturday we are open from nine to one.")
GOODBYE = clip(600, 13, "Goodbye and thank you!")
CALLER = noise(600, 21)
PAUSE = mulaw.silence(700)
QUESTION = Turn("Are you open on Saturday?", Reply((Speak(ANSWER),), thinks_ms=100))


def script(*turns: Turn, **more: Any) -> AgentScript:
    return AgentScript(prompted=(Reply((Speak(GREETING),), thinks_ms=50),), turns=turns, **more)


def simulator(played: AgentScript, **options: Any) -> ElevenLabsSimulator:
    return ElevenLabsSimulator(ElevenLabsConfig(**options), played)


async def test_a_client_tool_is_called_and_followed_up() -> None:
    calls = (CallTool("book", {"day": "Saturday"}), CallTool("note"))
    turn = Turn("Book it.", Reply((Speak(ANSWER), *calls), then=Reply((Speak(GOODBYE),))))
    async with simulator(script(turn)) as elevenlabs:
        tools = [client_tool("book"), client_tool("note", expects_response=False)]
        async with talk(elevenlabs, first_message="", tools=tools) as client:
            await client.start()
            await client.speak(CALLER + PAUSE)
            await client.until("client_tool_call", 2)
            book, note = client.of("client_tool_call")
            assert (book["tool_name"], book["parameters"]) == ("book", {"day": "Saturday"})
            assert (book["expects_response"], note["expects_response"]) == (True, False)
            await client.read_for(2)
            assert len(client.of("agent_response")) == 1
            await client.send(
                type="client_tool_result",
                tool_call_id=book["tool_call_id"],
                result='{"ok": true}',
                is_error=False,
            )
            assert (await client.until("agent_response", 2))["agent_response"] == GOODBYE.text
            (response,) = client.of("agent_tool_response")
            assert response["tool_call_id"] == book["tool_call_id"]
            assert (response["tool_type"], response["is_error"], response["is_called"]) == (
                "client",
                False,
                True,
            )
            assert [r["tool_call_id"] for r in client.of("agent_tool_request")] == [
                book["tool_call_id"],
                note["tool_call_id"],
            ]
            expected = [{"tool": "book", "result": '{"ok": true}', "is_error": False}]
            assert log_of(elevenlabs).tool_results == expected


async def test_a_tool_may_be_named_by_id() -> None:
    turn = Turn("Book it.", Reply((CallTool("book"),), then=Reply((Speak(GOODBYE),))))
    async with simulator(script(turn)) as elevenlabs:
        agent_id = agent(elevenlabs, first_message="")
        elevenlabs.workspace.tools["tool_1"] = Tool("tool_1", client_tool("book"))
        elevenlabs.workspace.agents[agent_id].prompt.update(tools=[], tool_ids=["tool_1"])
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            await client.speak(CALLER + PAUSE)
            assert (await client.until("client_tool_call"))["tool_name"] == "book"


async def test_a_tool_that_takes_too_long_has_failed() -> None:
    turn = Turn("Book it.", Reply((CallTool("book"),), then=Reply((Speak(GOODBYE),))))
    async with simulator(script(turn)) as elevenlabs:
        tools = [client_tool("book", response_timeout_secs=5)]
        async with talk(elevenlabs, first_message="", tools=tools) as client:
            await client.start()
            await client.speak(CALLER + PAUSE)
            call = await client.until("client_tool_call")
            before = now()
            failed = await client.until("agent_tool_response")
            assert now() - before == pytest.approx(5, abs=0.01)
            assert failed["is_error"] is True
            await client.until("agent_response")
            late = {"tool_call_id": call["tool_call_id"], "result": "", "is_error": False}
            await client.send(type="client_tool_result", **late)
            await client.read_for(1)
            assert "which nobody waits for" in log_of(elevenlabs).ignored[0]


async def test_a_caller_who_speaks_takes_the_agent_off_its_tool() -> None:
    turn = Turn("Book it.", Reply((CallTool("book"),), then=Reply((Speak(GOODBYE),))))
    async with simulator(script(turn, QUESTION)) as elevenlabs:
        tools = [client_tool("book")]
        async with talk(elevenlabs, first_message="", tools=tools) as client:
            await client.start()
            await client.speak(CALLER + PAUSE)
            await client.until("client_tool_call")
            await client.speak(CALLER + PAUSE)
            assert (await client.until("agent_response"))["agent_response"] == ANSWER.text
            await client.read_for(25)
            assert len(client.of("agent_response")) == 1
            assert not client.of("agent_tool_response")


async def test_a_tool_the_agent_has_not_got_is_not_called() -> None:
    turn = Turn("Book it.", Reply((CallTool("book"),), then=Reply((Speak(GOODBYE),))))
    async with simulator(script(turn)) as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start()
        await client.speak(CALLER + PAUSE)
        await client.read_for(3)
        assert not client.of("client_tool_call")
        assert not client.of("agent_response")
        assert log_of(elevenlabs).ignored == ["tool 'book' is not declared on the agent"]


async def test_the_agent_hangs_up_when_it_has_been_heard() -> None:
    turn = Turn("Bye.", Reply((Speak(GOODBYE), CallTool("end_call")), thinks_ms=0))
    async with simulator(script(turn)) as elevenlabs:
        system = {"type": "system", "name": "end_call", "description": "", "params": {}}
        agent_id = agent(elevenlabs, first_message="", prompt={"built_in_tools": {"end_call": system}})
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            await client.speak(CALLER + PAUSE)
            await client.until("audio")
            before = now()
            assert await closed(client) == (1000, "end_call tool was called.")
            assert now() - before == pytest.approx(GOODBYE.duration_ms / 1000, abs=0.1)
            assert client.of("agent_tool_response")[0]["tool_type"] == "system"
        assert (log_of(elevenlabs).ended_by, log_of(elevenlabs).close_code) == ("agent", 1000)
