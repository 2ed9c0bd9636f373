"""One conversation: reads what the client sends, hears the caller, follows the scenario.

Source: `elevenlabs/packages`, packages/types/schemas/agent.asyncapi.yaml, and elevenlabs-python 2.78.0
(`conversational_ai/conversation.py`), read 2026-11.
"""

import asyncio
import base64
import binascii
import itertools
from typing import Any

from aiohttp import WSMsgType, web

from bench.scenarios.agent import AgentScript
from bench.simulators.elevenlabs.channel import Channel, SessionEnded
from bench.simulators.elevenlabs.client_messages import (
    ClientMessage,
    ContextualUpdate,
    Feedback,
    Initiation,
    Multimodal,
    Pong,
    ToolApproval,
    ToolResult,
    UserActivity,
    UserAudio,
    UserMessage,
    read_message,
)
from bench.simulators.elevenlabs.conversation_log import ConversationLog
from bench.simulators.elevenlabs.failures import ConversationFailure, bad_message
from bench.simulators.elevenlabs.hearing import Hearing
from bench.simulators.elevenlabs.limits import Attention, Pings, SilenceWatch, watch_duration, watch_input
from bench.simulators.elevenlabs.overrides import config_for
from bench.simulators.elevenlabs.playback import Playback
from bench.simulators.elevenlabs.record import ConversationRecord
from bench.simulators.elevenlabs.reply_desk import ReplyDesk
from bench.simulators.elevenlabs.response_run import Workshop
from bench.simulators.elevenlabs.tool_desk import ToolDesk
from bench.simulators.elevenlabs.workspace import Agent, Workspace
from bench.simulators.pulse import Pulse
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.session_log import Logged
from bench.simulators.speech.turns import TurnKeeper
from bench.simulators.speech.voice_activity import SpeechStarted, SpeechStopped

Json = dict[str, Any]


class AgentConversation:
    """One conversation with an agent.

    Args:
        socket: the connection.
        channel: its sending side.
        log: where it is written down.
        workspace: the account.
        agent: who is talked to.
        script: the agent's side of the scenario.
        faults: what goes wrong in this conversation.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        channel: Channel,
        log: ConversationLog,
        workspace: Workspace,
        agent: Agent,
        script: AgentScript,
        faults: FaultPlan,
    ) -> None:
        self._socket = socket
        self._channel = channel
        self._log = log
        self._workspace = workspace
        self._agent = agent
        self._faults = faults
        self._turns = TurnKeeper(script)
        self._tasks = asyncio.TaskGroup()
        self._playback = Playback()
        self._attention = Attention(Pulse())
        self._pings = Pings(channel, workspace.config, log)
        self._turn_is_ignored = False
        self._event_ids = itertools.count(1)

    async def run(self) -> None:
        """Serve the connection to its end."""
        try:
            async with self._tasks:
                await self._serve()
        except* SessionEnded:
            pass
        record = self._workspace.conversations.get(self._log.conversation_id)
        if record is not None:
            reason = self._log.ended_by or "client"
            record.end(asyncio.get_running_loop().time(), reason, self._channel.error)

    async def _serve(self) -> None:
        try:
            await self._begin()
            while True:
                await self._take(*await self._receive())
        except ConversationFailure as failure:
            self._log.rejections.append(failure.message)
            await self._channel.fail(failure)

    async def _receive(self) -> tuple[ClientMessage, Json]:
        message = await self._socket.receive()
        match message.type:
            case WSMsgType.TEXT:
                read, raw = read_message(message.data)
            case WSMsgType.BINARY:
                raise bad_message("Messages must be text.")
            case _:
                raise SessionEnded
        if not isinstance(read, UserAudio):
            self._log.received.append(Logged(asyncio.get_running_loop().time(), raw))
        return read, raw

    async def _begin(self) -> None:
        config = self._workspace.config
        try:
            async with asyncio.timeout(config.receive_timeout_s):
                first, raw = await self._receive()
        except TimeoutError as error:
            message = f"No user input received for {config.receive_timeout_s:g} seconds."
            raise ConversationFailure(1002, "transport_receive_timeout", message) from error
        if not isinstance(first, Initiation):
            raise bad_message("The first message must be conversation_initiation_client_data.")
        action = self._faults.due("session")
        if action is not None:
            await self._channel.suffer(action)
        allowed = self._agent.platform_settings.get("overrides") or {}
        settings = config_for(self._agent.config, allowed, first)
        self._set_up(settings, raw)
        await self._announce(settings)
        self._attention.note_caller(speaks=False)
        self._start_watches(settings)
        if settings["agent"]["first_message"] and not self._channel.mute:
            self._replies.start(self._turns.answer(), is_first_message=True)

    def _set_up(self, settings: Json, initiation: Json) -> None:
        loop_time, ids = asyncio.get_running_loop().time(), self._workspace.ids
        prompt = settings["agent"]["prompt"]
        record = ConversationRecord(
            self._log.conversation_id,
            self._agent.id,
            self._agent.name,
            loop_time,
            self._workspace.now(),
            self._log.authorized_by,
            settings,
            {name: value for name, value in initiation.items() if name != "type"},
        )
        self._workspace.conversations[record.id] = record
        self._record = record
        tools = self._workspace.tools_of(prompt)
        self._tools = ToolDesk(self._channel, self._log, ids, tools, prompt.get("built_in_tools") or {})
        shop = Workshop(
            self._channel,
            self._workspace.config,
            settings,
            self._faults,
            ids,
            self._playback,
            self._tools,
            record,
            lambda: next(self._event_ids),
        )
        self._replies = ReplyDesk(shop, self._turns, self._tasks, self._attention.changed)
        self._hearing = Hearing(settings)
        self._log.config = settings
        self._channel.wanted = frozenset(settings["conversation"]["client_events"])

    async def _announce(self, settings: Json) -> None:
        event = {
            "conversation_id": self._record.id,
            "agent_output_audio_format": settings["tts"]["agent_output_audio_format"],
            "user_input_audio_format": settings["asr"]["user_input_audio_format"],
        }
        await self._channel.send(
            "conversation_initiation_metadata", conversation_initiation_metadata_event=event
        )

    def _start_watches(self, settings: Json) -> None:
        silence = SilenceWatch(
            self._channel, settings, self._attention, self._playback, self._replies, self._turns
        )
        self._tasks.create_task(self._pings.run(), name="pings")
        self._tasks.create_task(silence.run(), name="silence watch")
        self._tasks.create_task(watch_duration(self._channel, settings), name="duration watch")
        timeout_s = self._workspace.config.receive_timeout_s
        self._tasks.create_task(watch_input(self._channel, self._attention, timeout_s), name="input watch")

    async def _take(self, message: ClientMessage, raw: Json) -> None:
        match message:
            case UserAudio(user_audio_chunk=chunk):
                self._attention.note_input()
                await self._hear(chunk)
            case UserMessage(text=text):
                await self._read_text(text)
            case Multimodal(text=inner):
                await self._read_text(inner.text if inner is not None else None)
            case UserActivity():
                self._attention.note_input()
                self._attention.note_caller(self._attention.caller_speaks)
            case ContextualUpdate(text=text):
                self._log.context.append(text)
            case ToolResult():
                self._tools.take(message)
            case Pong(event_id=event_id):
                self._pings.take_pong(event_id)
            case Feedback() | ToolApproval():
                pass
            case Initiation():
                raise bad_message(f"{raw['type']} may be sent only once.")

    async def _hear(self, chunk: str) -> None:
        try:
            data = base64.b64decode(chunk, validate=True)
        except binascii.Error as error:
            raise bad_message("user_audio_chunk must be base64.") from error
        sound, noticed = self._hearing.take(data)
        self._record.heard_ms = self._hearing.heard_ms
        self._log.audio += sound
        self._log.audio_arrivals.append((asyncio.get_running_loop().time(), len(sound)))
        for score in self._hearing.scores():
            await self._channel.send("vad_score", vad_score_event={"vad_score": score})
        for each in noticed:
            match each:
                case SpeechStarted():
                    await self._speech_started()
                case SpeechStopped():
                    await self._speech_stopped()

    async def _speech_started(self) -> None:
        self._attention.note_caller(speaks=True)
        self._turn_is_ignored = not self._replies.may_be_interrupted
        if not self._turn_is_ignored:
            await self._replies.interrupt()

    async def _speech_stopped(self) -> None:
        self._attention.note_caller(speaks=False)
        if self._turn_is_ignored:
            return
        await self._replies.interrupt()
        turn = self._turns.hear()
        self._replies.start(self._turns.answer(), heard=turn)

    async def _read_text(self, text: str | None) -> None:
        self._attention.note_input()
        if not text:
            return
        await self._replies.interrupt()
        self._record.say("user", text, asyncio.get_running_loop().time())
        self._replies.start(self._turns.answer())
