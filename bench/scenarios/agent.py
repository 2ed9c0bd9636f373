"""What the speech model on the other side hears, says and does, and how its provider fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.scenarios.clip import Clip

Moment = Literal["upgrade", "session", "greeting", "answer", "between_turns"]
TranscriptTiming = Literal["before", "after", "fail", "never"]


@dataclass(frozen=True, slots=True)
class Speak:
    """The model says a clip."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class CallTool:
    """The model asks for a tool."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


ReplyItem = Speak | CallTool


@dataclass(frozen=True, slots=True)
class Reply:
    """One response of the model.

    Args:
        items: what it produces, in order.
        thinks_ms: how long before the first of it.
        then: its response once the results of the tools it called are in.
    """

    items: tuple[ReplyItem, ...] = ()
    thinks_ms: int = 300
    then: "Reply | None" = None


@dataclass(frozen=True, slots=True)
class Turn:
    """The caller's n-th utterance and the answer to it.

    Args:
        hears: what the transcription model makes of the utterance.
        reply: the answer.
        transcript: when the transcript arrives: before the answer, after it, as a failure, or never.
    """

    hears: str
    reply: Reply
    transcript: TranscriptTiming = "before"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the WebSocket upgrade with an HTTP error."""

    status: int = 503
    type: str = "server_error"
    code: str | None = None
    message: str = "The server is overloaded."


@dataclass(frozen=True, slots=True)
class StayMute:
    """Accept the connection and never send anything."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Be slow once, by `ms`."""

    ms: int


@dataclass(frozen=True, slots=True)
class SendError:
    """Send an `error` event, and close with `close_code` if that is given."""

    type: str = "server_error"
    code: str | None = None
    message: str = "The server had an error while processing your request."
    close_code: int | None = None


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close the WebSocket."""

    code: int = 1011
    reason: str = "internal error"


@dataclass(frozen=True, slots=True)
class ResetConnection:
    """Drop the TCP connection without a word (RST)."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Stop reading and sending, with the connection open."""


@dataclass(frozen=True, slots=True)
class Expire:
    """The session reaches its maximum duration: an error event, then close 1001."""


@dataclass(frozen=True, slots=True)
class FailResponse:
    """The response in progress ends as `failed`; the session goes on."""

    type: str = "server_error"
    code: str | None = None
    message: str = "The server had an error while processing your request."


FaultAction = (
    Refuse | StayMute | Delay | SendError | FailResponse | CloseSocket | ResetConnection | Stall | Expire
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something going wrong at a given moment.

    Args:
        at: `upgrade` (HTTP), `session` (before session.created), `greeting` or `answer` (while audio of it is
            sent), `between_turns` (after an answer is complete).
        action: what goes wrong.
        turn: for `answer` and `between_turns`, which caller turn (from 1); None: the first that comes.
        after_ms: for `greeting` and `answer`, how much audio has been sent by then; otherwise a delay.
        sessions: only the first so many sessions of the simulator fail; None: all.
    """

    at: Moment
    action: FaultAction
    turn: int | None = None
    after_ms: int = 0
    sessions: int | None = None


@dataclass(frozen=True, slots=True)
class AgentScript:
    """The model's part in a call.

    Args:
        prompted: its responses when the client asks for one unprompted by speech (the greeting first).
        turns: its answers to the caller's utterances, in order; after the last it answers with nothing.
        on_idle: its responses when the session's idle time-out passes, in order.
        faults: what goes wrong.
    """

    prompted: tuple[Reply, ...] = ()
    turns: tuple[Turn, ...] = ()
    on_idle: tuple[Reply, ...] = ()
    faults: tuple[Fault, ...] = ()
