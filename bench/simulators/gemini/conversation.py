"""A session after its setup: hears the caller, reads the client, has the model answer.

Source: google-genai 3.4.0 (`types.py`, `live.py`) and Gemini API reference, "Live API - WebSockets API
reference", read 2026-11. Client content always interrupts the model ("a message here will interrupt any
current model generation"); realtime text counts as activity and does too. History given at the start may be
text only (recorded closes with 1007, pipecat changelog).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bench.scenarios.agent import Turn
from bench.simulators.gemini.channel import Channel
from bench.simulators.gemini.context import Context
from bench.simulators.gemini.course import Course
from bench.simulators.gemini.dialogue import Dialogue
from bench.simulators.gemini.input_audio import InputAudio, Noticed
from bench.simulators.gemini.model_turn import Workshop
from bench.simulators.gemini.rejection import INVALID, Rejection, invalid_argument
from bench.simulators.gemini.resumption import SavedSession
from bench.simulators.gemini.session_log import GeminiSessionLog
from bench.simulators.gemini.setup import Setup, check_tools, words_of
from bench.simulators.gemini.shared import Shared
from bench.simulators.gemini.tool_calls import ToolCalls
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.speech_plan import split_words
from bench.simulators.speech.turns import PlannedReply
from bench.simulators.speech.voice_activity import SpeechStarted, SpeechStopped
from bench.sound import mulaw

Json = dict[str, Any]

_CHUNKS_GONE = "realtime_input.media_chunks is deprecated. Use audio, video, or text instead."
_TOO_LONG = "Session exceeded its maximum duration; enable context window compression."


class Conversation:
    """The conversation of one connection.

    Args:
        channel: sends messages.
        log: where it is written down.
        shared: what it shares with others.
        setup: what the client asked for.
        faults: what goes wrong.
        tasks: the session's task group.
    """

    def __init__(
        self,
        channel: Channel,
        log: GeminiSessionLog,
        shared: Shared,
        setup: Setup,
        faults: FaultPlan,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._channel = channel
        self._log = log
        self._config = shared.config
        self._setup = setup
        self._saved = shared.saved
        self._tasks = tasks
        self._context = Context()
        self._course = Course(shared.script)
        self._input = InputAudio(setup)
        self._tools = ToolCalls(shared.ids)
        self._heard_before_ms = 0.0
        self._seeding = setup.seeds_history
        shop = Workshop(channel, shared.config, setup, self._context, faults, self._tools)
        self._dialogue = Dialogue(shop, tasks, self._say_not_resumable, self._say_resumable)
        self._handlers: dict[str, Callable[[Json], Awaitable[None]]] = {
            "clientContent": self._client_content,
            "realtimeInput": self._realtime_input,
            "toolResponse": self._tool_response,
            "contextUpdate": self._context_update,
        }

    def resume(self, session: SavedSession) -> None:
        """Go on where a session was."""
        self._course.turn, self._course.prompted = session.turn, session.prompted
        self._context.audio, self._context.text = session.audio_tokens, session.text_tokens
        self._heard_before_ms = session.heard_ms
        self._log.history = [*session.history]
        self._seeding = False

    async def take(self, kind: str, body: Json) -> None:
        """Handle a client message.

        Raises:
            Rejection: it makes no sense now.
        """
        await self._handlers[kind](body)

    async def _client_content(self, body: Json) -> None:
        turns = body.get("turns", [])
        for content in turns:
            self._context.read(words_of(content))
        if self._seeding:
            if any(part.keys() - {"text"} for content in turns for part in content.get("parts", [])):
                raise invalid_argument()
            self._log.history += turns
            self._seeding = not body.get("turnComplete", False)
            return
        await self._dialogue.interrupt()
        if body.get("turnComplete", False):
            self._dialogue.ask(self._course.prompt())

    async def _realtime_input(self, body: Json) -> None:
        if self._seeding:
            raise invalid_argument("The initial history is not complete.")
        if "mediaChunks" in body:
            raise Rejection(INVALID, _CHUNKS_GONE)
        if "activityStart" in body:
            self._input.mark_start()
            await self._interrupt_by_speech()
        if "audio" in body:
            await self._hear(body["audio"])
        if "text" in body:
            self._context.read(body["text"])
            await self._dialogue.interrupt()
            self._dialogue.ask(self._course.prompt())
        if body.get("audioStreamEnd"):
            await self._notice(self._input.end_stream())
        if "activityEnd" in body:
            self._input.mark_end()
            self._utterance_ended()

    async def _hear(self, blob: Json) -> None:
        sound, noticed = self._input.take(blob)
        self._log.audio += sound
        self._log.audio_arrivals.append((asyncio.get_running_loop().time(), len(sound)))
        if not self._input.hears:
            self._log.unheard_ms += len(sound) / mulaw.BYTES_PER_MS
        heard_ms = self._heard_before_ms + self._input.received_ms
        if self._setup.compresses is None and heard_ms > self._config.max_audio_s * 1000:
            await self._channel.expire(_TOO_LONG)
        await self._notice(noticed)

    async def _notice(self, noticed: Noticed) -> None:
        for each in noticed:
            match each:
                case SpeechStarted(audio_start_ms=at_ms):
                    await self._tell_activity("ACTIVITY_START", at_ms)
                    await self._interrupt_by_speech()
                case SpeechStopped(audio_end_ms=at_ms):
                    await self._tell_activity("ACTIVITY_END", at_ms)
                    self._utterance_ended()

    async def _tell_activity(self, kind: str, at_ms: int) -> None:
        if self._config.voice_activity:
            offset = f"{at_ms / 1000:.3f}s"
            await self._channel.send({"voiceActivity": {"type": kind, "audioOffset": offset}})

    async def _interrupt_by_speech(self) -> None:
        if self._setup.detection.interrupts:
            await self._dialogue.interrupt()

    def _utterance_ended(self) -> None:
        self._context.hear(self._input.end_utterance())
        turn = self._course.hear()
        number = self._course.turn
        self._dialogue.ask(PlannedReply(turn.reply, "answer", number))
        if self._setup.transcribes_input and turn.transcript != "never":
            self._tasks.create_task(self._transcribe(turn, number), name=f"transcript of turn {number}")

    async def _transcribe(self, turn: Turn, number: int) -> None:
        await asyncio.sleep(self._config.transcribe_ms / 1000)
        if turn.transcript == "after":
            await self._dialogue.wait_none_active()
        # There is no message for a failure: nothing was understood, and that is all of it.
        heard = "" if turn.transcript == "fail" else turn.hears
        pieces: list[Json] = [{"text": piece} for piece in split_words(heard, self._config.transcript_pieces)]
        if pieces and number % 2 == 0:
            pieces[-1]["finished"] = True
        else:
            pieces.append({"finished": True})
        for piece in pieces:
            await self._channel.content(inputTranscription=piece)

    async def _tool_response(self, body: Json) -> None:
        for response in self._tools.take(body.get("functionResponses", [])):
            self._context.read_tool_result(str(response["response"]))

    async def _context_update(self, body: Json) -> None:
        check_tools(body.get("tools", {}).get("tools", []))
        self._context.read(words_of(body.get("systemInstruction", {})))

    async def _say_not_resumable(self) -> None:
        # Fields at their default are not written: neither `resumable` nor `newHandle` is there.
        if self._setup.resumable:
            await self._channel.send({"sessionResumptionUpdate": {}})

    async def _say_resumable(self) -> None:
        if not self._setup.resumable:
            return
        session = SavedSession(
            turn=self._course.turn,
            prompted=self._course.prompted,
            audio_tokens=self._context.audio,
            text_tokens=self._context.text,
            heard_ms=self._heard_before_ms + self._input.received_ms,
            history=tuple(self._log.history),
        )
        handle = self._saved.save(session, asyncio.get_running_loop().time())
        await self._channel.send({"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})
