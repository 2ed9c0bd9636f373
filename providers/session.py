"""The one interface to every realtime speech provider: capabilities, commands, events.

Commands are what we ask of a session (imperative), events what it tells us (past tense). Both are plain
frozen data, so the call core stays pure and a provider is a pair of functions between these types and its
wire format (see `providers.codec`). Differences between providers are data in `Capabilities`.

Audio is base64 text of 8 kHz mu-law wherever a session meets the call core. Times inside provider events are
milliseconds of audio sent to the session. Item ids are unique within a call.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Party = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider's sessions can do.

    Attributes:
        name: The provider's name in flows, events and metrics.
        truncates: Understands `Truncate`: its memory of an answer can be cut where the caller cut in.
        cancels_on_speech: Drops its answer by itself when it hears the caller, and says so with
            `AnswerInterrupted`; otherwise it goes on until `CancelAnswer`.
        native_mulaw: Speaks 8 kHz mu-law on the wire, so audio passes without transcoding.
        greets: Says `SessionConfig.greeting` by itself as soon as it has opened, unasked.
        tells_answer_end: Every answer ends with `ResponseEnded`; otherwise silence is all there may be.
        session_limit_s: How long a session may last, or None where nothing limits it.
    """

    name: str
    truncates: bool
    cancels_on_speech: bool
    native_mulaw: bool
    greets: bool
    tells_answer_end: bool
    session_limit_s: float | None


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A function the agent may call; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServerVad:
    """Turn detection by energy: a threshold of 0..1, lead-in kept, silence that ends a turn (ms)."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """Turn detection by meaning: how eager the model is to take the turn."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"


TurnDetection = ServerVad | SemanticVad


@dataclass(frozen=True, slots=True)
class HistoryTurn:
    """A turn of the conversation so far; of the agent's, what the caller heard."""

    party: Party
    text: str


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Everything a session is told before the first word.

    Attributes:
        instructions: The system prompt.
        voice: The name of a voice; one the provider does not have becomes its default voice.
        greeting: The agent's exact first words; empty when it has none, or when it continues a call.
        tools: Functions the agent may call.
        turn_detection: How the provider finds the end of a caller's turn.
        language: ISO 639-1 code that helps transcription, or None to detect.
        model: The provider's model, or None for its default.
        continues: The session goes on with a conversation: `Remember` is the first command after it opened.
        resume_handle: What `SessionResumable` gave: the provider itself remembers the conversation.
        number: Counts the sessions of a call from 1; codecs that name items make them unique by it.
    """

    instructions: str
    voice: str
    greeting: str = ""
    tools: tuple[ToolDefinition, ...] = ()
    turn_detection: TurnDetection = field(default_factory=ServerVad)
    language: str | None = None
    model: str | None = None
    continues: bool = False
    resume_handle: str | None = None
    number: int = 1


# Commands


@dataclass(frozen=True, slots=True)
class Respond:
    """Speak now; `instructions` apply to this one answer (None: just answer)."""

    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Caller audio: base64 of 8 kHz mu-law."""

    payload: str


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """End the caller's turn here: transcribe what was appended, do not answer."""


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """Stop the answer under way; nothing happens when there is none or it has stopped by itself."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """Forget what the caller did not hear of an item: keep its first `heard_ms`, about `heard_text`."""

    item_id: str
    heard_ms: int
    heard_text: str = ""


@dataclass(frozen=True, slots=True)
class AnswerTool:
    """The result of a tool call, JSON text.

    `respond` asks the agent to speak about it, `instructions` tell how (None: as it likes).
    """

    tool_call_id: str
    output: str
    respond: bool
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class Remember:
    """What was said before this session took over, oldest first; may be empty. No answer is asked for."""

    turns: tuple[HistoryTurn, ...]


Command = AppendAudio | Respond | CommitAudio | CancelAnswer | Truncate | AnswerTool | Remember

# Events


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The session is configured, with the audio formats we asked for, and ready to talk.

    `lasts_s` is how long it will have lasted, from when it was asked for, when its provider ends it; None
    where the provider does not say.
    """

    session_id: str
    model: str
    lasts_s: float | None = None


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """A piece of the agent's speech: base64 of 8 kHz mu-law."""

    item_id: str
    payload: str


@dataclass(frozen=True, slots=True)
class AgentAudioDone:
    """The last audio of an item has been sent."""

    item_id: str


@dataclass(frozen=True, slots=True)
class AgentTextDelta:
    """The next words of what the agent says in an item."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AgentText:
    """All the words of an item."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CallerSpeechStarted:
    """The provider hears the caller; `item_id` is the item their words will become."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class CallerSpeechStopped:
    """The caller's turn is over as the provider hears it."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class CallerTextDelta:
    """The next words of a caller turn."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CallerText:
    """A caller turn transcribed; `text` is None when the provider could not."""

    item_id: str
    text: str | None


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """A turn took its place in the conversation."""

    item_id: str
    party: Party


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The agent began to prepare an answer."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """An answer is complete, cancelled or failed; nothing more of it follows."""

    response_id: str
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    error_code: str | None = None
    error_message: str | None = None
    retryable: bool = True


@dataclass(frozen=True, slots=True)
class AnswerInterrupted:
    """The provider heard the caller and dropped its answer; `ResponseEnded` follows if one was on."""


@dataclass(frozen=True, slots=True)
class AgentTextCorrected:
    """What the provider itself believes was heard of an item it dropped."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class UsageCounted:
    """What the provider bills since the last count: add them all up.

    `details` holds counts by name: `{input,output}_{text,audio,image}_tokens`, `transcription_ms`, and
    `input_cached_{text,audio}_tokens`, which are contained in the former. Tokens in no detail are in the sums
    alone.
    """

    input_tokens: int
    output_tokens: int
    details: dict[str, int]


@dataclass(frozen=True, slots=True)
class ToolRequested:
    """The agent asks for a tool; `arguments` is the JSON text it wrote, not validated."""

    tool_call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCancelled:
    """The agent does not want a tool's result any more."""

    tool_call_id: str


@dataclass(frozen=True, slots=True)
class SessionExpiring:
    """The provider will close the session in `in_s` seconds."""

    in_s: float


@dataclass(frozen=True, slots=True)
class SessionResumable:
    """Everything up to now can be continued in another session opened with `handle` (a secret)."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """The provider complained; the session goes on unless `fatal`."""

    code: str
    message: str
    retryable: bool
    fatal: bool


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session is over; nothing follows."""

    code: int
    reason: str


AboutSession = (
    SessionOpened | UsageCounted | SessionExpiring | SessionResumable | ErrorReported | SessionClosed
)
"""Events that say something about the session rather than about the conversation."""

Event = (
    AgentAudio
    | AgentTextDelta
    | CallerTextDelta
    | AgentAudioDone
    | AgentText
    | CallerSpeechStarted
    | CallerSpeechStopped
    | CallerText
    | ItemAdded
    | ResponseStarted
    | ResponseEnded
    | AnswerInterrupted
    | AgentTextCorrected
    | ToolRequested
    | ToolCancelled
    | AboutSession
)
