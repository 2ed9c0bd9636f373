"""TwiML verbs as data.

Source: Twilio docs, "TwiML for Programmable Voice", read 2026-11.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """Speak text."""

    text: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Play:
    """Play a sound file."""

    url: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    length_s: int = 1


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Join the call to a WebSocket, both ways, until that ends."""

    url: str
    name: str = ""
    track: str = "inbound_track"
    parameters: tuple[tuple[str, str], ...] = ()
    action: str | None = None
    method: str = "POST"
    status_callback: str | None = None
    status_callback_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Record:
    """Record what the caller says."""

    action: str | None = None
    method: str = "POST"
    timeout_s: int = 5
    finish_on_key: str = "1234567890*#"
    max_length_s: int = 3600
    recording_status_callback: str | None = None


@dataclass(frozen=True, slots=True)
class DialTarget:
    """Somebody to put the caller through to: a phone number or a conference."""

    kind: str
    name: str
    whisper_url: str | None = None
    status_callback: str | None = None
    status_callback_events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dial:
    """Put the caller through."""

    targets: tuple[DialTarget, ...]
    action: str | None = None
    method: str = "POST"
    timeout_s: int = 30
    caller_id: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with another document."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the call unanswered (first verb only)."""

    reason: str = "rejected"


Verb = Say | Play | Pause | ConnectStream | Record | Dial | Redirect | Hangup | Reject


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a document: a Twilio error code and what it is about."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document: its verbs in order and the problems met (none of them fatal)."""

    verbs: tuple[Verb, ...]
    problems: tuple[Problem, ...] = ()
