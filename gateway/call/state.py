"""The state of one call, shared by the rules that work on it.

Two clocks: `now_s` is any monotonic clock in seconds, given with each input; the call's clock counts
milliseconds from its first media stream and goes on counting when the call resumes in another.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from flows.call_plan import CallPlan
from gateway.call.actions import Action, Append, Ending, SetTimer, ToProvider
from gateway.call.agent_voice import AgentVoice
from gateway.call.caller_ear import CallerEar
from gateway.call.cost import Cost
from gateway.call.inputs import Timer
from gateway.call.leaving import Leaving
from gateway.call.sessions import LineUp, Session
from gateway.call.transcript import Transcript
from providers.prices import PriceTable
from providers.session import Command, HistoryTurn, Respond
from store.call_events import CallEvent, ProviderFailed

ANSWER_NUDGE_S = 2.5
"""An answer overdue for so long is asked for again ..."""

ANSWER_LIMIT_S = 4.0
"""... and from here on the session counts as silent and is replaced."""

TRANSCRIPT_WAIT_S = 6.0
"""How long the words of a caller's turn that is over may take."""


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
        history: What they said.
        cost_cents: What it has cost, None when that is not known.
    """

    clock_ms: int
    turns: int
    history: tuple[HistoryTurn, ...] = ()
    cost_cents: float | None = 0.0


@dataclass(slots=True)
class CallState:
    """Everything the core remembers about a call.

    Attributes:
        plan: What the call should do.
        line_up: The providers it may use.
        prices: What their use costs.
        created_s: When the core was made.
        resumption: Set when this continues an interrupted call.
        session: The provider session that speaks.
        standby: The one that will take over from it in a pause.
        sessions: How many there have been.
        gone: No provider is left.
        started_s: When the media stream started, if it has.
        voice: The agent's voice on its way to the caller.
        ear: The caller's audio, judged and remembered.
        transcript: The turns not yet released.
        cost: What the providers counted.
        frames_in: Caller audio messages so far.
        rejected: Carrier messages that could not be used, by reason.
        response_active: The agent is preparing or writing an answer.
        response_spoke: The present answer has made a sound.
        answering: It began to after the caller's last turn began: it is the answer to it.
        cut_short: The agent's last words were cut, and it has said nothing since.
        overlapped: The caller's turn ended while an answer was on, so that none to it is made by itself.
        unheard: Items of the answer that was cut, begun after the cut.
        retried: A failed answer has been asked for again.
        asked: What the agent was last asked to say, until it speaks.
        answer_due_s: When the session counts as silent; None while it owes nothing.
        nudged: An overdue answer has been asked for again.
        greeted: The agent has begun to speak.
        guarding: The greeting may not be interrupted: caller audio waits until it has been heard.
        held_ms: When the agent's voice was held back, on the stream's clock.
        unanswered: Caller turns begun since the last one answered.
        orphans: Of them, those a session left behind: the next one hears them again.
        replaced: Why and when (stream or not) the session before was lost, until the next one is ready.
        faint: The provider hears the caller, our own ear does not yet.
        loud_since_s: When the caller last began to be loud.
        heard_of_provider_s: When the session last said anything.
        leaving: A goodbye is under way.
        failure: Why the call cannot go on, known before the stream started.
        ending: How the conversation ended, once it has.
    """

    plan: CallPlan
    line_up: LineUp
    prices: PriceTable
    created_s: float
    session: Session
    resumption: Resumption | None = None
    standby: Session | None = None
    sessions: int = 1
    gone: bool = False
    phase: Phase = Phase.WAITING
    started_s: float | None = None
    voice: AgentVoice = field(default_factory=AgentVoice)
    ear: CallerEar = field(init=False)
    transcript: Transcript = field(init=False)
    cost: Cost = field(init=False)
    frames_in: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    response_active: bool = False
    response_spoke: bool = False
    answering: bool = False
    cut_short: bool = False
    overlapped: bool = False
    unheard: set[str] = field(default_factory=set)
    retried: bool = False
    asked: Respond | None = None
    answer_due_s: float | None = None
    nudged: bool = False
    greeted: bool = False
    guarding: bool = False
    held_ms: float | None = None
    unanswered: list[str] = field(default_factory=list)
    orphans: deque[str] = field(default_factory=deque)
    replaced: "Replaced | None" = None
    faint: bool = False
    loud_since_s: float = 0.0
    heard_of_provider_s: float = 0.0
    leaving: Leaving | None = None
    failure: str | None = None
    ending: Ending | None = None

    def __post_init__(self) -> None:
        self.cost = Cost(self.resumption.cost_cents if self.resumption else 0.0)
        earlier = self.resumption.history if self.resumption else ()
        self.transcript = Transcript(self.resumption.turns + 1 if self.resumption else 1, earlier)
        interruption = self.plan.interruption
        self.ear = CallerEar(interruption.threshold_dbfs, interruption.min_speech_ms)
        greets = bool(self.plan.greeting) and self.resumption is None
        self.guarding = greets and not self.plan.greeting_interruptible

    @property
    def provider(self) -> str:
        """The name of the provider that speaks."""
        return self.session.provider

    @property
    def provider_open(self) -> bool:
        """Whether there is a session that hears us."""
        return self.session.opened and not self.gone

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
        return self.clock_base_ms + (self.session.first_passed_ms or 0) + session_ms

    def heard_of_open_turns(self, now_s: float) -> dict[str, int]:
        """How much (ms) was heard of each agent turn neither heard to the end nor cut."""
        stream_ms = self.stream_ms(now_s)
        return {item: self.voice.heard_ms(item, stream_ms) for item in self.transcript.open_agent_items()}

    def sound_ms(self, item_id: str) -> int:
        """How much of an agent turn's sound has arrived."""
        return self.voice.received_ms(item_id)

    def provider_failed(self, code: str, message: str, *, retryable: bool, fatal: bool) -> Action:
        """The fact that the provider failed."""
        return Append(
            ProviderFailed(
                provider=self.provider, code=code, message=message, retryable=retryable, fatal=fatal
            )
        )

    def expect_answer(self, now_s: float) -> Iterator[Action]:
        """The agent owes an answer from now on."""
        self.answer_due_s = now_s + ANSWER_LIMIT_S
        self.nudged = False
        yield SetTimer(Timer.ANSWER, now_s + ANSWER_NUDGE_S)

    def expect_nothing(self) -> Iterator[Action]:
        """The agent owes nothing."""
        if self.answer_due_s is not None:
            self.answer_due_s = None
            self.nudged = False
            yield SetTimer(Timer.ANSWER, None)

    def ask(self, command: Command, words: Respond, now_s: float) -> Iterator[Action]:
        """Ask the agent to speak.

        Args:
            command: What the session is told.
            words: What another session would be told, should this one fail before it speaks.
            now_s: The present.
        """
        self.asked = words
        yield ToProvider(command)
        yield from self.expect_answer(now_s)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A session that was lost: whose, why, when, and what it left undone."""

    provider: str
    reason: str
    at_s: float
    broke_off: bool


def append_all(events: Iterator[CallEvent]) -> Iterator[Action]:
    """Facts as actions."""
    for event in events:
        yield Append(event)
