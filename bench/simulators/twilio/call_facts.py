"""What is known about a call: its parties and status, where its TwiML comes from, what was noted in it."""

from dataclasses import dataclass
from typing import Literal

from bench.simulators.twilio.webhooks import Params

Status = Literal[
    "queued", "initiated", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"
]
Direction = Literal["inbound", "outbound-api", "outbound-dial"]
FINAL: frozenset[str] = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


@dataclass(frozen=True, slots=True)
class Note:
    """Something Twilio's debugger would show: an error or warning code (None: a plain remark) and a text."""

    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class StepLog:
    """One step of the caller's script as it went; times in milliseconds since the answer."""

    step: str
    started_ms: int
    ended_ms: int
    outcome: str


@dataclass(frozen=True, slots=True)
class FetchFrom:
    """TwiML is to be had from a URL."""

    url: str
    method: str = "POST"
    fallback_url: str = ""
    extra: Params = ()


@dataclass(frozen=True, slots=True)
class Inline:
    """TwiML given as text."""

    text: str


Source = FetchFrom | Inline


@dataclass(frozen=True, slots=True)
class StatusSubscription:
    """Who is told about the progress of a call."""

    url: str
    events: frozenset[str] = frozenset({"completed"})
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What never changes about a call."""

    sid: str
    account_sid: str
    from_number: str
    to_number: str
    direction: Direction
    phone_number_sid: str = ""
    parent_sid: str | None = None


@dataclass(frozen=True, slots=True)
class DialLog:
    """A transfer that was tried: who, on which leg, how it went, and what was whispered to them."""

    target: str
    kind: str
    leg_sid: str | None
    status: str
    whispered: tuple[str, ...] = ()
