"""Our session with the simulated ElevenLabs Agents: the agent made, greeting, question, barge-in, tool."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from bench.scenarios.agent import AgentScript, CallTool, Reply, Speak, Turn
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.sound import mulaw
from providers import session as p
from providers.codec import Codec
from providers.connection import ProviderSession, connect
from providers.directory import Access, ProviderDirectory
from providers.socket import AiohttpConnector
from tests.bench.sounds import clip

pytestmark = pytest.mark.virtual_time(wall=True)

GREETING = clip(900, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(3000, 12, "Yes, on Saturday we are open from nine to one.")
BOOKED = clip(700, 13, "Booked for nine.")
CALLER = clip(800, 21).sound
QUIET = mulaw.silence(600)
FRAME = 160
TAIL = 64
"""Bytes a conversion may add or keep at the end."""

BOOK = p.ToolDefinition(
    "book",
    "Books an appointment.",
    {"type": "object", "properties": {"hour": {"type": "integer", "minimum": 9}}, "required": ["hour"]},
)
CONFIG = p.SessionConfig(
    "Answer for a dentist.", "marin", greeting=GREETING.text, tools=(BOOK,), language="en"
)
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=100),),
    turns=(
        Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),
        Turn("At nine then.", Reply((CallTool("book", {"hour": 9}),), then=Reply((Speak(BOOKED),)))),
    ),
)


class Line:
    """The caller's end: sends sound in frames at its own pace, keeps every event."""

    def __init__(self, session: ProviderSession) -> None:
        self.session = session
        self.events: list[p.Event] = []
        self._more = asyncio.Event()

    async def read(self) -> None:
        async for events in self.session.events():
            self.events += events
            self._more.set()

    async def until(self, holds: Callable[["Line"], object], limit_s: float = 20) -> None:
        async with asyncio.timeout(limit_s):
            while not holds(self):
                self._more.clear()
                await self._more.wait()

    async def speak(self, sound: bytes) -> None:
        for at in range(0, len(sound), FRAME):
            self.session.put_audio(base64.b64encode(sound[at : at + FRAME]).decode())
            await self.session.flush()
            await asyncio.sleep(0.02)

    async def send(self, command: p.Command) -> None:
        self.session.put(command)
        await self.session.flush()

    def of(self, kind: type[p.Event]) -> list[p.Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def texts(self, kind: type[p.AgentText] | type[p.CallerText]) -> list[str | None]:
        return [event.text for event in self.events if isinstance(event, kind)]

    def sound(self, item_id: str) -> bytes:
        return b"".join(
            base64.b64decode(event.payload)
            for event in self.events
            if isinstance(event, p.AgentAudio) and event.item_id == item_id
        )


@asynccontextmanager
async def directory(
    simulator: ElevenLabsSimulator, key: str | None = None
) -> AsyncIterator[ProviderDirectory]:
    made = ProviderDirectory({"elevenlabs": Access(key or simulator.config.api_key, simulator.url)})
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def talking(codec: Codec) -> AsyncIterator[Line]:
    async with (
        aiohttp.ClientSession() as client,
        connect(AiohttpConnector(client), codec) as session,
        asyncio.TaskGroup() as tasks,
    ):
        line = Line(session)
        reading = tasks.create_task(line.read(), name="read")
        yield line
        reading.cancel()
        assert not session.unknown


@asynccontextmanager
async def call(
    config: p.SessionConfig = CONFIG, speed: float = 4.0
) -> AsyncIterator[tuple[ElevenLabsSimulator, Line]]:
    async with (
        ElevenLabsSimulator(ElevenLabsConfig(speed=speed), SCRIPT) as simulator,
        directory(simulator) as providers,
        talking(await providers.codec("elevenlabs", config)) as line,
    ):
        yield simulator, line


async def test_greeting_question_and_tool() -> None:
    async with call() as (simulator, line):
        await line.until(lambda line: line.of(p.AgentAudio))
        await asyncio.sleep(2)
        assert line.of(p.SessionOpened)
        await line.speak(CALLER + QUIET)
        await line.until(lambda line: len(line.of(p.ResponseEnded)) == 2)
        await asyncio.sleep(3)  # until the answer has been heard
        await line.speak(CALLER + QUIET)
        await line.until(lambda line: line.of(p.ToolRequested))
        (asked,) = line.of(p.ToolRequested)
        assert isinstance(asked, p.ToolRequested)
        assert (asked.name, json.loads(asked.arguments)) == ("book", {"hour": 9})
        await line.send(
            p.AnswerTool(asked.tool_call_id, '{"ok": true}', respond=True, instructions="Be brief.")
        )
        await line.until(lambda line: len(line.of(p.ResponseEnded)) == 3)
        assert line.texts(p.AgentText) == [GREETING.text, ANSWER.text, BOOKED.text]
        assert line.texts(p.CallerText) == ["Are you open on Saturday?", "At nine then."]
        for number, said in enumerate((GREETING, ANSWER, BOOKED), 1):
            assert line.sound(f"e1.a{number}") == said.sound
        assert not line.of(p.AnswerInterrupted)
        assert not line.of(p.ErrorReported)
        assert len(line.of(p.CallerSpeechStarted)) == len(line.of(p.CallerSpeechStopped)) == 2
        assert bytes(simulator.sessions[0].audio) == (CALLER + QUIET) * 2


async def test_the_caller_cuts_in() -> None:
    async with call(speed=1.0) as (_, line):
        await line.until(lambda line: line.of(p.AgentAudio))
        await asyncio.sleep(2)
        await line.speak(CALLER + QUIET)
        await line.until(lambda line: len(line.sound("e1.a2")) > 4000)
        await line.speak(CALLER + QUIET)
        await line.until(lambda line: len(line.texts(p.CallerText)) == 2)
        (cut,) = [event for event in line.of(p.ResponseEnded) if event.status == "cancelled"]  # type: ignore[union-attr]
        at = line.events.index(cut)
        assert line.events.index(p.AnswerInterrupted()) < at
        heard = line.sound("e1.a2")
        assert 0 < len(heard) < len(ANSWER.sound)
        assert heard == ANSWER.sound[: len(heard)]
        told = line.texts(p.AgentText)[1] or ""
        assert told
        assert told != ANSWER.text
        assert ANSWER.text.startswith(told)
        corrected = line.of(p.AgentTextCorrected)
        assert [event.item_id for event in corrected] == ["e1.a2"]  # type: ignore[union-attr]
        assert not [
            event
            for event in line.events[at:]
            if isinstance(event, p.AgentAudio) and event.item_id == "e1.a2"
        ]
        await line.send(p.Truncate("e1.a2", 500, told))
        await line.until(lambda line: line.of(p.ToolRequested))
        assert line.texts(p.CallerText) == ["Are you open on Saturday?", "At nine then."]


async def test_a_session_that_continues_is_told_what_was_said_and_waits() -> None:
    config = p.SessionConfig(
        "Answer for a dentist.", "marin", greeting=GREETING.text, continues=True, number=2
    )
    async with call(config) as (_, line):
        await line.until(lambda line: line.of(p.SessionOpened))
        await line.send(p.Remember((p.HistoryTurn("agent", GREETING.text), p.HistoryTurn("caller", "Hi."))))
        await asyncio.sleep(5)
        assert not line.of(p.ResponseStarted)
        await line.send(p.Respond("Say that you are back."))
        await line.until(lambda line: line.of(p.AgentAudio))
        assert not line.of(p.CallerSpeechStarted)
        assert line.sound("e2.a1")


@pytest.mark.parametrize("audio_format", ["pcm_8000", "pcm_16000", "pcm_24000"])
async def test_other_formats_an_agent_may_be_set_to(audio_format: str) -> None:
    async with (
        ElevenLabsSimulator(ElevenLabsConfig(), SCRIPT) as simulator,
        directory(simulator) as providers,
    ):
        await providers.codec("elevenlabs", CONFIG)
        (agent,) = simulator.workspace.agents.values()
        agent.config["tts"]["agent_output_audio_format"] = audio_format
        agent.config["asr"]["user_input_audio_format"] = audio_format
        async with talking(await providers.codec("elevenlabs", CONFIG)) as line:
            await line.until(lambda line: line.of(p.AgentAudio))
            await asyncio.sleep(2)
            await line.speak(CALLER + QUIET)
            await line.until(lambda line: line.texts(p.CallerText))
        assert abs(len(line.sound("e1.a1")) - len(GREETING.sound)) <= TAIL
        assert abs(len(simulator.sessions[0].audio) - len(CALLER + QUIET)) <= TAIL
