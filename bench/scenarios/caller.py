"""What the person on the phone does, step by step."""

from dataclasses import dataclass
from typing import Literal

from bench.scenarios.clip import Clip

DialStatus = Literal["completed", "busy", "no-answer", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait until the other side has audibly finished speaking.

    Args:
        quiet_ms: how long it must have been quiet, with nothing left in the network's buffer.
        limit_ms: give up listening after this long (and note it).
    """

    quiet_ms: int = 700
    limit_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a clip to its end."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `ms` milliseconds."""

    ms: int


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys, one after the other.

    Args:
        digits: from `0123456789*#ABCD`.
        gap_ms: pause after each key.
    """

    digits: str
    gap_ms: int = 200


@dataclass(frozen=True, slots=True)
class BargeIn:
    """Speak over the other side once it has been heard for `after_ms` of audible speech from this step on."""

    clip: Clip
    after_ms: int = 1000
    limit_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class HangUp:
    """Put the phone down."""


@dataclass(frozen=True, slots=True)
class HangUpMidWord:
    """Begin to speak a clip and put the phone down `after_ms` into it."""

    clip: Clip
    after_ms: int = 400


@dataclass(frozen=True, slots=True)
class StaySilent:
    """Say nothing for `ms`; None: until the other side hangs up."""

    ms: int | None = None


CallerStep = Listen | Say | Wait | Press | BargeIn | HangUp | HangUpMidWord | StaySilent


@dataclass(frozen=True, slots=True)
class Answers:
    """A called phone is picked up after ringing for `after_ms`."""

    after_ms: int = 1000


@dataclass(frozen=True, slots=True)
class IsBusy:
    """A called phone is engaged."""

    after_ms: int = 500


@dataclass(frozen=True, slots=True)
class NeverAnswers:
    """A called phone rings until the network gives up."""


@dataclass(frozen=True, slots=True)
class CannotBeReached:
    """A called number fails in the network."""

    after_ms: int = 500


Pickup = Answers | IsBusy | NeverAnswers | CannotBeReached


@dataclass(frozen=True, slots=True)
class DialOutcome:
    """How a transfer this call is put through will go.

    Args:
        status: what becomes of the dialled leg.
        after_ms: ringing time before that.
        talk_ms: how long the two talk when `completed`.
    """

    status: DialStatus = "completed"
    after_ms: int = 1500
    talk_ms: int = 3000


@dataclass(frozen=True, slots=True)
class CallerScript:
    """One person's part in a call.

    Args:
        steps: what to do once the call is answered; after the last one the person stays on the line, silent.
        pickup: what happens when this person is called (outbound calls).
        gives_up_after_ms: an unanswered caller hangs up after this long; None: waits for ever.
        max_call_ms: the person hangs up after this long whatever happens.
        dials: how transfers go, in order; the last one holds for any more.
    """

    steps: tuple[CallerStep, ...] = ()
    pickup: Pickup = Answers()
    gives_up_after_ms: int | None = None
    max_call_ms: int = 15 * 60_000
    dials: tuple[DialOutcome, ...] = (DialOutcome(),)
