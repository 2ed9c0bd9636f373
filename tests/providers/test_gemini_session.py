"""Whole sessions of our Gemini Live codec with the simulated service, over a socket."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import aiohttp
import numpy as np
import pytest

from bench.scenarios.agent import AgentScript, CallTool, Reply, Speak, Turn
from bench.simulators.gemini import GeminiConfig, GeminiSimulator
from bench.sound import mulaw
from providers import session as p
from providers.connection import ProviderSession, connect
from providers.gemini.codec import GeminiCodec
from providers.socket import AiohttpConnector
from tests.bench.sounds import clip as noisy
from tests.bench.sounds import noise, tone

pytestmark = pytest.mark.virtual_time

Kind = TypeVar("Kind")

GREETING = noisy(900, 11, "Willow Creek Dental, how can I help?")
ANSWER = noisy(2000, 12, "On Saturday we are open from nine to one.")
UTTERANCE = noise(800, 21) + mulaw.silence(700)
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=100), Reply((Speak(ANSWER),))),
    turns=(Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),) * 3,
)
CONFIG = p.SessionConfig("Answer for a dentist.", "Kore")


class Talk:
    """One session; keeps what it tells."""

    def __init__(self, session: ProviderSession) -> None:
        self.session = session
        self.told: list[p.Event] = []
        self._events = session.events()

    async def until(self, kind: type[Kind], count: int = 1) -> Kind:
        """Read until so many events of a kind were told, and return the last."""
        async with asyncio.timeout(200):
            while len(self.of(kind)) < count:
                self.told += await anext(self._events)
        return self.of(kind)[count - 1]

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.told if isinstance(event, kind)]

    def kinds(self, *wanted: type[Any]) -> list[str]:
        return [type(event).__name__ for event in self.told if isinstance(event, wanted)]

    def heard(self, item_id: str) -> bytes:
        pieces = [each.payload for each in self.of(p.AgentAudio) if each.item_id == item_id]
        return b"".join(base64.b64decode(each) for each in pieces)

    async def say(self, command: p.Command) -> None:
        self.session.put(command)
        await self.session.flush()

    async def speak(self, sound: bytes) -> None:
        """Speak in real time, in frames."""
        for at in range(0, len(sound), mulaw.FRAME_BYTES):
            self.session.put_audio(base64.b64encode(sound[at : at + mulaw.FRAME_BYTES]).decode())
            await self.session.flush()
            await asyncio.sleep(mulaw.FRAME_MS / 1000)


@contextlib.asynccontextmanager
async def talk(gemini: GeminiSimulator, config: p.SessionConfig = CONFIG) -> AsyncIterator[Talk]:
    codec = GeminiCodec(config, api_key=gemini.config.api_key, base_url=gemini.url)
    async with aiohttp.ClientSession() as client, connect(AiohttpConnector(client), codec) as session:
        talking = Talk(session)
        await talking.until(p.SessionOpened)
        yield talking
        assert not session.unknown
    for log in gemini.sessions:
        assert not log.rejections


@pytest.mark.parametrize("options", [{}, {"voice_activity": False, "interaction_status": False}])
async def test_a_greeting_a_question_and_its_answer(options: dict[str, Any]) -> None:
    async with GeminiSimulator(GeminiConfig(**options), SCRIPT) as gemini, talk(gemini) as agent:
        await agent.say(p.Respond("Greet the caller."))
        await agent.until(p.ResponseEnded)
        assert agent.of(p.AgentText)[0] == p.AgentText("g1.a1", GREETING.text)
        assert abs(len(agent.heard("g1.a1")) - len(GREETING.sound)) <= 52  # the filters' delay
        await agent.until(p.UsageCounted)
        await agent.speak(UTTERANCE)
        await agent.until(p.UsageCounted, 2)
    assert "".join(each.text for each in agent.of(p.AgentTextDelta)) == GREETING.text + ANSWER.text
    assert [each.text for each in agent.of(p.CallerText)] == ["Are you open on Saturday?"]
    assert agent.kinds(
        p.ResponseStarted,
        p.ResponseEnded,
        p.CallerSpeechStarted,
        p.CallerSpeechStopped,
        p.CallerText,
        p.AgentText,
    ) == [
        *("ResponseStarted", "AgentText", "ResponseEnded"),
        *("CallerSpeechStarted", "CallerSpeechStopped", "CallerText"),
        *("ResponseStarted", "AgentText", "ResponseEnded"),
    ]
    assert [each.status for each in agent.of(p.ResponseEnded)] == ["completed"] * 2
    assert all(counted.details["output_audio_tokens"] > 0 for counted in agent.of(p.UsageCounted))
    assert agent.of(p.SessionResumable)


async def test_the_voices_are_the_ones_that_spoke() -> None:
    voice = noisy(1000, 5)
    voice = type(voice)(voice.name, voice.text, tone(1000, 700.0))
    script = AgentScript(prompted=(Reply((Speak(voice),)),))
    async with GeminiSimulator(script=script) as gemini, talk(gemini) as agent:
        await agent.say(p.Respond())
        await agent.until(p.ResponseEnded)
        await agent.speak(tone(1000, 700.0, 100))
    for sound, amplitude in ((agent.heard("g1.a1"), 8000), (bytes(gemini.sessions[0].audio), 100)):
        middle = mulaw.decode(sound)[800:6400].astype(float)
        spectrum = np.abs(np.fft.rfft(middle)) * 2 / len(middle)
        assert int(np.argmax(spectrum)) == 490  # periods of 700 Hz in 0.7 s
        assert abs(spectrum[490] / amplitude - 1) < 0.05


@pytest.mark.parametrize("voice_activity", [True, False])
async def test_the_caller_cuts_in(voice_activity: bool) -> None:
    config = GeminiConfig(voice_activity=voice_activity)
    async with GeminiSimulator(config, SCRIPT) as gemini, talk(gemini) as agent:
        await agent.speak(UTTERANCE)
        await agent.until(p.AgentAudio)
        await agent.speak(UTTERANCE)
        await agent.until(p.ResponseEnded, 2)
    first, second = agent.of(p.ResponseEnded)
    assert (first.status, second.status) == ("cancelled", "completed")
    at = agent.told.index(p.AnswerInterrupted())
    assert [type(event).__name__ for event in agent.told[at + 1 : at + 4]] == [
        "AgentAudioDone",
        "AgentText",
        "ResponseEnded",
    ]
    cut, whole = agent.of(p.AgentText)
    assert whole.text == ANSWER.text
    assert cut.text != ANSWER.text
    assert ANSWER.text.startswith(cut.text)
    starts = [event.item_id for event in agent.of(p.CallerSpeechStarted)]
    assert starts == [event.item_id for event in agent.of(p.CallerText)] == ["g1.c1", "g1.c2"]
    assert [event.item_id for event in agent.of(p.CallerSpeechStopped)] == starts


async def test_a_tool() -> None:
    reply = Reply((Speak(GREETING), CallTool("look_up", {"day": "Saturday"})), then=Reply((Speak(ANSWER),)))
    script = AgentScript(turns=(Turn("Are you open on Saturday?", reply),))
    tool = p.ToolDefinition(
        "look_up", "Find out.", {"type": "object", "properties": {"day": {"type": "string"}}}
    )
    config = p.SessionConfig("", "", tools=(tool,))
    async with GeminiSimulator(script=script) as gemini, talk(gemini, config) as agent:
        await agent.speak(UTTERANCE)
        asked = await agent.until(p.ToolRequested)
        assert (asked.name, asked.arguments.replace(" ", "")) == ("look_up", '{"day":"Saturday"}')
        command = p.AnswerTool(asked.tool_call_id, '{"open": true}', respond=True, instructions="Be brief.")
        await agent.say(command)
        await agent.until(p.ResponseEnded, 2)
    (answered,) = gemini.sessions[0].received_of("toolResponse")
    (response,) = answered["toolResponse"]["functionResponses"]
    assert response["response"] == {"result": {"open": True}, "instructions": "Be brief."}
    assert [each.text for each in agent.of(p.AgentText)] == [GREETING.text, ANSWER.text]
    assert agent.kinds(p.AgentAudioDone, p.ToolRequested, p.ResponseEnded) == [
        *("AgentAudioDone", "ToolRequested", "ResponseEnded"),
        *("AgentAudioDone", "ResponseEnded"),
    ]


async def test_a_caller_who_speaks_while_a_tool_is_awaited() -> None:
    script = AgentScript(turns=(Turn("Look.", Reply((CallTool("look_up"),))), *SCRIPT.turns))
    config = p.SessionConfig("", "", tools=(p.ToolDefinition("look_up", "", {"type": "object"}),))
    async with GeminiSimulator(script=script) as gemini, talk(gemini, config) as agent:
        await agent.speak(UTTERANCE)
        asked = await agent.until(p.ToolRequested)
        await agent.speak(UTTERANCE)
        assert (await agent.until(p.ToolCancelled)).tool_call_id == asked.tool_call_id
        await agent.say(p.AnswerTool(asked.tool_call_id, "{}", respond=True))
        await agent.until(p.AgentText)
    assert gemini.sessions[0].received_of("toolResponse") == []


async def test_a_conversation_that_goes_on_in_another_session() -> None:
    turns = (p.HistoryTurn("agent", "Hello."), p.HistoryTurn("caller", "Are you open?"))
    async with GeminiSimulator(script=SCRIPT) as gemini:
        continued = p.SessionConfig("", "", continues=True, number=2)
        async with talk(gemini, continued) as agent:
            await agent.say(p.Remember(turns))
            await agent.say(p.Respond())
            await agent.until(p.ResponseEnded)
            handle = (await agent.until(p.SessionResumable)).handle
            assert len(agent.of(p.ResponseStarted)) == 1
        assert [each["role"] for each in gemini.sessions[0].history] == ["model", "user"]
        resumed = p.SessionConfig("", "", continues=True, resume_handle=handle, number=3)
        async with talk(gemini, resumed) as agent:
            await agent.say(p.Remember(()))
            await agent.speak(UTTERANCE)
            assert (await agent.until(p.AgentText)).item_id == "g3.a1"
        assert gemini.sessions[1].resumed_from == handle


async def test_a_session_that_is_to_end_says_so() -> None:
    config = GeminiConfig(max_connection_s=100.0, go_away_s=60.0)
    async with GeminiSimulator(config, SCRIPT) as gemini, talk(gemini) as agent:
        assert (await agent.until(p.SessionExpiring)).in_s == 60.0
        assert (await agent.until(p.SessionClosed)).code == 1011
