"""OpenAI Realtime (GA) wire format, without I/O.

Source: openai SDK 3.54 `types/realtime` and `resources/realtime`, read 2026-11-24; OpenAI Realtime guide,
"Conversations" (interruption and truncation). The client speaks first with `session.update`; the session is
usable once `session.updated` confirms both audio formats.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from providers.capabilities import CAPABILITIES
from providers.errors import ProtocolError, ProviderError
from providers.openai import messages as m
from providers.openai.history import HISTORY_ITEM, ToldHistory
from providers.session import (
    AgentAudio,
    AgentAudioDone,
    AgentText,
    AgentTextDelta,
    AnswerTool,
    AppendAudio,
    CallerSpeechStarted,
    CallerSpeechStopped,
    CallerText,
    CallerTextDelta,
    CancelAnswer,
    Command,
    CommitAudio,
    ErrorReported,
    Event,
    ItemAdded,
    Remember,
    Respond,
    ResponseEnded,
    ResponseStarted,
    SemanticVad,
    ServerVad,
    SessionConfig,
    SessionOpened,
    ToolRequested,
    Truncate,
    TurnDetection,
    UsageCounted,
)
from providers.socket import SocketTarget
from providers.typed_messages import TypedReader
from providers.voices import voice_for

DEFAULT_BASE_URL = "https://api.openai.com"
DEFAULT_MODEL = "gpt-realtime-2.1"
TRANSCRIPTION_MODEL = "gpt-transcribe"
AUDIO_FORMAT = "audio/pcmu"

BENIGN_ERRORS = frozenset(
    {
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
    }
)
"""Complaints about races that are nobody's fault (source: OpenAI Realtime error codes)."""

FATAL_ERRORS = frozenset(
    {
        "insufficient_quota",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
        "model_not_found",
    }
)
"""Complaints that no retry can mend."""

EXPIRED = "session_expired"

_reader: TypedReader[m.AnyMessage] = TypedReader(m.AnyMessage, m.KNOWN_TYPES, m.IGNORED_TYPES)


class OpenAICodec:
    """One session's reading and writing of OpenAI Realtime messages.

    Args:
        config: What the session is told before the first word.
        api_key: The secret that opens the socket.
        base_url: http(s) base of the API; the socket URL follows from it.
        asked_at_s: When the session is asked for, as Unix time: the server tells its end as such.
    """

    capabilities = CAPABILITIES["openai"]

    def __init__(
        self,
        config: SessionConfig,
        *,
        api_key: str,
        base_url: str = DEFAULT_BASE_URL,
        asked_at_s: float | None = None,
    ) -> None:
        self._config = config
        self._asked_at_s = asked_at_s
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._model = config.model or DEFAULT_MODEL
        self._opened = False
        self._answering = False
        self._held: str | None = None  # a wish to be answered that waits for the answer under way
        self._told = ToldHistory()
        self._own: set[str] = set()  # ids of what the agent said and asked for in this session
        self.unknown: Counter[str] = Counter()

    def target(self) -> SocketTarget:
        """See `Codec.target`."""
        base = "ws" + self._base_url.removeprefix("http")
        return SocketTarget(
            f"{base}/v1/realtime?model={self._model}", {"Authorization": f"Bearer {self._api_key}"}
        )

    def opening(self) -> Sequence[str]:
        """See `Codec.opening`."""
        return (json.dumps({"type": "session.update", "session": _session(self._config)}),)

    def replies(self) -> Sequence[str]:
        """See `Codec.replies`: the answer asked for while another was on."""
        held = self._held
        if held is None or self._answering:
            return ()
        self._held = None
        return (held,)

    def keep_alive(self) -> Sequence[str]:
        """See `Codec.keep_alive`: silence ends no session here."""
        return ()

    def decode(self, text: str) -> Sequence[Event]:
        """See `Codec.decode`."""
        message = _reader.read(text, self.unknown)
        return () if message is None else self._events(message)

    def _events(self, message: m.AnyMessage) -> Sequence[Event]:
        match message:
            case m.AudioDelta(item_id=item_id, delta=delta):
                return (AgentAudio(item_id, delta),)
            case m.AudioTranscriptDelta(item_id=item_id, delta=delta):
                return (AgentTextDelta(item_id, delta),)
            case m.TranscriptionDelta(item_id=item_id, delta=delta):
                return (CallerTextDelta(item_id, delta),) if delta else ()
            case m.SessionCreated():
                return ()
            case m.SessionUpdated(session=session):
                return self._session_updated(session)
            case m.Error(error=detail):
                return self._error(detail)
            case m.SpeechStarted(item_id=item_id, audio_start_ms=at_ms):
                return (CallerSpeechStarted(item_id, at_ms),)
            case m.SpeechStopped(item_id=item_id, audio_end_ms=at_ms):
                return (CallerSpeechStopped(item_id, at_ms),)
            case m.ItemAdded(item=item):
                return self._note_own(_item_added(item))
            case m.TranscriptionCompleted(item_id=item_id, transcript=transcript, usage=usage):
                return (*_transcription_usage(usage), CallerText(item_id, transcript))
            case m.TranscriptionFailed(item_id=item_id):
                return (CallerText(item_id, None),)
            case m.ResponseCreated(response=response):
                self._answering = True
                return (ResponseStarted(response.id),)
            case m.AudioDone(item_id=item_id):
                return (AgentAudioDone(item_id),)
            case m.AudioTranscriptDone(item_id=item_id, transcript=transcript):
                return (AgentText(item_id, transcript),)
            case m.OutputItemDone(item=item):
                return self._note_own(_output_item(item))
            case m.ResponseDone(response=finished):
                self._answering = False
                return (_response_ended(finished), *_response_usage(finished.usage))

    def _session_updated(self, session: m.Session) -> Sequence[Event]:
        audio = session.audio or m.SessionAudio()
        for side, name in ((audio.input, "input"), (audio.output, "output")):
            confirmed = (side.format.type if side and side.format else None) or "nothing"
            if confirmed != AUDIO_FORMAT:
                raise ProviderError(
                    "format_mismatch",
                    f"asked for {AUDIO_FORMAT} {name}, the provider confirmed {confirmed}",
                    retryable=False,
                )
        if self._opened:
            return ()
        self._opened = True
        return (SessionOpened(session.id or "", session.model or self._model, self._lasts_s(session)),)

    def _lasts_s(self, session: m.Session) -> float | None:
        if session.expires_at is None or self._asked_at_s is None:
            return None
        return session.expires_at - self._asked_at_s

    def _error(self, detail: m.ErrorDetail) -> Sequence[Event]:
        code = detail.code or detail.type or "unknown_error"
        if code in BENIGN_ERRORS:
            self.unknown[f"error:{code}"] += 1
            return ()
        fatal = code in FATAL_ERRORS or code == EXPIRED or not self._opened
        return (ErrorReported(code, detail.message or "", retryable=code not in FATAL_ERRORS, fatal=fatal),)

    def _note_own(self, events: Sequence[Event]) -> Sequence[Event]:
        for event in events:
            match event:
                case ItemAdded(item_id=name, party="agent") | ToolRequested(tool_call_id=name):
                    self._own.add(name)
                case _:
                    pass
        return events

    def _knows(self, name: str) -> bool:
        return name in self._own or not self._config.continues

    def encode(self, command: Command) -> Sequence[str]:
        """See `Codec.encode`.

        What another session said is shortened where this one was told of it; a tool that another session
        asked for has no answer here. The server refuses to answer twice at a time, so a wish to be answered
        waits until the answer under way is done: a tool's result may be there before that.
        """
        match command:
            case AppendAudio(payload=payload):
                return (self.encode_audio(payload),)
            case Respond(instructions=instructions):
                return self._respond(instructions)
            case CommitAudio():
                return ('{"type":"input_audio_buffer.commit"}',)
            case CancelAnswer():
                self._held = None
                return ('{"type":"response.cancel"}',)
            case Truncate(item_id=item_id):
                known = self._knows(item_id)
                return (json.dumps(_truncation(command)),) if known else self._told.shorten(command)
            case AnswerTool(tool_call_id=call_id, output=output, respond=respond, instructions=instructions):
                item = {"type": "function_call_output", "call_id": call_id, "output": output}
                created = json.dumps({"type": "conversation.item.create", "item": item})
                answered = (created,) if self._knows(call_id) else ()
                return (*answered, *self.encode(Respond(instructions))) if respond else answered
            case Remember(turns=turns):
                return self._told.tell(turns)

    def _respond(self, instructions: str | None) -> Sequence[str]:
        response = {"instructions": instructions} if instructions is not None else {}
        created = json.dumps({"type": "response.create", "response": response})
        if self._answering:
            self._held = created
            return ()
        return (created,)

    def encode_audio(self, payload: str) -> str:
        """See `Codec.encode_audio`: the base64 text is spliced in as it came."""
        return f'{{"type":"input_audio_buffer.append","audio":"{payload}"}}'


def _truncation(command: Truncate) -> dict[str, Any]:
    # A truncation to nothing is refused by the server ("Only model output audio messages can be
    # truncated"), so an item nobody heard is deleted instead.
    if command.heard_ms <= 0:
        return {"type": "conversation.item.delete", "item_id": command.item_id}
    return {
        "type": "conversation.item.truncate",
        "item_id": command.item_id,
        "content_index": 0,
        "audio_end_ms": command.heard_ms,
    }


def _session(config: SessionConfig) -> dict[str, Any]:
    transcription: dict[str, Any] = {"model": TRANSCRIPTION_MODEL}
    if config.language:
        transcription["language"] = config.language
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": config.instructions,
        "audio": {
            "input": {
                "format": {"type": AUDIO_FORMAT},
                "turn_detection": _turn_detection(config.turn_detection),
                "transcription": transcription,
            },
            "output": {"format": {"type": AUDIO_FORMAT}, "voice": voice_for("openai", config.voice)},
        },
        "tools": [
            {"type": "function", "name": t.name, "description": t.description, "parameters": t.parameters}
            for t in config.tools
        ],
        "tool_choice": "auto",
    }


def _turn_detection(detection: TurnDetection) -> dict[str, Any]:
    # We cancel ourselves: what the server takes for speech may be noise, and then the answer goes on.
    answer = {"create_response": True, "interrupt_response": False}
    match detection:
        case ServerVad(threshold=threshold, prefix_padding_ms=prefix, silence_duration_ms=silence):
            return {
                "type": "server_vad",
                "threshold": threshold,
                "prefix_padding_ms": prefix,
                "silence_duration_ms": silence,
                **answer,
            }
        case SemanticVad(eagerness=eagerness):
            return {"type": "semantic_vad", "eagerness": eagerness, **answer}


def _item_added(item: m.Item) -> Sequence[Event]:
    if item.type != "message" or item.role not in ("user", "assistant"):
        return ()
    if not item.id:
        raise ProtocolError("conversation.item.added: a message without id")
    if item.id.startswith(HISTORY_ITEM):
        return ()
    return (ItemAdded(item.id, "caller" if item.role == "user" else "agent"),)


def _output_item(item: m.Item) -> Sequence[Event]:
    if item.type != "function_call" or item.status == "incomplete":
        return ()
    if not item.call_id or not item.name:
        raise ProtocolError("response.output_item.done: a function call without call_id or name")
    return (ToolRequested(item.call_id, item.name, item.arguments or "{}"),)


def _response_ended(response: m.FinishedResponse) -> ResponseEnded:
    error = response.status_details.error if response.status_details else None
    code = (error.code or error.type or "unknown_error") if error else None
    return ResponseEnded(
        response.id,
        response.status,
        error_code=code,
        error_message=error.message if error else None,
        retryable=code not in FATAL_ERRORS,
    )


def _response_usage(usage: m.Usage | None) -> Sequence[Event]:
    if usage is None or not (usage.input_tokens or usage.output_tokens):
        return ()
    details: dict[str, int] = {}
    for side, tokens in (("input", usage.input_token_details), ("output", usage.output_token_details)):
        if tokens is None:
            continue
        _count(details, side, tokens)
        if tokens.cached_tokens_details is not None:
            _count(details, f"{side}_cached", tokens.cached_tokens_details)
    return (UsageCounted(usage.input_tokens or 0, usage.output_tokens or 0, details),)


def _count(details: dict[str, int], side: str, tokens: m.TokenDetails | m.ModalityTokens) -> None:
    for modality in ("text", "audio", "image"):
        if count := getattr(tokens, f"{modality}_tokens"):
            details[f"{side}_{modality}_tokens"] = count


def _transcription_usage(usage: m.TranscriptionUsage | None) -> Sequence[Event]:
    if usage is None or not usage.seconds:
        return ()
    return (UsageCounted(0, 0, {"transcription_ms": round(usage.seconds * 1000)}),)
