"""Whole conversations with the simulated Agents platform through the official SDK."""

import asyncio
import contextlib
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from elevenlabs import ElevenLabs
    from elevenlabs.conversational_ai.conversation import (
        AsyncAudioInterface,
        AsyncConversation,
        AudioEventAlignment,
        ClientTools,
        ConversationInitiationData,
        DisconnectionDetails,
    )

from bench.scenarios.agent import AgentScript, CallTool, CloseSocket, Fault, Reply, Speak, Turn
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.sound import mulaw
from tests.bench.elevenlabs_client import agent, client_tool, log_of
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(700, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "Yes, on Saturday we are open from nine to one.")
GOODBYE = clip(600, 13, "You are booked. Goodbye!")
CALLER = noise(600, 21)
PAUSE = mulaw.silence(700)
OPEN = Turn("Are you open on Saturday?", Reply((Speak(ANSWER),), thinks_ms=100))
BOOK = Turn("Book it.", Reply((CallTool("book", {"day": "Saturday"}),), then=Reply((Speak(GOODBYE),))))


@pytest.fixture(autouse=True)
def _sdk_does_not_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="elevenlabs.conversational_ai.conversation")


class Phone(AsyncAudioInterface):
    """Plays what the caller says when told to, and keeps what the agent says."""

    def __init__(self) -> None:
        self.played = b""
        self.interruptions: list[int] = []
        """How much had been played at each interruption, in bytes."""
        self.started = asyncio.Event()
        self.stopped = False

    async def start(self, input_callback: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = input_callback
        self.started.set()

    async def stop(self) -> None:
        self.stopped = True

    async def output(self, audio: bytes) -> None:
        self.played += audio

    async def interrupt(self) -> None:
        self.interruptions.append(len(self.played))

    async def speak(self, sound: bytes) -> None:
        await self.started.wait()
        for position in range(0, len(sound), mulaw.FRAME_BYTES):
            await self._send(sound[position : position + mulaw.FRAME_BYTES])
            await asyncio.sleep(mulaw.FRAME_MS / 1000)


class Notes:
    """What the SDK's callbacks were told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.corrections: list[tuple[str, str]] = []
        self.chars = ""
        self.disconnection: DisconnectionDetails | None = None

    def callbacks(self) -> dict[str, Any]:
        async def agent_said(text: str) -> None:
            self.said.append(("agent", text))

        async def caller_said(text: str) -> None:
            self.said.append(("caller", text))

        async def corrected(original: str, text: str) -> None:
            self.corrections.append((original, text))

        async def aligned(alignment: AudioEventAlignment) -> None:
            self.chars += "".join(alignment.chars)

        async def disconnected(details: DisconnectionDetails) -> None:
            self.disconnection = details

        return {
            "callback_agent_response": agent_said,
            "callback_user_transcript": caller_said,
            "callback_agent_response_correction": corrected,
            "callback_audio_alignment": aligned,
            "callback_disconnect": disconnected,
        }


@contextlib.asynccontextmanager
async def conversation(
    elevenlabs: ElevenLabsSimulator, agent_id: str, notes: Notes, requires_auth: bool = False, **options: Any
) -> AsyncIterator[AsyncConversation]:
    """A conversation through the SDK, ended at the end."""
    with httpx.Client() as http:
        talk = AsyncConversation(
            ElevenLabs(base_url=elevenlabs.url, api_key="xi-simulated", httpx_client=http),
            agent_id,
            requires_auth=requires_auth,
            **{"client_tools": ClientTools(loop=asyncio.get_running_loop()), **options},
            **notes.callbacks(),
        )
        await talk.start_session()
        yield talk
        await talk.end_session()
        conversation_id = await talk.wait_for_session_end()
        assert conversation_id == log_of(elevenlabs).conversation_id


def simulator(*turns: Turn, faults: tuple[Fault, ...] = (), **options: Any) -> ElevenLabsSimulator:
    greeting = Reply((Speak(GREETING),), thinks_ms=50)
    script = AgentScript(prompted=(greeting,), turns=turns, faults=faults)
    return ElevenLabsSimulator(ElevenLabsConfig(**options), script)


async def test_a_whole_conversation_with_a_tool() -> None:
    phone, notes, booked = Phone(), Notes(), []

    async def book(parameters: dict[str, Any]) -> str:
        booked.append(parameters["day"])
        return "done"

    async with simulator(OPEN, BOOK) as elevenlabs:
        tools = ClientTools(loop=asyncio.get_running_loop())
        tools.register("book", book, is_async=True)
        agent_id = agent(
            elevenlabs,
            first_message="",
            tools=[client_tool("book")],
            auth=True,
            overrides={"agent": {"first_message": True}},
        )
        config = ConversationInitiationData(
            conversation_config_override={"agent": {"first_message": "Hello {{name}}!"}},
            dynamic_variables={"name": "Ann"},
        )
        async with conversation(
            elevenlabs,
            agent_id,
            notes,
            requires_auth=True,
            audio_interface=phone,
            client_tools=tools,
            config=config,
            user_id="u1",
        ) as talk:
            await phone.speak(mulaw.silence(1000) + CALLER + PAUSE + mulaw.silence(2500))
            assert phone.played == GREETING.sound + ANSWER.sound
            await talk.send_contextual_update("The caller is in Bath.")
            await phone.speak(CALLER + PAUSE + mulaw.silence(1500))
            await talk.register_user_activity()
            await phone.speak(mulaw.silence(100))
        log = log_of(elevenlabs)
        assert notes.said == [
            ("agent", GREETING.text),
            ("caller", OPEN.hears),
            ("agent", ANSWER.text),
            ("caller", BOOK.hears),
            ("agent", GOODBYE.text),
        ]
        assert phone.played == GREETING.sound + ANSWER.sound + GOODBYE.sound
        assert notes.chars == GREETING.text + ANSWER.text + GOODBYE.text
        assert (booked, notes.corrections, phone.interruptions) == (["Saturday"], [], [])
        assert log.tool_results == [{"tool": "book", "result": "done", "is_error": False}]
        assert log.context == ["The caller is in Bath."]
        assert log.authorized_by == "signed_url"
        assert log.config["agent"]["first_message"] == "Hello Ann!"
        assert log.received[0].event["source_info"]["source"] == "python_sdk"
        assert bytes(log.audio).count(CALLER) == 2
        assert len(log.audio) == mulaw.BYTES_PER_MS * 7700
        assert notes.disconnection == DisconnectionDetails(reason="user")
        assert [pong["event_id"] for pong in log.received_of("pong")][:3] == [1, 2, 3]
        assert log.ended_by == "client"
    assert phone.stopped


async def test_the_caller_interrupts() -> None:
    phone, notes = Phone(), Notes()
    async with simulator(OPEN, BOOK, speed=2) as elevenlabs:
        agent_id = agent(elevenlabs, tools=[client_tool("book")])
        async with conversation(elevenlabs, agent_id, notes, audio_interface=phone):
            await phone.speak(mulaw.silence(1000) + CALLER + PAUSE + CALLER + PAUSE)
        (cut,) = phone.interruptions
        assert cut < len(GREETING.sound + ANSWER.sound)
        assert phone.played == (GREETING.sound + ANSWER.sound)[:cut]
        ((original, corrected),) = notes.corrections
        assert original == ANSWER.text
        assert ANSWER.text.startswith(corrected.removesuffix("..."))


async def test_a_text_message_and_no_audio() -> None:
    notes = Notes()
    async with simulator() as elevenlabs:
        agent_id = agent(elevenlabs, first_message="")
        async with conversation(elevenlabs, agent_id, notes) as talk:
            await asyncio.sleep(1)
            await talk.send_user_message("Say hello.")
            await asyncio.sleep(5)
            assert notes.said == [("agent", GREETING.text)]
            assert log_of(elevenlabs).unanswered_pings == 0
            assert log_of(elevenlabs).received_of("pong")


async def test_a_tool_of_the_client_that_fails() -> None:
    phone, notes = Phone(), Notes()
    async with simulator(BOOK) as elevenlabs:
        agent_id = agent(elevenlabs, first_message="", tools=[client_tool("book")])
        async with conversation(elevenlabs, agent_id, notes, audio_interface=phone):
            await phone.speak(CALLER + PAUSE + mulaw.silence(2000))
        (result,) = log_of(elevenlabs).tool_results
        assert (result["is_error"], result["result"]) == (True, "Tool 'book' is not registered")
        assert log_of(elevenlabs).sent_of("agent_tool_response")[0]["agent_tool_response"]["is_error"] is True
        assert notes.said[-1] == ("agent", GOODBYE.text)


@pytest.mark.parametrize(("code", "reason"), [(1000, "agent"), (1011, "error")])
async def test_how_the_client_learns_of_the_end(code: int, reason: str) -> None:
    phone, notes = Phone(), Notes()
    fault = Fault("greeting", CloseSocket(code, "over"), after_ms=300)
    async with simulator(faults=(fault,)) as elevenlabs:
        async with conversation(elevenlabs, agent(elevenlabs), notes, audio_interface=phone):
            await asyncio.sleep(5)
        assert notes.disconnection is not None
        assert notes.disconnection.reason == reason
        assert (notes.disconnection.close_code, notes.disconnection.close_reason) == (code, "over")
        assert 300 * 8 <= len(phone.played) < 700 * 8


async def test_an_override_that_is_not_allowed() -> None:
    phone, notes = Phone(), Notes()
    config = ConversationInitiationData(conversation_config_override={"agent": {"language": "de"}})
    async with simulator() as elevenlabs:
        agent_id = agent(elevenlabs)
        with contextlib.suppress(AssertionError):  # no conversation id was ever told
            async with conversation(elevenlabs, agent_id, notes, audio_interface=phone, config=config):
                await asyncio.sleep(1)
        assert notes.disconnection is not None
        assert notes.disconnection.close_code == 1008
        assert notes.disconnection.close_reason == "Override for field 'language' is not allowed by config."
