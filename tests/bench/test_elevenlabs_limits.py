"""What stirs or ends a conversation with the simulated agent by itself: silence, pings, time."""

import asyncio
from typing import Any

import pytest

from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.sound import mulaw
from tests.bench.elevenlabs_client import agent, closed, connect, log_of, now, talk
from tests.bench.sounds import clip

pytestmark = pytest.mark.virtual_time

GREETING = clip(700, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "Yes, on Saturday we are open from nine to one.")
GOODBYE = clip(600, 13, "Goodbye and thank you!")


def script(*turns: Turn, **more: Any) -> AgentScript:
    return AgentScript(prompted=(Reply((Speak(GREETING),), thinks_ms=50),), turns=turns, **more)


def simulator(played: AgentScript, **options: Any) -> ElevenLabsSimulator:
    return ElevenLabsSimulator(ElevenLabsConfig(**options), played)


async def test_the_agent_stirs_a_silent_caller() -> None:
    played = script(on_idle=(Reply((Speak(GOODBYE),), thinks_ms=0),))
    async with simulator(played) as elevenlabs, talk(elevenlabs, turn={"turn_timeout": 6}) as client:
        await client.start()
        await client.until("audio")
        before = now()
        stirring = await client.until("agent_response", 2)
        assert stirring["agent_response"] == GOODBYE.text
        assert now() - before == pytest.approx(0.7 + 6, abs=0.05)
        await client.read_for(20)
        assert len(client.of("agent_response")) == 2


async def test_signs_of_activity_put_stirring_off() -> None:
    played = script(on_idle=(Reply((Speak(GOODBYE),), thinks_ms=0),))
    async with simulator(played) as elevenlabs:
        agent_id = agent(elevenlabs, first_message="", turn={"turn_timeout": 6, "initial_wait_time": 9})
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            await client.read_for(8)
            await client.send(type="user_activity")
            before = now()
            await client.until("agent_response")
            assert now() - before == pytest.approx(9, abs=0.01)


async def test_the_agent_gives_a_silent_caller_up() -> None:
    async with simulator(script()) as elevenlabs:
        agent_id = agent(elevenlabs, first_message="", turn={"silence_end_call_timeout": 12})
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            before = now()
            await client.audio(mulaw.silence(20))
            assert (await closed(client))[0] == 1000
            assert now() - before == pytest.approx(12, abs=0.01)


@pytest.mark.parametrize(
    "message",
    [{"type": "user_activity"}, {"type": "user_message", "text": "Well?"}, {"user_audio_chunk": "/////w=="}],
)
async def test_nothing_from_the_user_for_a_minute(message: dict[str, Any]) -> None:
    async with simulator(script(), pong_timeout_s=None) as elevenlabs, talk(elevenlabs) as client:
        await client.start()
        await client.send(type="contextual_update", text="That is no input of the user's.")
        await client.read_for(30)
        await client.send(**message)
        before = now()
        assert (await closed(client))[0] == 1002
        assert now() - before == pytest.approx(60, abs=0.01)
        (error,) = client.of("error")
        assert (error["code"], error["error_type"]) == (1002, "transport_receive_timeout")


async def test_not_even_the_initiation_for_a_minute() -> None:
    async with simulator(script()) as elevenlabs, connect(elevenlabs) as client:
        assert (await closed(client))[0] == 1002


async def test_a_conversation_may_take_only_so_long() -> None:
    async with simulator(script()) as elevenlabs:
        agent_id = agent(elevenlabs, conversation={"max_duration_seconds": 30})
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            before = now()
            assert (await closed(client))[0] == 1000
            assert now() - before == pytest.approx(30, abs=0.01)
            assert client.of("error")[0]["error_type"] == "max_duration_exceeded"


async def test_pings_want_an_answer() -> None:
    async with simulator(script()) as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start()
        await client.until("ping", 3)
        assert [ping["event_id"] for ping in client.of("ping")] == [1, 2, 3]
        assert client.of("ping")[0]["ping_ms"] is None
        assert client.of("ping")[1]["ping_ms"] == 0
        client.answers_pings = False
        before = now()
        assert (await closed(client))[0] == 1002
        assert now() - before == pytest.approx(22, abs=0.01)
        assert client.of("error")[0]["error_type"] == "websocket_disconnect"
        assert log_of(elevenlabs).unanswered_pings == 10


async def test_what_the_client_said_is_kept_in_order() -> None:
    async with simulator(script()) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        await client.until("ping")
        await client.send(type="user_activity")
        await client.connection.close()
        await asyncio.sleep(1)
        log = log_of(elevenlabs)
        kinds = [each.type for each in log.received]
        assert kinds == ["conversation_initiation_client_data", "pong", "user_activity"]
        assert (log.ended_by, log.close_code) == ("client", 1000)
