"""Everything that can happen to a call, as data fed to the core."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from providers.session import Event


class Timer(StrEnum):
    """The alarms a call can set; setting one again moves it."""

    STREAM = "stream"  # the carrier never connected the media stream
    OPEN = "open"  # the provider session is not ready in time
    STANDBY = "standby"  # the session that stands by is not ready in time
    RENEW = "renew"  # the provider session nears its limit
    ANSWER = "answer"  # the provider owes an answer
    FAREWELL = "farewell"  # the goodbye takes too long
    TRANSCRIPT = "transcript"  # the provider owes a transcript
    WRAP_UP = "wrap_up"  # last words of a call that is over
    DRAINED = "drained"  # an echo of the last mark is overdue
    SETTLED = "settled"  # an answer whose end nobody tells has been heard and nothing followed
    HOLD = "hold"  # the provider does not hear what made us hold the agent's voice
    FAINT_SPEECH = "faint_speech"  # the provider hears somebody our own ear does not
    UNENDED = "unended"  # the provider does not end a turn of the caller's
    FILLER = "filler"  # the caller has waited in silence while a provider is replaced


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The caller is connected: the stream's clock reads 0."""

    stream_sid: str


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """20 ms from the caller: base64 of mu-law; `timestamp_ms` on the stream's clock."""

    payload: str
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class MarkEchoed:
    """The carrier returned a mark."""

    name: str


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """The carrier sent something we could not use; `why` is one word."""

    why: str


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """The carrier ended the stream: the caller hung up or the call moved on."""


@dataclass(frozen=True, slots=True)
class StreamLost:
    """The stream's socket is gone without a stop, or takes nothing any more."""

    why: Literal["connection_lost", "stalled", "no_start"]


@dataclass(frozen=True, slots=True)
class ProviderSaid:
    """A provider session reported something; `session` counts the call's sessions from 1."""

    event: Event
    session: int = 1


@dataclass(frozen=True, slots=True)
class TimerFired:
    """An alarm went off."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class CarrierEnded:
    """A status callback says the call is over (`completed`, `busy`, `no-answer`, ...)."""

    status: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Our process has been told to stop."""


Input = (
    CallerAudio
    | ProviderSaid
    | MarkEchoed
    | TimerFired
    | Digit
    | MessageRejected
    | StreamStarted
    | StreamStopped
    | StreamLost
    | CarrierEnded
    | StopRequested
)
