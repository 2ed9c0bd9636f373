"""ElevenLabs Agents wire format, without I/O.

Source: AsyncAPI contract of ElevenLabs' client packages (`agent.asyncapi.yaml`) and the SDK elevenlabs 2.78
(`conversational_ai/conversation.py`), read 2026-11-24. The client speaks first with
`conversation_initiation_client_data`; the answer names the audio formats, which are the agent's settings.
What a session may override and which events it gets is set with the agent too: see `agents`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from providers.capabilities import CAPABILITIES
from providers.elevenlabs import messages as m
from providers.elevenlabs.answers import Answers
from providers.elevenlabs.caller_turns import CallerTurns
from providers.errors import ProviderError
from providers.session import (
    AnswerTool,
    AppendAudio,
    CancelAnswer,
    Command,
    CommitAudio,
    ErrorReported,
    Event,
    HistoryTurn,
    Remember,
    Respond,
    SessionConfig,
    SessionOpened,
    ToolRequested,
    Truncate,
)
from providers.socket import SocketTarget
from providers.transcode import ToMulaw, ToPcm
from providers.typed_messages import TypedReader
from providers.voices import voice_for

MULAW = "ulaw_8000"
PCM_RATES_HZ = {"pcm_8000": 8000, "pcm_16000": 16_000, "pcm_24000": 24_000}
BYTES_PER_MS = 8
"""Of mu-law at 8 kHz."""

FINAL_ERRORS = frozenset(
    {
        "invalid_message",
        "mcp_https_error",
        "mcp_tool_error",
        "missing_dynamic_variable",
        "missing_dynamic_variable_transfer",
        "missing_fields",
        "override_error",
        "safety_violation",
        "telephony_agent_error",
        "value_error",
    }
)
"""Complaints that no retry can mend (source: `ErrorType` of the AsyncAPI contract)."""

WRONG_INPUT = 1008
"""The close code for input or credentials the service does not accept."""

_reader: TypedReader[m.AnyMessage] = TypedReader(m.AnyMessage, m.KNOWN_TYPES, m.IGNORED_TYPES)


class ElevenLabsCodec:
    """One session's reading and writing of ElevenLabs Agents messages.

    Args:
        config: What the session is told before the first word.
        url: The signed URL of the socket (a secret): see `agents.ElevenLabsAgents.signed_url`.
    """

    capabilities = CAPABILITIES["elevenlabs"]

    def __init__(self, config: SessionConfig, *, url: str) -> None:
        self._config = config
        self._url = url
        self._opened = False
        prefix = f"{self.capabilities.name[0]}{config.number}"
        self._answers = Answers(prefix)
        self._caller = CallerTurns(prefix)
        self._to_pcm: ToPcm | None = None
        self._sent_bytes = 0
        self._prompts: list[str] = []
        self._prompted = False
        self._replies: list[str] = []
        self.unknown: Counter[str] = Counter()

    def target(self) -> SocketTarget:
        """See `Codec.target`: the signed URL needs no header."""
        return SocketTarget(self._url)

    def opening(self) -> Sequence[str]:
        """See `Codec.opening`."""
        return (json.dumps(_initiation(self._config)),)

    def replies(self) -> Sequence[str]:
        """See `Codec.replies`: pongs."""
        replies, self._replies = self._replies, []
        return replies

    def keep_alive(self) -> Sequence[str]:
        """See `Codec.keep_alive`: after 60 s without any input the service closes."""
        return ('{"type":"user_activity"}',)

    def decode(self, text: str) -> Sequence[Event]:
        """See `Codec.decode`."""
        message = _reader.read(text, self.unknown)
        return () if message is None else self._events(message)

    def _events(self, message: m.AnyMessage) -> Sequence[Event]:
        match message:
            case m.Audio(data=audio):
                characters = audio.alignment.chars if audio.alignment is not None else None
                return self._answers.sounded(audio.event_id, audio.audio_base_64, characters)
            case m.VadScore(data=vad):
                return self._caller.scored(vad.vad_score, self._sent_ms())
            case m.TentativeUserTranscript(data=tentative):
                return self._caller.tentative(tentative.user_transcript, tentative.event_id, self._sent_ms())
            case m.Ping(data=ping):
                self._replies.append(json.dumps({"type": "pong", "event_id": ping.event_id}))
                return ()
            case m.Metadata(data=metadata):
                return self._metadata(metadata)
            case m.AgentResponse(data=answer):
                self._prompted = False
                return self._answers.worded(answer.event_id, answer.agent_response)
            case m.AgentResponseCorrection(data=correction):
                return self._answers.corrected(correction.event_id, correction.corrected_agent_response)
            case m.AgentResponseComplete(data=complete):
                return self._answers.completed(complete.event_id)
            case m.Interruption(data=interruption):
                return self._interruption(interruption.event_id)
            case m.UserTranscript(data=transcript):
                return self._transcript(transcript)
            case m.ClientToolCall(data=call):
                return (
                    ToolRequested(
                        call.tool_call_id, call.tool_name, json.dumps(call.parameters, ensure_ascii=False)
                    ),
                )
            case m.Error(data=data) | m.ClientError(data=data):
                return (_error(data),)

    def _metadata(self, metadata: m.MetadataData) -> Sequence[Event]:
        output, heard = metadata.agent_output_audio_format, metadata.user_input_audio_format
        to_mulaw = None if output == MULAW else ToMulaw(_rate_hz(output, "output"))
        to_pcm = None if heard == MULAW else ToPcm(_rate_hz(heard, "input"))
        if self._opened:
            return ()
        self._opened = True
        self._answers.convert_by(to_mulaw)
        self._to_pcm = to_pcm
        return (SessionOpened(metadata.conversation_id, self._config.model or "default"),)

    def _interruption(self, event_id: int) -> Sequence[Event]:
        dropped = self._answers.interrupted(event_id)
        if self._prompted:  # by a message of ours: nobody has spoken, and what was complete may be heard out
            self._prompted = False
            return dropped if len(dropped) > 1 else ()
        return (*self._caller.interrupted(self._sent_ms()), *dropped)

    def _transcript(self, transcript: m.TranscriptData) -> Sequence[Event]:
        if transcript.user_transcript.strip() in self._prompts:  # a message of ours, told back
            self._prompts.remove(transcript.user_transcript.strip())
            return ()
        ended = self._caller.transcribed(transcript.user_transcript, transcript.event_id, self._sent_ms())
        return (*self._answers.finished(), *ended)

    def _sent_ms(self) -> int:
        return self._sent_bytes // BYTES_PER_MS

    def encode(self, command: Command) -> Sequence[str]:
        """See `Codec.encode`. The service stops by itself, and ends the caller's turn by itself."""
        match command:
            case AppendAudio(payload=payload):
                return (self.encode_audio(payload),)
            case Respond(instructions=instructions):
                return (self._prompt(f"({instructions or 'continue'})"),)
            case CommitAudio() | CancelAnswer():
                return ()
            case Truncate(heard_text=heard):
                return (_context(_cut_short(heard)),)
            case AnswerTool(tool_call_id=call_id, output=output, instructions=instructions):
                return (_tool_result(call_id, output, instructions),)
            case Remember(turns=turns):
                return (_context(_conversation(turns)),) if turns else ()

    def encode_audio(self, payload: str) -> str:
        """See `Codec.encode_audio`: mu-law is spliced in as it came."""
        self._sent_bytes += len(payload) * 3 // 4 - payload.count("=", -2)
        if self._to_pcm is not None:
            payload = self._to_pcm.convert(payload)
        return f'{{"user_audio_chunk":"{payload}"}}'

    def _prompt(self, text: str) -> str:
        self._prompted = True
        self._prompts = [*self._prompts[-3:], text.strip()]
        return json.dumps({"type": "user_message", "text": text})


def _initiation(config: SessionConfig) -> dict[str, Any]:
    prompt = {"prompt": _literal(config.instructions)}
    if config.model is not None:
        prompt["llm"] = config.model
    greeting = "" if config.continues else config.greeting
    agent: dict[str, Any] = {"prompt": prompt, "first_message": _literal(greeting)}
    if config.language is not None:
        agent["language"] = config.language
    voice = {"voice_id": voice_for("elevenlabs", config.voice)}
    return {
        "type": "conversation_initiation_client_data",
        "conversation_config_override": {"agent": agent, "tts": voice},
        "custom_llm_extra_body": {},
        "dynamic_variables": {},
    }


def _literal(text: str) -> str:
    # The service takes {{name}} for a variable of its own, and closes when it does not know it.
    return text.replace("{{", "{ {")


def _rate_hz(audio_format: str, side: str) -> int:
    rate_hz = PCM_RATES_HZ.get(audio_format)
    if rate_hz is None:
        raise ProviderError(
            "format_mismatch",
            f"asked for {MULAW} {side}, the provider confirmed {audio_format}",
            retryable=False,
        )
    return rate_hz


def _error(data: m.ErrorData) -> ErrorReported:
    code = data.error_type or (f"closing_{data.code}" if data.code is not None else "unknown_error")
    final = code in FINAL_ERRORS or (data.error_type is None and data.code == WRONG_INPUT)
    message = data.message or data.reason or ""
    return ErrorReported(code, message, retryable=not final, fatal=True)


def _context(text: str) -> str:
    return json.dumps({"type": "contextual_update", "text": text})


def _cut_short(heard: str) -> str:
    if not heard.strip():
        return "The caller cut in before hearing anything of your last words."
    return f"The caller cut in. Of your last words they heard only: {json.dumps(heard, ensure_ascii=False)}"


def _conversation(turns: Sequence[HistoryTurn]) -> str:
    said = [{"said_by": turn.party, "text": turn.text} for turn in turns]
    return (
        "The call is going on: this is what has been said so far, as data. Go on from here and do not greet "
        f"again. {json.dumps(said, ensure_ascii=False)}"
    )


def _tool_result(call_id: str, output: str, instructions: str | None) -> str:
    # Always as a success: by default the service keeps the text of an error from the agent.
    if instructions is not None:
        output = json.dumps({**_result_object(output), "instructions": instructions}, ensure_ascii=False)
    result = {"type": "client_tool_result", "tool_call_id": call_id, "result": output, "is_error": False}
    return json.dumps(result)


def _result_object(output: str) -> dict[str, Any]:
    try:
        result = json.loads(output)
    except (ValueError, RecursionError):
        result = output
    return result if isinstance(result, dict) else {"result": result}
