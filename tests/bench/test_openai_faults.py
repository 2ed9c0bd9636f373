"""How the simulated provider fails, as the client sees it."""

import asyncio
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus

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
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from bench.simulators.openai.session import RealtimeSession
from bench.sound import mulaw
from tests.bench.realtime_client import Client, connect
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(900, 11)
ANSWER = clip(2000, 12)
UTTERANCE = noise(800, 21) + mulaw.silence(400)
QUOTA = SendError("insufficient_quota", "insufficient_quota", "You exceeded your current quota.", 1013)


def simulator(at: Moment, action: FaultAction, **more: Any) -> OpenAISimulator:
    script = AgentScript(
        prompted=(Reply((Speak(GREETING),)),),
        turns=(Turn("One?", Reply((Speak(ANSWER),))), Turn("Two?", Reply((Speak(ANSWER),)))),
        faults=(Fault(at, action, **more),),
    )
    return OpenAISimulator(OpenAIConfig(), script)


async def closed(client: Client) -> ConnectionClosed:
    """Read until the connection is gone, and say how it went."""
    with pytest.raises(ConnectionClosed) as caught:
        await client.read_on()
    return caught.value


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_the_upgrade_is_refused_so_many_times(status: int) -> None:
    async with simulator("upgrade", Refuse(status, "t", "c", "No."), sessions=2) as openai:
        for _ in range(2):
            with pytest.raises(InvalidStatus) as caught:
                async with connect(openai):
                    pass
            assert caught.value.response.status_code == status
        async with connect(openai) as client:
            await client.start()
        assert openai.refused == [status, status]
        assert len(openai.sessions) == 1


async def test_the_upgrade_is_slow() -> None:
    async with simulator("upgrade", Delay(2500)) as openai:
        before = asyncio.get_running_loop().time()
        async with connect(openai) as client:
            await client.next()
        assert asyncio.get_running_loop().time() - before == pytest.approx(2.5, abs=0.01)


async def test_the_upgrade_is_reset() -> None:
    async with simulator("upgrade", ResetConnection()) as openai:
        with pytest.raises((ConnectionError, InvalidMessage)):
            async with connect(openai):
                pass
        assert not openai.sessions


async def test_the_provider_accepts_and_never_speaks() -> None:
    async with simulator("session", StayMute()) as openai, connect(openai) as client:
        await client.send(type="response.create")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await client.next()
        assert [logged.type for logged in openai.sessions[0].received] == ["response.create"]
        assert not openai.sessions[0].sent


async def test_the_session_is_slow_to_open() -> None:
    async with simulator("session", Delay(3000)) as openai, connect(openai) as client:
        before = asyncio.get_running_loop().time()
        assert (await client.next())["type"] == "session.created"
        assert asyncio.get_running_loop().time() - before == pytest.approx(3, abs=0.01)


async def test_the_quota_is_used_up() -> None:
    async with simulator("session", QUOTA) as openai, connect(openai) as client:
        error = await closed(client)
    assert client.errors()[0]["code"] == "insufficient_quota"
    assert error.rcvd is not None
    assert error.rcvd.code == 1013
    assert not client.of("session.created")
    assert (openai.sessions[0].ended_by, openai.sessions[0].close_code) == ("error", 1013)


@pytest.mark.parametrize(
    ("action", "code"),
    [(CloseSocket(1011, "internal error"), 1011), (Expire(), 1001), (ResetConnection(), None)],
)
@pytest.mark.parametrize("at", ["greeting", "answer"])
async def test_the_connection_ends_in_mid_speech(at: Moment, action: FaultAction, code: int | None) -> None:
    async with simulator(at, action, after_ms=600) as openai, connect(openai) as client:
        await client.start()
        await client.connection.response.create()
        if at == "answer":
            await client.until("response.done")
            await client.speak(UTTERANCE)
        error = await closed(client)
    assert (error.rcvd.code if error.rcvd else None) == code
    audio = len(client.sound()) - (len(GREETING.sound) if at == "answer" else 0)
    assert 600 * 8 <= audio < 900 * 8
    assert len(client.of("response.done")) == (1 if at == "answer" else 0)
    if isinstance(action, Expire):
        assert client.errors()[-1]["code"] == "session_expired"
    if isinstance(action, ResetConnection):
        assert isinstance(error, ConnectionClosedError)
        assert openai.sessions[0].ended_by == "reset"


async def test_the_connection_ends_between_two_turns() -> None:
    fault = CloseSocket(1012, "service restart")
    async with simulator("between_turns", fault, turn=1, after_ms=400) as openai, connect(openai) as client:
        await client.start()
        await client.connection.response.create()
        await client.until("response.done")
        await client.speak(UTTERANCE)
        await client.until("response.done", 2)
        before = asyncio.get_running_loop().time()
        error = await closed(client)
        assert asyncio.get_running_loop().time() - before == pytest.approx(0.4, abs=0.01)
    assert error.rcvd is not None
    assert (error.rcvd.code, error.rcvd.reason) == (1012, "service restart")


async def test_only_the_second_turn_fails() -> None:
    failure = FailResponse("server_error", "overloaded", "Try again.")
    async with simulator("answer", failure, turn=2, after_ms=500) as openai, connect(openai) as client:
        await client.start()
        await client.speak(UTTERANCE)
        assert (await client.until("response.done"))["response"]["status"] == "completed"
        await client.speak(UTTERANCE)
        failed = (await client.until("response.done", 2))["response"]
        assert failed["status"] == "failed"
        assert failed["status_details"]["error"] == {
            "type": "server_error",
            "code": "overloaded",
            "message": "Try again.",
        }
        assert failed["output"][0]["status"] == "incomplete"
        # The session goes on.
        await client.connection.response.create()
        assert (await client.until("response.done", 3))["response"]["status"] == "completed"


async def test_the_provider_stalls_with_the_connection_open() -> None:
    async with simulator("answer", Stall(), after_ms=300) as openai, connect(openai) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("response.output_audio.delta")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.read_on(), 120)
        received = len(openai.sessions[0].audio)
        await client.speak(UTTERANCE * 5)
        # At most the event it was about to read is taken in.
        assert len(openai.sessions[0].audio) <= received + mulaw.FRAME_BYTES
        assert client.connection._connection.state.name == "OPEN"


async def test_an_error_that_is_not_the_end() -> None:
    async with simulator("answer", SendError(), after_ms=300) as openai, connect(openai) as client:
        await client.start()
        await client.speak(UTTERANCE)
        done = await client.until("response.done")
        assert client.errors()[0]["type"] == "server_error"
        assert done["response"]["status"] == "completed"
        assert client.sound() == ANSWER.sound


async def test_a_session_expires_after_its_time() -> None:
    config = OpenAIConfig(max_session_s=3600)
    async with OpenAISimulator(config) as openai, connect(openai) as client:
        before = asyncio.get_running_loop().time()
        error = await closed(client)
        assert asyncio.get_running_loop().time() - before == pytest.approx(3600, abs=0.1)
    assert client.errors()[0]["message"] == "Your session hit the maximum duration of 60 minutes."
    assert error.rcvd is not None
    assert error.rcvd.code == 1001
    assert openai.sessions[0].ended_by == "expired"


async def test_a_client_that_leaves_in_mid_answer_leaves_nothing_behind() -> None:
    async with simulator("session", Delay(0)) as openai:
        async with connect(openai) as client:
            await client.start()
            await client.speak(UTTERANCE)
            await client.until("response.output_audio.delta")
        async with connect(openai) as client:
            await client.start()
        assert openai.sessions[0].ended_by == "client"


async def test_a_bug_in_the_simulator_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: RealtimeSession, _event: dict[str, Any]) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(RealtimeSession, "_clear", broken)
    with pytest.raises(ExceptionGroup, match="crashed"):
        await _meet_the_bug()


async def _meet_the_bug() -> None:
    async with OpenAISimulator() as openai, connect(openai) as client:
        await client.start()
        await client.send(type="input_audio_buffer.clear")
        assert (await closed(client)).rcvd is not None
