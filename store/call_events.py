"""Every fact a call can leave behind: one class, one type name, one sentence each.

A `CallEvent` is what happened (past tense). The gateway's call core makes most of them, webhooks and the
reconciler a few; `store.event_log` numbers and keeps them, readers get them over REST and SSE. The type name
is the tag on the wire and in the database, so it never changes once released; fields may be added with a
default, never removed. Times inside a call are milliseconds on the stream's clock (0 = the media stream
started); wall time is the log's business.
"""

from typing import Any, Literal

import msgspec

Party = Literal["caller", "agent"]


class CallEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=False):
    """The root of all call events. `type_name` is the tag stored with each."""

    @classmethod
    def type_name(cls) -> str:
        """Return the stored name of this event type, e.g. `transcript.final`."""
        tag = cls.__struct_config__.tag
        assert isinstance(tag, str)
        return tag


class CallReceived(CallEvent, frozen=True, kw_only=True, tag="call.received"):
    """An incoming call reached us: the carrier asked what to do with it."""

    from_number: str
    to_number: str
    flow_id: str | None = None


class CallQueued(CallEvent, frozen=True, kw_only=True, tag="call.queued"):
    """An outbound call was accepted and waits to be dialled."""

    to_number: str
    flow_id: str


class CallDialled(CallEvent, frozen=True, kw_only=True, tag="call.dialled"):
    """The carrier accepted our request to dial."""

    carrier_call_sid: str


class CarrierStatusReported(CallEvent, frozen=True, kw_only=True, tag="carrier.status"):
    """The carrier reported a call status (`ringing`, `in-progress`, `completed`, `busy`, ...)."""

    status: str
    duration_s: int | None = None
    sequence: int | None = None


class AnsweredByDetected(CallEvent, frozen=True, kw_only=True, tag="carrier.answered_by"):
    """Answering-machine detection gave its verdict (`human`, `machine_end_beep`, ...)."""

    answered_by: str


class ProviderOpened(CallEvent, frozen=True, kw_only=True, tag="provider.opened"):
    """A provider session is ready to talk."""

    provider: str
    model: str
    session_id: str
    opened_in_ms: int


class ProviderFailed(CallEvent, frozen=True, kw_only=True, tag="provider.failed"):
    """The provider refused, stalled or reported an error; `fatal` ones end the session."""

    provider: str
    code: str
    message: str
    retryable: bool
    fatal: bool


class ProviderClosed(CallEvent, frozen=True, kw_only=True, tag="provider.closed"):
    """The provider session ended."""

    provider: str
    code: int
    reason: str


class ProviderReplaced(CallEvent, frozen=True, kw_only=True, tag="provider.replaced"):
    """Another provider session took over the conversation: planned, ahead of a limit, or after a failure.

    `gap_ms` is how long nobody could answer; 0 when the other stood by.
    """

    provider: str
    by: str
    reason: str
    planned: bool
    gap_ms: int


class StreamStarted(CallEvent, frozen=True, kw_only=True, tag="stream.started"):
    """The carrier's media stream began: the caller is connected; time 0 of the call's clock."""

    stream_sid: str


class StreamEnded(CallEvent, frozen=True, kw_only=True, tag="stream.ended"):
    """The media stream is over. `rejected` counts messages we could not use, by reason."""

    reason: Literal["caller_hangup", "we_closed", "connection_lost", "never_started", "shutdown"]
    at_ms: int
    frames_in: int
    bytes_out: int
    rejected: dict[str, int] = msgspec.field(default_factory=dict)


class SpeechStarted(CallEvent, frozen=True, kw_only=True, tag="speech.started"):
    """The caller began to speak."""

    turn_id: str
    at_ms: int


class BargeIn(CallEvent, frozen=True, kw_only=True, tag="speech.barge_in"):
    """Caller speech cut the agent's turn; `heard_ms` of that turn had been played."""

    turn_id: str
    at_ms: int
    heard_ms: int


class SpeechIgnored(CallEvent, frozen=True, kw_only=True, tag="speech.ignored"):
    """A sound made the agent pause; the provider heard no speech, and the agent went on where it was."""

    at_ms: int
    held_ms: int


class TranscriptPartial(CallEvent, frozen=True, kw_only=True, tag="transcript.partial"):
    """What a turn reads like so far; the next partial or the final replaces it."""

    turn_id: str
    party: Party
    text: str


class TranscriptFinal(CallEvent, frozen=True, kw_only=True, tag="transcript.final"):
    """One turn in full, in the order spoken.

    `text` is what was said or generated. For the agent `heard_ms` is how much of its audio the caller heard,
    `interrupted` says that the rest was cut, and `heard_text` then is what was heard, up to the word the
    caller cut in at. `missing` is true when the provider could not transcribe.
    """

    turn_id: str
    party: Party
    text: str
    started_ms: int
    ended_ms: int
    heard_ms: int | None = None
    interrupted: bool = False
    missing: bool = False
    heard_text: str | None = None


class DigitPressed(CallEvent, frozen=True, kw_only=True, tag="dtmf.received"):
    """The caller pressed a key."""

    digit: str
    at_ms: int


class ToolCalled(CallEvent, frozen=True, kw_only=True, tag="tool.called"):
    """The agent asked for a tool; `arguments` as it gave them."""

    tool_call_id: str
    name: str
    arguments: dict[str, Any]


class ToolFinished(CallEvent, frozen=True, kw_only=True, tag="tool.finished"):
    """A tool answered, or failed with `error`."""

    tool_call_id: str
    name: str
    result: Any = None
    error: str | None = None
    took_ms: int = 0


class UsageReported(CallEvent, frozen=True, kw_only=True, tag="usage.reported"):
    """The provider's own count since the last one; the sum over the call is what it bills.

    `cost_cents` is what this count costs by the price table of `prices_as_of`, `call_cost_cents` the call so
    far; both are null when the table does not know the model.
    """

    provider: str
    input_tokens: int = 0
    output_tokens: int = 0
    details: dict[str, int] = msgspec.field(default_factory=dict)
    model: str = ""
    cost_cents: float | None = None
    call_cost_cents: float | None = None
    prices_as_of: str | None = None


class RecordingFinished(CallEvent, frozen=True, kw_only=True, tag="recording.finished"):
    """The stereo recording is complete on disk (left caller, right agent)."""

    duration_ms: int
    size_bytes: int


class RecordingFailed(CallEvent, frozen=True, kw_only=True, tag="recording.failed"):
    """The recording could not be written; the call went on without it."""

    reason: str


class VoicemailReceived(CallEvent, frozen=True, kw_only=True, tag="voicemail.received"):
    """The carrier holds a voicemail the caller left after the conversation."""

    carrier_recording_sid: str
    recording_url: str
    duration_s: int


class TransferStarted(CallEvent, frozen=True, kw_only=True, tag="transfer.started"):
    """The call is being passed to a person; `target` is the key in the flow's transfer map."""

    target: str


class TransferEnded(CallEvent, frozen=True, kw_only=True, tag="transfer.ended"):
    """The carrier reported how the transfer went (`completed`, `busy`, `no-answer`, ...)."""

    target: str
    status: str


class CallResumed(CallEvent, frozen=True, kw_only=True, tag="call.resumed"):
    """The conversation was lost on our side and goes on in a new stream."""

    attempt: int


class CallEnded(CallEvent, frozen=True, kw_only=True, tag="call.ended"):
    """The call is over. The last event of its log, unless the carrier resumes it."""

    status: str
    disposition: str
    reason: str
    duration_ms: int


AnyCallEvent = (
    CallReceived
    | CallQueued
    | CallDialled
    | CarrierStatusReported
    | AnsweredByDetected
    | ProviderOpened
    | ProviderFailed
    | ProviderClosed
    | ProviderReplaced
    | StreamStarted
    | StreamEnded
    | SpeechStarted
    | BargeIn
    | SpeechIgnored
    | TranscriptPartial
    | TranscriptFinal
    | DigitPressed
    | ToolCalled
    | ToolFinished
    | UsageReported
    | RecordingFinished
    | RecordingFailed
    | VoicemailReceived
    | TransferStarted
    | TransferEnded
    | CallResumed
    | CallEnded
)

EVENT_TYPES: dict[str, type[CallEvent]] = {cls.type_name(): cls for cls in AnyCallEvent.__args__}
"""Every event type by its stored name; docs/architecture.md and the served schema are checked against it."""
