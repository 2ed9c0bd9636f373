"""Gemini Live wire format, without I/O.

The client speaks first with `setup`; the session is usable once `setupComplete` confirms it. Audio goes in as
16 kHz and comes out as 24 kHz linear samples. There is no way to cancel or shorten an answer, and no error
message: the server closes the socket instead.

Source: google-genai 3.4 `live.py`, `_live_converters.py` and `types.py`, read 2026-11-24; Gemini API, "Live
API - WebSockets API reference". The SDK's default path says `v1`; the reference, and what else speaks this
protocol without the SDK, says `v1beta`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from media.framing import payload_size_bytes
from providers.capabilities import CAPABILITIES
from providers.errors import ProtocolError
from providers.gemini import messages as m
from providers.gemini.agent_answers import AgentAnswers
from providers.gemini.caller_turns import CallerTurns
from providers.gemini.setup import gives_history, setup_message
from providers.gemini.usage import count_usage
from providers.session import (
    AnswerTool,
    AppendAudio,
    CancelAnswer,
    Command,
    CommitAudio,
    Event,
    HistoryTurn,
    Remember,
    Respond,
    SessionConfig,
    SessionExpiring,
    SessionOpened,
    SessionResumable,
    ToolCancelled,
    ToolRequested,
    Truncate,
)
from providers.socket import SocketTarget
from providers.transcode import ToPcm

DEFAULT_BASE_URL = "https://generativelanguage.googleapis.com"
DEFAULT_MODEL = "gemini-3.8-live"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
INPUT_HZ = 16_000
_INPUT_BYTES_PER_MS = INPUT_HZ * 2 // 1000

SPEAK_NOW = "Speak now: go on with the conversation."
"""What the agent is told when nothing else is said about an answer."""

STAY_SILENT = "Say nothing about this."
"""What the agent is told with a result that is to change nothing."""

_DURATION = re.compile(r"(-?)(\d{1,9}(?:\.\d{1,9})?)s", re.ASCII)

_decoder = msgspec.json.Decoder(m.ServerMessage)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class GeminiCodec:
    """One session's reading and writing of Gemini Live messages.

    Args:
        config: What the session is told before the first word.
        api_key: The secret that opens the socket.
        base_url: http(s) base of the API; the socket URL follows from it.
    """

    capabilities = CAPABILITIES["gemini"]

    def __init__(self, config: SessionConfig, *, api_key: str, base_url: str = DEFAULT_BASE_URL) -> None:
        self._config = config
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._model = (config.model or DEFAULT_MODEL).removeprefix("models/")
        self._opened = False
        prefix = f"g{config.number}"
        self._caller = CallerTurns(prefix)
        self._agent = AgentAnswers(prefix)
        self._to_pcm = ToPcm(INPUT_HZ)
        self._sent_bytes = 0
        self._asked = False  # the next answer, or interruption, is our doing and not the caller's
        self._tools: dict[str, str] = {}  # names by id, of the calls whose results are awaited
        self.unknown: Counter[str] = Counter()

    def target(self) -> SocketTarget:
        """See `Codec.target`."""
        base = "ws" + self._base_url.removeprefix("http")
        return SocketTarget(f"{base}{PATH}", {"x-goog-api-key": self._api_key})

    def opening(self) -> Sequence[str]:
        """See `Codec.opening`."""
        return (json.dumps(setup_message(self._config, self._model)),)

    def replies(self) -> Sequence[str]:
        """See `Codec.replies`: this protocol demands none."""
        return ()

    def keep_alive(self) -> Sequence[str]:
        """See `Codec.keep_alive`: silence ends no session here."""
        return ()

    def decode(self, text: str) -> Sequence[Event]:
        """See `Codec.decode`."""
        try:
            message = _decoder.decode(text)
        except msgspec.ValidationError as error:
            raise ProtocolError(f"a message is not as documented: {error}") from error
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise ProtocolError("the provider sent something that is not JSON") from error
        events = list(self._events(message))
        if not events and message.server_content is None:
            self._count_unknown(text)
        return events

    def _events(self, message: m.ServerMessage) -> Iterator[Event]:
        if message.usage_metadata is not None:  # first: what else there is may be a call's last words
            yield from count_usage(message.usage_metadata)
        if message.voice_activity is not None:
            yield from self._voice_activity(message.voice_activity)
        content = message.server_content
        if content is not None:
            yield from self._content(content)
        if message.tool_call is not None:
            yield from self._tool_call(message.tool_call)
        if content is not None and (content.generation_complete or content.turn_complete):
            yield from self._completed(content)
        yield from self._session_events(message)

    def _content(self, content: m.ServerContent) -> Iterator[Event]:
        if content.interrupted:
            yield from self._interrupted()
        if heard := content.input_transcription:
            finished, answering = bool(heard.finished), self._agent.playing
            yield from self._caller.words(
                heard.text or "", finished=finished, answering=answering, at_ms=self._sent_ms
            )
        if spoken := content.output_transcription:
            yield from self._agent.words(spoken.text or "")
        if content.model_turn is not None:
            yield from self._audio(content.model_turn.parts or ())

    def _completed(self, content: m.ServerContent) -> Iterator[Event]:
        if content.generation_complete:
            yield from self._caller.answer_ended()
            yield from self._agent.ended()
        if content.turn_complete:
            unanswered = not self._agent.owed
            yield from self._caller.settle(unanswered=unanswered)
            yield from self._agent.turn_complete(content.turn_complete_reason)

    def _interrupted(self) -> Iterator[Event]:
        # Without an answer under way it may be the rest of one that is being played, or nothing at all
        # (googleapis/python-genai #2333): no reason to believe that the caller speaks.
        if self._agent.on and not self._caller.signalled and not self._asked:
            yield from self._caller.start(self._sent_ms)
        yield from self._agent.interrupted()

    def _audio(self, parts: Sequence[m.Part]) -> Iterator[Event]:
        for part in parts:
            if (sound := part.inline_data) and sound.data:
                if not self._agent.on and not self._agent.cut:
                    yield from self._caller.answered(self._sent_ms, asked=self._asked)
                    self._asked = False
                yield from self._agent.audio(sound.data, sound.mime_type)

    def _tool_call(self, tool_call: m.ToolCall) -> Iterator[Event]:
        calls = [_requested(call) for call in tool_call.function_calls or ()]
        if not calls:
            return
        self._tools.update((call.tool_call_id, call.name) for call in calls)
        if not self._agent.on:
            yield from self._caller.answered(self._sent_ms, asked=self._asked)
        self._asked = True  # the model speaks about the result, or goes on without waiting for it
        yield from self._caller.answer_ended()
        yield from self._agent.tools(calls)

    def _session_events(self, message: m.ServerMessage) -> Iterator[Event]:
        if message.tool_call_cancellation is not None:
            for tool_call_id in message.tool_call_cancellation.ids or ():
                self._tools.pop(tool_call_id, None)
                yield ToolCancelled(tool_call_id)
        if (update := message.session_resumption_update) and update.resumable and update.new_handle:
            yield SessionResumable(update.new_handle)
        if message.go_away is not None:
            yield SessionExpiring(_seconds(message.go_away.time_left) or 0.0)
        if message.setup_complete is not None and not self._opened:
            self._opened = True
            yield SessionOpened(message.setup_complete.session_id or "", self._model)

    def _voice_activity(self, activity: m.VoiceActivity) -> Iterator[Event]:
        offset_s = _seconds(activity.audio_offset)
        # An offset is never ahead of what was sent, unless it counts from another beginning than ours.
        at_ms = self._sent_ms if offset_s is None else min(round(offset_s * 1000), self._sent_ms)
        match activity.type:
            case "ACTIVITY_START":
                self._caller.signalled = True
                yield from self._caller.start(at_ms)
            case "ACTIVITY_END":
                self._caller.signalled = True
                yield from self._caller.stop(at_ms)
                self._agent.resume()
            case other:
                self.unknown[f"voiceActivity:{other}"] += 1

    def _count_unknown(self, text: str) -> None:
        for name in _fields_decoder.decode(text).keys() - m.KNOWN_FIELDS - m.IGNORED_FIELDS:
            self.unknown[name] += 1

    @property
    def _sent_ms(self) -> int:
        return self._sent_bytes // _INPUT_BYTES_PER_MS

    def encode(self, command: Command) -> Sequence[str]:
        """See `Codec.encode`.

        Answers cannot be cancelled, shortened or held back here, so three commands come to nothing. So does
        the result of a tool this session did not ask for, or asks for no more.
        """
        match command:
            case AppendAudio(payload=payload):
                return (self.encode_audio(payload),)
            case Respond(instructions=instructions):
                self._asked = True
                return (_prompt(instructions or SPEAK_NOW),)
            case CommitAudio() | CancelAnswer() | Truncate():
                return ()
            case AnswerTool():
                name = self._tools.pop(command.tool_call_id, None)
                return () if name is None else (_tool_response(command, name),)
            case Remember(turns=turns):
                return self._remember([_history_turn(turn) for turn in turns if turn.text.strip()])

    def _remember(self, turns: list[dict[str, Any]]) -> Sequence[str]:
        waits = gives_history(self._config)  # for turnComplete, whether or not there is anything to tell
        if not turns and not waits:
            return ()
        given = {"turns": turns} if turns else {}
        return (json.dumps({"clientContent": {**given, "turnComplete": waits}}),)

    def encode_audio(self, payload: str) -> str:
        """See `Codec.encode_audio`."""
        pcm16 = self._to_pcm.convert(payload)
        self._sent_bytes += payload_size_bytes(pcm16)
        return f'{{"realtimeInput":{{"audio":{{"data":"{pcm16}","mimeType":"audio/pcm;rate={INPUT_HZ}"}}}}}}'


def _requested(call: m.FunctionCall) -> ToolRequested:
    arguments = bytes(call.args).decode()
    return ToolRequested(call.id, call.name, "{}" if arguments == "null" else arguments)


def _prompt(instructions: str) -> str:
    # Text is the caller's as far as the model knows; current models take no other while they talk.
    text = f"[Instruction to the agent, not said by the caller: {instructions}]"
    return json.dumps({"realtimeInput": {"text": text}})


def _tool_response(command: AnswerTool, name: str) -> str:
    instructions = command.instructions if command.respond else STAY_SILENT
    try:
        result = json.loads(command.output)
    except ValueError:
        result = command.output
    # Not "output": beside it the model would be shown nothing else (google-genai `types.FunctionResponse`).
    response = {"result": result, **({"instructions": instructions} if instructions else {})}
    answer = {"id": command.tool_call_id, "name": name, "response": response}
    if not command.respond:
        answer["scheduling"] = "SILENT"  # ignored where the model waited for the result
    return json.dumps({"toolResponse": {"functionResponses": [answer]}})


def _history_turn(turn: HistoryTurn) -> dict[str, Any]:
    return {"role": "user" if turn.party == "caller" else "model", "parts": [{"text": turn.text}]}


def _seconds(duration: str | None) -> float | None:
    """Read a protobuf duration like `50s`; one that has passed is 0."""
    if duration is None:
        return None
    read = _DURATION.fullmatch(duration)
    if read is None:
        raise ProtocolError(f"{duration[:20]!r} is not a duration")
    return 0.0 if read[1] else float(read[2])
