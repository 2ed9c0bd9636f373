"""One connection to the simulated Realtime API: reads client events, hears the caller, follows the scenario.

Source: OpenAI API reference, "Realtime client events" and "server events", and openai-python 3.54.0, read
2026-11.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bench.scenarios.agent import AgentScript, Expire, Turn
from bench.simulators.openai.channel import Channel
from bench.simulators.openai.client_events import check_event
from bench.simulators.openai.config import OpenAIConfig
from bench.simulators.openai.conversation import Conversation
from bench.simulators.openai.input_audio import InputAudio
from bench.simulators.openai.item_desk import ItemDesk
from bench.simulators.openai.rejection import Rejection
from bench.simulators.openai.response_desk import ResponseDesk
from bench.simulators.openai.response_run import Workshop
from bench.simulators.openai.settings import SessionSettings
from bench.simulators.openai.transcription import transcribe
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.line import SessionEnded
from bench.simulators.speech.session_log import Logged, SessionLog
from bench.simulators.speech.turns import TurnKeeper
from bench.simulators.speech.voice_activity import SpeechStarted, SpeechStopped

Json = dict[str, Any]
Handler = Callable[[Json], Awaitable[None]]


class RealtimeSession:
    """One session.

    Args:
        socket: the connection.
        log: where it is written down.
        config: the simulator's.
        script: the agent's side of the scenario.
        ids: makes identifiers.
        faults: what goes wrong in this session.
        expires_at: Unix time shown as the session's end.
    """

    def __init__(
        self,
        socket: ServerConnection,
        log: SessionLog,
        config: OpenAIConfig,
        script: AgentScript,
        ids: IdSource,
        faults: FaultPlan,
        expires_at: int,
    ) -> None:
        self._socket = socket
        self._log = log
        self._config = config
        self._ids = ids
        self._faults = faults
        self._channel = Channel(socket, log, ids, config.send_timeout_s)
        self._settings = SessionSettings(ids.new("sess"), log.model, expires_at)
        self._input = InputAudio(self._settings)
        self._turns = TurnKeeper(script)
        conversation = Conversation()
        self._items = ItemDesk(self._channel, conversation, ids)
        shop = Workshop(self._channel, conversation, self._settings, ids, config, faults, ids.new("conv"))
        self._tasks = asyncio.TaskGroup()
        self._responses = ResponseDesk(shop, self._turns, self._tasks)
        self._idle_from_ms: float | None = None
        self._handlers: dict[str, Handler] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._items.create,
            "conversation.item.delete": self._items.delete,
            "conversation.item.retrieve": self._items.retrieve,
            "conversation.item.truncate": self._items.truncate,
            "response.create": self._responses.create,
            "response.cancel": self._responses.cancel,
        }

    async def run(self) -> None:
        """Serve the connection to its end."""
        try:
            async with self._tasks:
                await self._begin()
                self._tasks.create_task(self._expire(), name="session expiry")
                await self._read()
                raise SessionEnded
        except* SessionEnded:
            pass
        await self._socket.wait_closed()
        self._log.close_code = self._socket.close_code
        self._log.ended_by = self._log.ended_by or "client"

    async def _begin(self) -> None:
        action = self._faults.due("session")
        if action is not None:
            await self._channel.suffer(action)
        await self._channel.send("session.created", session=self._settings.view())

    async def _expire(self) -> None:
        await asyncio.sleep(self._config.max_session_s)
        await self._channel.suffer(Expire())

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                await self._take(text)
                if self._channel.stalled:
                    await self._socket.wait_closed()
        except ConnectionClosed:
            pass

    async def _take(self, text: str | bytes) -> None:
        event_id: object = None
        try:
            event = _decode(text)
            event_id = event.get("event_id")
            if event.get("type") != "input_audio_buffer.append":
                self._log.received.append(Logged(asyncio.get_running_loop().time(), event))
            await self._handlers[check_event(event)](event)
        except Rejection as rejection:
            await self._channel.reject(rejection, event_id if isinstance(event_id, str) else None)

    async def _update(self, event: Json) -> None:
        self._settings.update(event["session"], self._responses.audio_was_sent)
        self._input.configure()
        await self._channel.send("session.updated", session=self._settings.view())

    async def _append(self, event: Json) -> None:
        sound, noticed = self._input.append(event["audio"])
        self._log.audio += sound
        self._log.audio_arrivals.append((asyncio.get_running_loop().time(), len(sound)))
        for each in noticed:
            match each:
                case SpeechStarted():
                    await self._speech_started(each)
                case SpeechStopped():
                    await self._speech_stopped(each)
        await self._maybe_idle()

    async def _speech_started(self, speech: SpeechStarted) -> None:
        item_id = self._input.name_utterance(self._ids.new("item"), speech.audio_start_ms)
        await self._channel.send(
            "input_audio_buffer.speech_started", audio_start_ms=speech.audio_start_ms, item_id=item_id
        )
        if (self._settings.turn_detection or {}).get("interrupt_response"):
            await self._responses.interrupt("turn_detected")

    async def _speech_stopped(self, speech: SpeechStopped) -> None:
        item_id = self._input.item_id
        await self._channel.send(
            "input_audio_buffer.speech_stopped", audio_end_ms=speech.audio_end_ms, item_id=item_id
        )
        await self._take_utterance()
        if not (self._settings.turn_detection or {}).get("create_response"):
            return
        if self._responses.active:
            raise self._responses.busy()
        self._responses.start_planned(self._turns.answer())

    async def _commit(self, _event: Json) -> None:
        await self._take_utterance()

    async def _take_utterance(self) -> None:
        item_id = self._input.item_id or self._ids.new("item")
        audio_ms = self._input.commit()
        await self._items.add_utterance(item_id, audio_ms)
        turn = self._turns.hear()
        self._idle_from_ms = None
        if self._settings.transcribes:
            self._tasks.create_task(
                self._transcribe(item_id, turn, audio_ms), name=f"transcription {item_id}"
            )

    async def _transcribe(self, item_id: str, turn: Turn, audio_ms: float) -> None:
        await asyncio.sleep(self._config.transcribe_ms / 1000)
        if turn.transcript == "after":
            await self._responses.wait_none_active()
        await transcribe(self._channel, item_id, turn, audio_ms, self._config.transcript_deltas)
        if turn.transcript in ("before", "after"):
            self._items.set_transcript(item_id, turn.hears)

    async def _clear(self, _event: Json) -> None:
        self._input.clear()
        await self._channel.send("input_audio_buffer.cleared")

    async def _maybe_idle(self) -> None:
        timeout_ms = (self._settings.turn_detection or {}).get("idle_timeout_ms")
        last_audio_ms = self._responses.last_audio_ms
        if timeout_ms is None or last_audio_ms is None or self._input.speaking:
            self._idle_from_ms = None
            return
        if self._idle_from_ms is None:
            # What was sent faster than real time is still being played to the caller.
            ahead_ms = last_audio_ms * (1 - 1 / self._config.speed)
            self._idle_from_ms = self._input.received_ms + ahead_ms
        if self._input.received_ms - self._idle_from_ms >= timeout_ms:
            await self._prompt_silent_caller(self._idle_from_ms)

    async def _prompt_silent_caller(self, silent_from_ms: float) -> None:
        self._idle_from_ms = None
        item_id = self._ids.new("item")
        await self._channel.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=int(silent_from_ms),
            audio_end_ms=int(self._input.received_ms),
            item_id=item_id,
        )
        await self._items.add_utterance(item_id, self._input.received_ms - silent_from_ms)
        self._input.clear()
        self._responses.start_planned(self._turns.answer_idle())


def _decode(text: str | bytes) -> Json:
    try:
        event = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejection("invalid_json", f"Could not parse event as JSON: {error}") from error
    if not isinstance(event, dict):
        raise Rejection("invalid_event", "An event must be a JSON object.")
    return event
