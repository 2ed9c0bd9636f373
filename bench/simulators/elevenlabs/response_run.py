"""One response of the agent: its text, its audio, the tools it asks for.

Source: agent.asyncapi.yaml ("AgentResponseData", "AudioEventData", "AgentChatResponsePartData"), read
2026-11; the text comes with the first audio, in full; `agent_response_complete` (in the SDK's list of events,
not in that document) has an `event_id` as recorded by clients in public repositories.
"""

import asyncio
import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.scenarios.agent import CallTool, Speak
from bench.scenarios.clip import Clip
from bench.simulators.elevenlabs.channel import Channel
from bench.simulators.elevenlabs.config import ElevenLabsConfig
from bench.simulators.elevenlabs.playback import Playback, Speech
from bench.simulators.elevenlabs.record import ConversationRecord
from bench.simulators.elevenlabs.resampling import SoundWriter
from bench.simulators.elevenlabs.tool_desk import END_CALL, PendingCall, ToolDesk
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.speech_plan import Chunk, plan_speech, split_words
from bench.simulators.speech.turns import PlannedReply

Json = dict[str, Any]

_CHAT_PARTS = 4


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a response works with: the parts of its conversation.

    Args:
        settings: the agent's conversation config as it is in this conversation.
        next_event_id: counts the conversation's turns.
    """

    channel: Channel
    config: ElevenLabsConfig
    settings: Json
    faults: FaultPlan
    ids: IdSource
    playback: Playback
    tools: ToolDesk
    record: ConversationRecord
    next_event_id: Callable[[], int]


@dataclass(slots=True)
class ResponseRun:
    """A response in progress.

    Args:
        shop: the conversation's parts.
        planned: what it is to be.
        is_first_message: the agent opens the conversation with it.
    """

    shop: Workshop
    planned: PlannedReply
    is_first_message: bool = False
    calls: list[PendingCall] = field(default_factory=list)
    """Tools it waits for."""
    calls_tools: bool = False
    """Whether it asked for a tool the agent has."""
    ends_call: bool = False
    """Whether it asked the service to hang up."""
    _event_id: int = 0
    _audio_ms: float = 0.0
    _due_s: float = 0.0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def stopped(self) -> bool:
        """Whether it was cut short."""
        return self._stop.is_set()

    @property
    def may_be_interrupted(self) -> bool:
        """Whether the caller's voice cuts it short."""
        return not (
            self.is_first_message and self.shop.settings["agent"]["disable_first_message_interruptions"]
        )

    def stop(self) -> None:
        """Cut it short."""
        self._stop.set()

    async def run(self) -> None:
        """Send the whole response, up to the point where it waits for tools.

        Raises:
            ConversationFailure, SessionEnded: the conversation ended meanwhile.
        """
        self._due_s = asyncio.get_running_loop().time()
        await self._pause(self.planned.reply.thinks_ms)
        clips = [item.clip for item in self.planned.reply.items if isinstance(item, Speak)]
        if self.stopped or not self.planned.reply.items:
            return
        self._event_id = self.shop.next_event_id()
        if clips:
            await self._say(" ".join(clip.text for clip in clips))
        for item in self.planned.reply.items:
            if self._stop.is_set():
                break
            match item:
                case Speak(clip=clip):
                    await self._speak(clip, is_first=clip is clips[0])
                case CallTool(tool=tool, arguments=arguments):
                    await self._call(tool, arguments)
        await self._maybe_fail()
        config = self.shop.config
        completes = config.completes_first_message or not self.is_first_message
        if clips and config.sends_complete and completes and not self._stop.is_set():
            await self.shop.channel.send(
                "agent_response_complete", agent_response_complete_event={"event_id": self._event_id}
            )

    async def wait_for_transcript(self) -> None:
        """Let the time pass that transcribing takes, unless it is cut short."""
        self._due_s = asyncio.get_running_loop().time()
        await self._pause(self.shop.config.transcribe_ms)

    async def _pause(self, ms: float) -> None:
        self._due_s += ms / 1000
        try:
            async with asyncio.timeout_at(self._due_s):
                await self._stop.wait()
        except TimeoutError:
            pass

    async def _say(self, text: str) -> None:
        channel, response_id = self.shop.channel, self.shop.ids.new("resp")
        line = self.shop.record.say("agent", text, asyncio.get_running_loop().time())
        self.shop.playback.begin(Speech(self._event_id, response_id, text, line))
        place = {"event_id": self._event_id, "response_id": response_id}
        if self.shop.settings["conversation"]["text_only"]:
            parts = [
                ("start", ""),
                *(("delta", piece) for piece in split_words(text, _CHAT_PARTS)),
                ("stop", ""),
            ]
            for kind, piece in parts:
                part = {"text": piece, "type": kind, **place}
                await channel.send("agent_chat_response_part", text_response_part=part)
        await channel.send("agent_response", agent_response_event={"agent_response": text, **place})

    async def _speak(self, clip: Clip, is_first: bool) -> None:
        if self.shop.settings["conversation"]["text_only"]:
            return
        writer = SoundWriter(self.shop.settings["tts"]["agent_output_audio_format"])
        text = clip.text if is_first else f" {clip.text}"
        for chunk in plan_speech(text, clip.sound, self.shop.config.chunk_bytes):
            await self._maybe_fail()
            await self._pause(0)
            if self.stopped:
                break
            await self._send_chunk(chunk, writer)

    async def _send_chunk(self, chunk: Chunk, writer: SoundWriter) -> None:
        self.shop.playback.add(asyncio.get_running_loop().time(), chunk.duration_ms, chunk.words)
        event: Json = {
            "audio_base_64": base64.b64encode(writer.write(chunk.sound)).decode(),
            "event_id": self._event_id,
        }
        if chunk.words:
            event["alignment"] = _alignment("".join(chunk.words), chunk.duration_ms)
        await self.shop.channel.send("audio", audio_event=event)
        self._audio_ms += chunk.duration_ms
        self.shop.record.spoken_ms += chunk.duration_ms
        self._due_s += chunk.duration_ms / 1000 / self.shop.config.speed

    async def _call(self, tool: str, arguments: Any) -> None:
        call = await self.shop.tools.call(tool, arguments, self._event_id)
        self.calls_tools = self.calls_tools or self.shop.tools.has(tool)
        if call is not None:
            self.calls.append(call)
        if tool == END_CALL and self.shop.tools.has_system_tool(tool):
            self.ends_call = True

    async def _maybe_fail(self) -> None:
        action = self.shop.faults.due(self.planned.moment, self.planned.turn, self._audio_ms)
        if action is not None:
            await self.shop.channel.suffer(action)


def _alignment(text: str, duration_ms: float) -> Json:
    """Return when each character is said, evenly spread over a chunk."""
    edges = [round(index * duration_ms / len(text)) for index in range(len(text) + 1)]
    return {
        "chars": list(text),
        "char_start_times_ms": edges[:-1],
        "char_durations_ms": [after - before for before, after in itertools.pairwise(edges)],
    }
