"""The state of one call, shared by the rules that work on it.

Two clocks: `now_s` is any monotonic clock in seconds, given with each input; the call's clock counts
milliseconds from its first media stream and goes on counting when the call resumes in another.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from flows.call_plan import CallPlan
from gateway.call.actions import Action, Append, Ending
from gateway.call.agent_voice import AgentVoice
from gateway.call.inputs import CallerAudio
from gateway.call.leaving import Leaving
from gateway.call.transcript import Transcript
from store.call_events import CallEvent, ProviderFailed

EARLY_AUDIO_FRAMES = 500
"""Caller audio kept while the provider is still opening: 10 s, then the oldest goes."""


class Phase(StrEnum):
    """Where a call stands."""

    WAITING = "waiting"  # for the media stream
    TALKING = "talking"
    LEFT = "left"  # the stream is over; last transcripts are awaited
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Resumption:
    """A conversation that goes on in a new stream.

    Attributes:
        clock_ms: Where the call's clock stands.
        turns: How many turns there were.
    """

    clock_ms: int
    turns: int


@dataclass(slots=True)
class CallState:
    """Everything the core remembers about a call.

    Attributes:
        plan: What the call should do.
        provider: The name of the provider that speaks.
        created_s: When the core was made.
        resumption: Set when this continues an interrupted call.
        started_s: When the media stream started, if it has.
        voice: The agent's voice on its way to the caller.
        transcript: The turns not yet released.
        provider_open: The session is ready.
        provider_gone: The session cannot be used any more.
        early_audio: Caller audio from before the session was ready.
        first_passed_ms: Stream time of the first caller audio the session got: its zero.
        frames_in: Caller audio messages so far.
        rejected: Carrier messages that could not be used, by reason.
        response_active: The agent is preparing or writing an answer.
        response_spoke: The present answer has made a sound.
        retried: A failed answer has been asked for again.
        nudged: An overdue answer has been asked for again.
        leaving: A goodbye is under way.
        failure: Why the call cannot go on, known before the stream started.
        ending: How the conversation ended, once it has.
    """

    plan: CallPlan
    provider: str
    created_s: float
    resumption: Resumption | None = None
    phase: Phase = Phase.WAITING
    started_s: float | None = None
    voice: AgentVoice = field(default_factory=AgentVoice)
    transcript: Transcript = field(init=False)
    provider_open: bool = False
    provider_gone: bool = False
    early_audio: deque[CallerAudio] = field(default_factory=lambda: deque(maxlen=EARLY_AUDIO_FRAMES))
    first_passed_ms: int | None = None
    frames_in: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    response_active: bool = False
    response_spoke: bool = False
    retried: bool = False
    nudged: bool = False
    leaving: Leaving | None = None
    failure: str | None = None
    ending: Ending | None = None

    def __post_init__(self) -> None:
        self.transcript = Transcript(first_turn=self.resumption.turns + 1 if self.resumption else 1)

    @property
    def clock_base_ms(self) -> int:
        """The call's clock when this stream started."""
        return self.resumption.clock_ms if self.resumption else 0

    @property
    def over(self) -> bool:
        """Whether the stream is over, or about to be."""
        return self.phase in (Phase.LEFT, Phase.ENDED)

    def stream_ms(self, now_s: float) -> float:
        """The stream's clock; 0 before it starts."""
        return 0.0 if self.started_s is None else (now_s - self.started_s) * 1000

    def clock_ms(self, now_s: float) -> int:
        """The call's clock."""
        return self.clock_base_ms + round(self.stream_ms(now_s))

    def caller_ms(self, session_ms: int) -> int:
        """The call's clock for a time the provider session tells in audio it received."""
        return self.clock_base_ms + (self.first_passed_ms or 0) + session_ms

    def heard_of_open_turns(self, now_s: float) -> dict[str, int]:
        """How much (ms) was heard of each agent turn neither heard to the end nor cut."""
        stream_ms = self.stream_ms(now_s)
        return {item: self.voice.heard_ms(item, stream_ms) for item in self.transcript.open_agent_items()}

    def provider_failed(self, code: str, message: str, *, retryable: bool, fatal: bool) -> Action:
        """The fact that the provider failed."""
        return Append(
            ProviderFailed(
                provider=self.provider, code=code, message=message, retryable=retryable, fatal=fatal
            )
        )


def append_all(events: Iterator[CallEvent]) -> Iterator[Action]:
    """Facts as actions."""
    for event in events:
        yield Append(event)
