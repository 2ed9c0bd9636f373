"""How the simulated Agents platform fails, as the client sees it."""

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidMessage, InvalidStatus

from bench.scenarios.agent import (
    AgentScript,
    CloseSocket,
    Delay,
    Expire,
    FailResponse,
    Fault,
    FaultAction,
    Moment,
    Refuse,
    Reply,
    ResetConnection,
    SendError,
    Speak,
    Stall,
    StayMute,
    Turn,
)
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.simulators.elevenlabs.conversation import AgentConversation
from bench.sound import mulaw
from tests.bench.elevenlabs_client import connect, gone, now
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(900, 11)
ANSWER = clip(2000, 12)
UTTERANCE = mulaw.silence(900) + noise(800, 21) + mulaw.silence(700)


def simulator(at: Moment, action: FaultAction, **more: Any) -> ElevenLabsSimulator:
    script = AgentScript(
        prompted=(Reply((Speak(GREETING),)),),
        turns=(Turn("One?", Reply((Speak(ANSWER),))), Turn("Two?", Reply((Speak(ANSWER),)))),
        faults=(Fault(at, action, **more),),
    )
    return ElevenLabsSimulator(ElevenLabsConfig(), script)


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_the_upgrade_is_refused_so_many_times(status: int) -> None:
    async with simulator("upgrade", Refuse(status, "t", "c", "No."), sessions=2) as elevenlabs:
        for _ in range(2):
            with pytest.raises(InvalidStatus) as caught:
                async with connect(elevenlabs):
                    pass
            assert caught.value.response.status_code == status
            assert caught.value.response.body == b'{"detail": {"status": "c", "message": "No."}}'
        async with connect(elevenlabs) as client:
            await client.start()
        assert elevenlabs.refused == [status, status]
        assert len(elevenlabs.sessions) == 1


async def test_the_upgrade_is_slow() -> None:
    async with simulator("upgrade", Delay(2500)) as elevenlabs:
        before = now()
        async with connect(elevenlabs) as client:
            await client.start()
        assert now() - before == pytest.approx(2.5, abs=0.01)


async def test_the_upgrade_is_reset() -> None:
    async with simulator("upgrade", ResetConnection()) as elevenlabs:
        with pytest.raises((ConnectionError, InvalidMessage)):
            async with connect(elevenlabs):
                pass
        assert not elevenlabs.sessions


async def test_the_upgrade_is_never_answered() -> None:
    async with simulator("upgrade", Stall()) as elevenlabs:
        with pytest.raises(TimeoutError):
            async with connect(elevenlabs):
                pass
        assert not elevenlabs.sessions


async def test_the_provider_accepts_and_never_speaks() -> None:
    async with simulator("session", StayMute()) as elevenlabs, connect(elevenlabs) as client:
        await client.send(type="conversation_initiation_client_data")
        await client.read_for(50)
        assert not client.events
        log = elevenlabs.sessions[0]
        assert [logged.type for logged in log.received] == ["conversation_initiation_client_data"]
        assert not log.sent


async def test_the_conversation_is_slow_to_begin() -> None:
    async with simulator("session", Delay(3000)) as elevenlabs, connect(elevenlabs) as client:
        before = now()
        await client.start()
        assert now() - before == pytest.approx(3, abs=0.01)


async def test_the_quota_is_used_up() -> None:
    quota = SendError("quota_exceeded", None, "This request exceeds your quota limit.", 1008)
    async with simulator("session", quota) as elevenlabs, connect(elevenlabs) as client:
        await client.send(type="conversation_initiation_client_data")
        error = await gone(client)
        (event,) = client.of("error")
        assert (event["code"], event["error_type"]) == (1008, "quota_exceeded")
        assert error.rcvd is not None
        assert (error.rcvd.code, error.rcvd.reason) == (1008, "This request exceeds your quota limit.")
    assert (elevenlabs.sessions[0].ended_by, elevenlabs.sessions[0].close_code) == ("error", 1008)


@pytest.mark.parametrize(
    ("action", "code", "error_type"),
    [
        (CloseSocket(1011, "internal error"), 1011, None),
        (Expire(), 1000, "max_duration_exceeded"),
        (FailResponse(message="All LLMs have failed."), 1002, "llm_error"),
        (ResetConnection(), None, None),
    ],
)
@pytest.mark.parametrize("at", ["greeting", "answer"])
async def test_the_connection_ends_in_mid_speech(
    at: Moment, action: FaultAction, code: int | None, error_type: str | None
) -> None:
    async with simulator(at, action, after_ms=600) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        if at == "answer":
            await client.speak(UTTERANCE)
        error = await gone(client)
    assert (error.rcvd.code if error.rcvd else None) == code
    responses = client.of("agent_response")
    assert len(responses) == (2 if at == "answer" else 1)
    assert 600 * 8 <= len(client.sound(responses[-1]["event_id"])) < 900 * 8
    assert [each["error_type"] for each in client.of("error")] == ([error_type] if error_type else [])
    expected = {
        CloseSocket: "close",
        Expire: "expired",
        FailResponse: "failed response",
        ResetConnection: "reset",
    }
    assert elevenlabs.sessions[0].ended_by == expected[type(action)]


async def test_the_connection_ends_between_two_turns() -> None:
    fault = CloseSocket(1012, "service restart")
    async with (
        simulator("between_turns", fault, turn=1, after_ms=400) as elevenlabs,
        connect(elevenlabs) as client,
    ):
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("audio", 12)
        while len(client.sound()) < len(GREETING.sound + ANSWER.sound):
            await client.next()
        before = now()
        error = await gone(client)
        assert now() - before == pytest.approx(0.4, abs=0.1)
    assert error.rcvd is not None
    assert (error.rcvd.code, error.rcvd.reason) == (1012, "service restart")


async def test_only_the_second_turn_fails() -> None:
    async with (
        simulator("answer", FailResponse(), turn=2, after_ms=500) as elevenlabs,
        connect(elevenlabs) as client,
    ):
        await client.start()
        await client.speak(UTTERANCE)
        await client.read_for(3)
        assert len(client.sound()) == len(GREETING.sound + ANSWER.sound)
        await client.speak(UTTERANCE)
        await gone(client)
        assert client.of("error")[0]["error_type"] == "llm_error"


async def test_an_error_that_ends_nothing() -> None:
    error = SendError("value_error", None, "Odd.")
    async with simulator("between_turns", error, after_ms=200) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        assert (await client.until("error"))["message"] == "Odd."
        await client.speak(UTTERANCE)
        assert len(client.of("user_transcript")) == 1


async def test_the_provider_falls_silent_in_mid_answer() -> None:
    async with simulator("answer", StayMute(), after_ms=400) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.read_for(10)
        sent = len(client.sound())
        await client.speak(UTTERANCE)
        await client.read_for(10)
        assert len(client.sound()) == sent
        assert len(elevenlabs.sessions[0].audio) == 2 * len(UTTERANCE)


async def test_the_provider_stops_reading_and_sending() -> None:
    async with simulator("greeting", Stall(), after_ms=400) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        await client.read_for(30)
        sent = len(client.events)
        await client.audio(noise(1000))
        await client.read_for(30)
        assert len(client.events) == sent
        assert not elevenlabs.sessions[0].audio
        client.connection.transport.abort()
        await asyncio.sleep(1)
        assert elevenlabs.sessions[0].ended_by == "stall"


async def test_a_stalled_conversation_ends_with_the_simulator() -> None:
    async with (
        simulator("session", Stall()) as elevenlabs,
        asyncio.timeout(60),
        connect(elevenlabs) as client,
    ):
        await client.send(type="conversation_initiation_client_data")
        await client.read_for(5)
        leaving = asyncio.get_running_loop().time()
        client.connection.transport.abort()
    assert now() - leaving < 5


async def test_only_the_first_sessions_fail() -> None:
    async with (
        simulator("session", CloseSocket(), sessions=1) as elevenlabs,
        connect(elevenlabs) as client,
    ):
        await client.send(type="conversation_initiation_client_data")
        await gone(client)
        async with connect(elevenlabs) as client:
            await client.start()
            await client.until("audio")


async def test_leaving_the_simulator_closes_conversations() -> None:
    async with simulator("upgrade", Delay(1)) as elevenlabs:
        context = connect(elevenlabs)
        client = await context.__aenter__()
        await client.start()
        assert not elevenlabs.sessions[0].ended_by
    error = await gone(client)
    assert error.rcvd is not None
    assert error.rcvd.code == 1001
    await context.__aexit__(None, None, None)


async def test_a_mistake_of_the_simulator_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(_self: AgentConversation) -> None:
        raise RuntimeError("mistake")

    monkeypatch.setattr(AgentConversation, "_begin", crash)
    elevenlabs = await simulator("upgrade", Delay(1)).__aenter__()
    async with connect(elevenlabs) as client:
        error = await gone(client)
        assert error.rcvd is not None
        assert error.rcvd.code == 1011
    with pytest.raises(ExceptionGroup) as caught:
        await elevenlabs.__aexit__(None, None, None)
    assert caught.group_contains(RuntimeError, match="mistake")
