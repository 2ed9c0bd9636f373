"""Everything the core can ask of the shell around it, as data."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from gateway.call.inputs import Timer
from providers.session import Command
from store.call_events import CallEvent


class Connect(msgspec.Struct, frozen=True, tag_field="step", tag="connect"):
    """Connect the person who answered our outbound call to the agent."""


class HangUp(msgspec.Struct, frozen=True, tag_field="step", tag="hang_up"):
    """End the call."""


class Apologise(msgspec.Struct, frozen=True, tag_field="step", tag="apologise"):
    """Say that something went wrong, then end the call."""


class TakeVoicemail(msgspec.Struct, frozen=True, tag_field="step", tag="take_voicemail"):
    """Record a message."""


class TransferTo(msgspec.Struct, frozen=True, tag_field="step", tag="transfer_to"):
    """Pass the caller to a person: a key of the flow's transfer map and its number."""

    target: str
    number_e164: str


class Resume(msgspec.Struct, frozen=True, tag_field="step", tag="resume"):
    """Connect the caller to the agent again: the stream was lost on our side."""


NextStep = Connect | HangUp | Apologise | TakeVoicemail | TransferTo | Resume
"""What the carrier is told when it asks what to do; stored before it can ask."""

Status = Literal["completed", "failed", "busy", "no-answer", "canceled", "in-progress"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the conversation ended.

    Attributes:
        status: The call's status now; `in-progress` when the caller goes on to a person or to voicemail.
        disposition: One word for how it ended (see `docs/glossary.md`).
        reason: One sentence or code with more detail, or empty.
        duration_ms: Length of the conversation.
    """

    status: Status
    disposition: str
    reason: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class SendAudio:
    """Audio for the caller: base64 of mu-law, played from `play_at_ms` on the stream's clock."""

    payload: str
    play_at_ms: float


@dataclass(frozen=True, slots=True)
class SendMark:
    """A mark after the audio so far."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Drop unplayed audio; the caller has heard everything before `at_ms` on the stream's clock."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class PassAudio:
    """Caller audio on to the provider: base64 of mu-law."""

    payload: str


@dataclass(frozen=True, slots=True)
class ToProvider:
    """A command for the provider session in use."""

    command: Command


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Open a provider session.

    Attributes:
        number: Names it in `ProviderSaid`, `UseSession` and `CloseSession`.
        provider: With whom.
        continues: It goes on with a conversation; otherwise it begins with the greeting.
        resume_handle: The provider's own memory of the conversation.
        last_resort: Try even a provider that has failed a lot lately.
    """

    number: int
    provider: str
    continues: bool = False
    resume_handle: str | None = None
    last_resort: bool = False


@dataclass(frozen=True, slots=True)
class UseSession:
    """From here on caller audio and commands go to this session."""

    number: int


@dataclass(frozen=True, slots=True)
class CloseSession:
    """Close a provider session; nothing it says from here on counts."""

    number: int


@dataclass(frozen=True, slots=True)
class Append:
    """A fact for the event log."""

    event: CallEvent


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed `TimerFired` at this time (seconds, the clock of `feed`), or never when None."""

    timer: Timer
    at_s: float | None


@dataclass(frozen=True, slots=True)
class CloseStream:
    """End the media stream; `next_step` is what the carrier is told to do then."""

    next_step: NextStep


@dataclass(frozen=True, slots=True)
class Finish:
    """The conversation is over and everything about it has been said; the last action."""

    ending: Ending


Action = (
    PassAudio
    | SendAudio
    | SendMark
    | Clear
    | ToProvider
    | Append
    | SetTimer
    | OpenSession
    | UseSession
    | CloseSession
    | CloseStream
    | Finish
)
