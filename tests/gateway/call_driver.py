"""Drives a call core with plain values: a clock of its own, a carrier that plays in real time."""

import base64
from collections.abc import Iterable
from typing import TypeVar

from flows.call_plan import CallPlan, ToolSpec
from gateway.call import actions as a
from gateway.call import inputs as i
from gateway.call.core import CallCore
from gateway.call.state import Resumption
from providers import session as p
from providers.prices import PriceTable
from store.call_events import CallEvent

PRICES = PriceTable.load(None)
LOUD, QUIET = 0x2A, 0xFF
"""Levels of mu-law: speech that nobody overhears, and silence."""

T = TypeVar("T")
E = TypeVar("E", bound=CallEvent)

PLAN = CallPlan(
    instructions="Be brief.",
    greeting="Hello, this is Willow Creek Dental.",
    voice="alloy",
    tools=(ToolSpec("end_call", "", {}),),
    transfer_targets={"front_desk": "+15550001111"},
    announcement=None,
    takes_voicemail=True,
)


def speech(ms: int, level: int = 0x2A) -> str:
    """Base64 mu-law of a length."""
    return base64.b64encode(bytes([level]) * (ms * 8)).decode()


class Driver:
    """A core, a clock, and everything it ever asked for."""

    def __init__(
        self,
        plan: CallPlan = PLAN,
        resumption: Resumption | None = None,
        providers: tuple[str, ...] = ("openai",),
    ) -> None:
        self.now = 100.0
        self.core = CallCore(plan, providers, PRICES, self.now, resumption)
        self.session = 1
        self.actions: list[a.Action] = []
        self.timers: dict[i.Timer, float] = {}
        self._queued: list[tuple[float, str]] = []  # (played at, mark)
        self._playhead = 0.0
        self._take(self.core.start())

    # Inputs

    def feed(self, happened: i.Input) -> list[a.Action]:
        actions = self.core.feed(happened, self.now)
        self._take(actions)
        return actions

    def say(self, *events: p.Event) -> list[a.Action]:
        return [a for event in events for a in self.feed(i.ProviderSaid(event, self.session))]

    def open(self) -> list[a.Action]:
        """The session asked for last is ready."""
        self.session = self.of(a.OpenSession)[-1].number
        return self.say(p.SessionOpened(f"sess_{self.session}", "gpt-realtime-2.1"))

    def sound(self, ms: int, level: int = LOUD) -> list[a.Action]:
        """The caller makes a sound, frame by frame, in real time."""
        actions: list[a.Action] = []
        for _ in range(ms // 20):
            self.run(0.02)
            at_ms = round((self.now - 100.0) * 1000) - 20
            actions += self.feed(i.CallerAudio(speech(20, level), at_ms))
        return actions

    def cut_in(self, item: str, ms: int = 60) -> list[a.Action]:
        """The caller speaks so that our ear and the provider's hear it."""
        actions = self.sound(ms)
        start = round((self.now - 100.0) * 1000) - ms
        return actions + self.say(p.CallerSpeechStarted(item, start))

    def connect(self) -> list[a.Action]:
        return self.feed(i.StreamStarted("MZ1"))

    def answer(self, item: str, text: str, ms: int, *, finished: bool = True) -> list[a.Action]:
        """The provider writes a whole answer at once."""
        done: list[p.Event] = [p.ResponseStarted(f"r_{item}"), p.ItemAdded(item, "agent")]
        done += [p.AgentAudio(item, speech(ms)), p.AgentTextDelta(item, text)]
        if finished:
            done += [p.AgentAudioDone(item), p.AgentText(item, text), ended(item)]
        return self.say(*done)

    def caller_says(self, item: str, text: str | None, ms: int) -> None:
        start = round((self.now - 100.0) * 1000)
        self.say(p.CallerSpeechStarted(item, start))
        self.run(ms / 1000)
        self.say(p.CallerSpeechStopped(item, start + ms), p.ItemAdded(item, "caller"))
        self.say(p.CallerText(item, text))

    def run(self, seconds: float) -> None:
        """Let time pass: marks come back when their audio has played, alarms go off."""
        end = self.now + seconds
        while True:
            due = [(at, "mark", name) for at, name in self._queued[:1]]
            due += [(at, "timer", timer) for timer, at in self.timers.items()]
            due = [entry for entry in due if entry[0] <= end]
            if not due:
                self.now = end
                return
            at, kind, what = min(due, key=lambda entry: entry[0])
            self.now = max(self.now, at)
            if kind == "mark":
                self._queued.pop(0)
                self.feed(i.MarkEchoed(str(what)))
            else:
                timer = i.Timer(what)
                del self.timers[timer]
                self.feed(i.TimerFired(timer))

    # What came of it

    def _take(self, actions: Iterable[a.Action]) -> None:
        for action in actions:
            self.actions.append(action)
            match action:
                case a.SetTimer(timer=timer, at_s=None):
                    self.timers.pop(timer, None)
                case a.SetTimer(timer=timer, at_s=float() as at_s):
                    self.timers[timer] = at_s
                case a.SendAudio(payload=payload):
                    size_s = len(base64.b64decode(payload)) / 8000
                    self._playhead = max(self._playhead, self.now) + size_s
                case a.SendMark(name=name):
                    self._queued.append((max(self._playhead, self.now), name))
                case a.Clear():
                    returned, self._queued = self._queued, []
                    self._playhead = self.now
                    self._queued = [(self.now, name) for _, name in returned]
                case _:
                    pass

    def of(self, kind: type[T]) -> list[T]:
        return [action for action in self.actions if isinstance(action, kind)]

    def events(self, kind: type[E]) -> list[E]:
        return [x.event for x in self.of(a.Append) if isinstance(x.event, kind)]

    @property
    def log(self) -> list[str]:
        return [x.event.type_name() for x in self.of(a.Append)]

    @property
    def commands(self) -> list[p.Command]:
        return [x.command for x in self.of(a.ToProvider)]

    @property
    def ending(self) -> a.Ending | None:
        finished = self.of(a.Finish)
        assert len(finished) <= 1, "a call finishes once"
        return finished[0].ending if finished else None

    @property
    def next_step(self) -> a.NextStep | None:
        closed = self.of(a.CloseStream)
        assert len(closed) <= 1, "a stream is closed once"
        return closed[0].next_step if closed else None


def ended(item: str, status: str = "completed", **fields: object) -> p.ResponseEnded:
    return p.ResponseEnded(f"r_{item}", status, **fields)  # type: ignore[arg-type]


def talking(plan: CallPlan = PLAN) -> Driver:
    """A call whose greeting has been heard."""
    driver = Driver(plan)
    driver.open()
    driver.connect()
    driver.answer("greet", "Hello, this is Willow Creek Dental.", 1200)
    driver.run(3)
    return driver
