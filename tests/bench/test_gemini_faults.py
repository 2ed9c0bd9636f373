"""How the simulated Live API fails, and its limits: deadlines, resumption, as the client sees them."""

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
from bench.simulators.gemini import GeminiConfig, GeminiSimulator
from bench.simulators.gemini.conversation import Conversation
from bench.sound import mulaw
from tests.bench.live_client import Client, connect
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(900, 11)
ANSWER = clip(2000, 12)
SECOND = clip(400, 13)
UTTERANCE = noise(800, 21) + mulaw.silence(400)
QUOTA = SendError("insufficient_quota", "insufficient_quota", "You exceeded your current quota.")
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),)),),
    turns=(Turn("One?", Reply((Speak(ANSWER),))), Turn("Two?", Reply((Speak(SECOND),)))),
)


def simulator(at: Moment, action: FaultAction, **more: Any) -> GeminiSimulator:
    script = AgentScript(SCRIPT.prompted, SCRIPT.turns, faults=(Fault(at, action, **more),))
    return GeminiSimulator(GeminiConfig(), script)


async def closed(client: Client) -> ConnectionClosed:
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(5000):
            await client.read_on()
    return caught.value


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- the upgrade


async def test_the_upgrade_is_refused_once() -> None:
    async with simulator("upgrade", Refuse(429, "RESOURCE_EXHAUSTED"), sessions=1) as gemini:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(gemini):
                pass
        assert caught.value.response.status_code == 429
        assert b'"status": "RESOURCE_EXHAUSTED"' in (caught.value.response.body or b"")
        async with connect(gemini) as client:
            await client.start()
    assert gemini.refused == [429]


async def test_a_path_that_is_not_there() -> None:
    async with GeminiSimulator() as gemini:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(gemini, "/v1/realtime"):
                pass
        assert caught.value.response.status_code == 404
    assert not gemini.sessions


async def test_the_upgrade_is_cut_off_slow_or_never_answered() -> None:
    async with simulator("upgrade", ResetConnection()) as gemini:
        with pytest.raises((InvalidMessage, ConnectionResetError)):
            async with connect(gemini):
                pass
    async with simulator("upgrade", Delay(3000)) as gemini:
        before = now()
        async with connect(gemini) as client:
            assert now() - before == pytest.approx(3, abs=0.01)
            await client.start()
    async with simulator("upgrade", Stall()) as gemini:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5), connect(gemini):
                pass
        assert not gemini.sessions


# ---- the session


async def test_the_provider_accepts_and_never_speaks() -> None:
    async with simulator("session", StayMute()) as gemini, connect(gemini) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.start(), 60)
        await client.say("Hello?")
        await client.send(nonsense=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.read_on(), 60)
        assert [logged.type for logged in gemini.sessions[0].received] == ["setup", "realtimeInput"]
        assert not gemini.sessions[0].sent


async def test_the_session_is_slow_to_open() -> None:
    async with simulator("session", Delay(3000)) as gemini, connect(gemini) as client:
        before = now()
        await client.start()
        assert now() - before == pytest.approx(3, abs=0.01)


async def test_the_quota_is_used_up() -> None:
    async with simulator("session", QUOTA) as gemini, connect(gemini) as client:
        await client.send(setup={"model": "models/gemini-3.8-live"})
        error = await closed(client)
    assert error.rcvd is not None
    assert (error.rcvd.code, error.rcvd.reason) == (1011, "You exceeded your current quota.")
    assert (gemini.sessions[0].ended_by, gemini.sessions[0].close_code) == ("error", 1011)


# ---- in mid-speech


@pytest.mark.parametrize(
    ("action", "code", "ended_by"),
    [
        (CloseSocket(1011, "Internal error encountered."), 1011, "close"),
        (SendError(close_code=1013), 1013, "error"),
        (Expire(), 1011, "expired"),
        (ResetConnection(), None, "reset"),
    ],
)
@pytest.mark.parametrize("at", ["greeting", "answer"])
async def test_the_connection_ends_in_mid_speech(
    at: Moment, action: FaultAction, code: int | None, ended_by: str
) -> None:
    async with simulator(at, action, after_ms=600) as gemini, connect(gemini) as client:
        await client.start()
        await client.say("Greet the caller.")
        if at == "answer":
            await client.until("turnComplete")
            await client.speak(UTTERANCE)
        error = await closed(client)
    assert (error.rcvd.code if error.rcvd else None) == code
    audio_ms = len(client.sound()) / 48 - (900 if at == "answer" else 0)
    assert 600 <= audio_ms < 900
    assert len(client.of("turnComplete")) == (1 if at == "answer" else 0)
    assert len(client.of("goAway")) == isinstance(action, Expire)
    assert isinstance(error, ConnectionClosedError)
    assert gemini.sessions[0].ended_by == ended_by


async def test_the_connection_ends_between_two_turns() -> None:
    fault = CloseSocket(1012, "service restart")
    async with simulator("between_turns", fault, turn=1, after_ms=400) as gemini, connect(gemini) as client:
        await client.start()
        await client.say("Greet the caller.")
        await client.until("turnComplete")
        await client.speak(UTTERANCE)
        await client.until("turnComplete", 2)
        before = now()
        error = await closed(client)
        assert now() - before == pytest.approx(0.4, abs=0.01)
    assert error.rcvd is not None
    assert (error.rcvd.code, error.rcvd.reason) == (1012, "service restart")


async def test_only_the_second_turn_fails() -> None:
    failure = FailResponse(code="MALFORMED_FUNCTION_CALL")
    async with simulator("answer", failure, turn=2, after_ms=200) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        assert not client.of("turnCompleteReason")
        await client.speak(UTTERANCE)
        await client.until("turnComplete", 2)
        assert client.of("turnCompleteReason") == ["MALFORMED_FUNCTION_CALL"]
        assert len(client.of("generationComplete")) == 1
        # The session goes on.
        await client.say("Greet the caller.")
        await client.until("turnComplete", 3)
        assert len(client.of("generationComplete")) == 2


async def test_the_provider_is_slow_once_in_mid_answer() -> None:
    async with simulator("answer", Delay(5000), after_ms=300) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("generationComplete")
        gaps = [later - earlier for earlier, later in zip(client.times, client.times[1:], strict=False)]
        assert max(gaps) == pytest.approx(5, abs=0.2)
        assert len(client.sound()) == len(ANSWER.sound) * 6


async def test_the_provider_stalls_with_the_connection_open() -> None:
    async with simulator("answer", Stall(), after_ms=300) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("modelTurn")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.read_on(), 120)
        received = len(gemini.sessions[0].audio)
        await client.speak(UTTERANCE * 5)
        # At most the message it was about to read is taken in.
        assert len(gemini.sessions[0].audio) <= received + mulaw.FRAME_BYTES
        assert client.connection.state.name == "OPEN"


async def test_a_client_that_leaves_in_mid_answer_leaves_nothing_behind() -> None:
    async with GeminiSimulator(script=SCRIPT) as gemini:
        async with connect(gemini) as client:
            await client.start()
            await client.speak(UTTERANCE)
            await client.until("modelTurn")
        async with connect(gemini) as client:
            await client.start()
        assert gemini.sessions[0].ended_by == "client"


async def test_a_bug_in_the_simulator_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: Conversation, _body: dict[str, Any]) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(Conversation, "_context_update", broken)
    with pytest.raises(ExceptionGroup, match="crashed"):
        await _meet_the_bug()


async def _meet_the_bug() -> None:
    async with GeminiSimulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.send(contextUpdate={})
        assert (await closed(client)).rcvd is not None


# ---- limits


@pytest.mark.parametrize("code", [1011, 1000])
async def test_a_connection_ends_after_its_time_with_a_warning(code: int) -> None:
    config = GeminiConfig(max_connection_s=600, go_away_s=50, deadline_code=code)
    async with GeminiSimulator(config) as gemini, connect(gemini) as client:
        before = now()
        await client.start()
        assert await client.until("goAway") == {"timeLeft": "50s"}
        assert now() - before == pytest.approx(550, abs=0.1)
        error = await closed(client)
        assert now() - before == pytest.approx(600, abs=0.1)
    assert error.rcvd is not None
    assert error.rcvd.code == code
    assert gemini.sessions[0].ended_by == "expired"


@pytest.mark.parametrize("compresses", [False, True])
async def test_a_session_takes_only_so_much_audio_unless_compressed(compresses: bool) -> None:
    async with GeminiSimulator(GeminiConfig(max_audio_s=2)) as gemini, connect(gemini) as client:
        await client.start(contextWindowCompression={"slidingWindow": {}} if compresses else None)
        await client.speak(mulaw.silence(2000))
        assert gemini.sessions[0].close_code is None
        await client.speak(mulaw.silence(20))
        if compresses:
            await client.say("Are you there?")
            await client.until("turnComplete")
        else:
            assert (await closed(client)).rcvd is not None
            assert gemini.sessions[0].ended_by == "expired"


# ---- resumption


async def resumable(client: Client, handle: str | None = None) -> None:
    await client.start(sessionResumption={"handle": handle} if handle else {})


async def test_a_session_goes_on_where_its_last_handle_was_issued() -> None:
    fault = Fault("answer", ResetConnection(), turn=2, after_ms=100, sessions=1)
    script = AgentScript(SCRIPT.prompted, SCRIPT.turns, faults=(fault,))
    config = GeminiConfig(max_audio_s=3)
    async with GeminiSimulator(config, script) as gemini:
        async with connect(gemini) as client:
            await resumable(client)
            await client.say("Greet the caller.")
            await client.until_that(lambda m: "newHandle" in m.get("sessionResumptionUpdate", {}))
            await client.speak(UTTERANCE)
            handle = (await client.until_that(lambda m: "newHandle" in m.get("sessionResumptionUpdate", {})))[
                "sessionResumptionUpdate"
            ]["newHandle"]
            prompt = client.of("usageMetadata")[-1]["promptTokenCount"]
            await client.speak(UTTERANCE)
            await closed(client)
            updates = client.of("sessionResumptionUpdate")
            # Not resumable while the model is at work, which is said by leaving everything out.
            assert [update.get("resumable", False) for update in updates] == [False, True] * 2 + [False]
            assert updates[0] == {}
        async with connect(gemini) as client:
            await resumable(client, handle)
            await client.speak(UTTERANCE)
            await client.until("turnComplete")
            assert client.words("inputTranscription") == "Two?"
            assert len(client.sound()) == len(SECOND.sound) * 6
            await client.until("usageMetadata")
            assert client.of("usageMetadata")[0]["promptTokenCount"] > prompt
            # The audio of both connections counts.
            await client.speak(mulaw.silence(620))
            await closed(client)
    assert [log.resumed_from for log in gemini.sessions] == [None, handle]
    assert gemini.sessions[1].ended_by == "expired"


async def test_no_handles_unless_asked_for() -> None:
    async with GeminiSimulator(script=SCRIPT) as gemini, connect(gemini) as client:
        await client.start()
        await client.say("Greet the caller.")
        await client.until("turnComplete")
        await client.speak(UTTERANCE)
        await client.until("turnComplete", 2)
        assert not client.of("sessionResumptionUpdate")


@pytest.mark.parametrize(("age_s", "known"), [(7100, True), (7300, False)])
async def test_a_handle_grows_old(age_s: float, known: bool) -> None:
    turns = [{"role": "user", "parts": [{"text": "It is about Saturday."}]}]
    async with GeminiSimulator(script=SCRIPT) as gemini:
        async with connect(gemini) as client:
            await client.start(sessionResumption={}, historyConfig={"initialHistoryInClientContent": True})
            await client.send(clientContent={"turns": turns, "turnComplete": True})
            await client.say("Greet the caller.")
            await client.until("turnComplete")
            await client.until("sessionResumptionUpdate", 2)
            handle = client.of("sessionResumptionUpdate")[1]["newHandle"]
        await asyncio.sleep(age_s)
        async with connect(gemini) as client:
            if known:
                await resumable(client, handle)
                assert gemini.sessions[1].history == turns
            else:
                await client.send(
                    setup={"model": "models/gemini-3.8-live", "sessionResumption": {"handle": handle}}
                )
                error = await closed(client)
                assert error.rcvd is not None
                assert (error.rcvd.code, error.rcvd.reason) == (1008, "BidiGenerateContent session not found")
