"""What we tell the provider the caller heard, held against what the carrier really played: 200 random cuts.

The call core on one side, the simulated carrier's playback buffer on the other, a network that delays both
ways between them. No sockets: the position is a matter of arithmetic.
"""

import base64
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.simulators.twilio.playback import Playback
from bench.sound.timeline import Timeline
from gateway.call import actions as a
from gateway.call import inputs as i
from gateway.call.core import CallCore
from providers import session as p
from store import call_events as e
from tests.gateway.call_driver import LOUD, PLAN, PRICES, QUIET, speech

SAMPLES_PER_MS = 8
WORST_ERROR_MS = 100


@dataclass
class Line:
    """A core and a carrier with a network between them; times in ms."""

    up_ms: int
    down_ms: int
    now_ms: int = 0
    events: list[e.CallEvent] = field(default_factory=list)
    commands: list[p.Command] = field(default_factory=list)
    played_when_cleared_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._core = CallCore(PLAN, ("openai",), PRICES, 0.0)
        self._carrier = Playback(Timeline(), 0)
        self._queue: list[tuple[int, int, object]] = []
        self._order = 0
        self._timers: dict[i.Timer, int] = {}
        self._take(self._core.start())

    def later(self, delay_ms: int, what: object) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._order, what))

    def feed(self, happened: i.Input) -> None:
        self._take(self._core.feed(happened, self.now_ms / 1000))

    def _take(self, actions: list[a.Action]) -> None:
        for action in actions:
            match action:
                case a.SendAudio() | a.SendMark() | a.Clear():
                    self.later(self.down_ms, action)
                case a.SetTimer(timer=timer, at_s=None):
                    self._timers.pop(timer, None)
                case a.SetTimer(timer=timer, at_s=float() as at_s):
                    self._timers[timer] = round(at_s * 1000)
                case a.Append(event=event):
                    self.events.append(event)
                case a.ToProvider(command=command):
                    self.commands.append(command)
                case _:
                    pass

    def run_to(self, end_ms: int) -> None:
        while self.now_ms < end_ms:
            self.now_ms += 1
            while self._queue and self._queue[0][0] <= self.now_ms:
                self._arrive(heapq.heappop(self._queue)[2])
            for name in self._carrier.due_marks(self.now_ms * SAMPLES_PER_MS):
                self.later(self.up_ms, i.MarkEchoed(name))
            for timer in [timer for timer, at in self._timers.items() if at <= self.now_ms]:
                del self._timers[timer]
                self.feed(i.TimerFired(timer))

    def _arrive(self, what: object) -> None:
        now = self.now_ms * SAMPLES_PER_MS
        match what:
            case a.SendAudio(payload=payload):
                self._carrier.enqueue(now, base64.b64decode(payload))
            case a.SendMark(name=name):
                self._carrier.mark(now, name)
            case a.Clear():
                cleared = self._carrier.clear(now)
                self.played_when_cleared_ms.append(cleared.played / SAMPLES_PER_MS)
                for name in cleared.marks:
                    self.later(self.up_ms, i.MarkEchoed(name))
            case i.CallerAudio() | i.MarkEchoed() | i.ProviderSaid():
                self.feed(what)
            case _:
                raise AssertionError(what)

    def caller_frames(self, from_ms: int, until_ms: int, level: int) -> None:
        """Frames leave the carrier when they are full."""
        for at_ms in range(from_ms, until_ms, 20):
            audio = i.CallerAudio(speech(20, level), at_ms)
            self.later(at_ms + 20 - self.now_ms + self.up_ms, audio)


def chunks(total_ms: int, sizes_ms: list[int]) -> Iterator[int]:
    """Cut so much speech into the sizes in turn."""
    for size in cycle(sizes_ms):
        if total_ms <= 0:
            return
        yield min(size, total_ms)
        total_ms -= size


@settings(max_examples=200, deadline=None)
@given(
    answer_ms=st.integers(400, 8_000),
    cut_share=st.floats(0, 1),
    sizes_ms=st.lists(st.integers(10, 400), min_size=1, max_size=4),
    speed=st.floats(1.2, 8),
    up_ms=st.integers(0, 40),
    down_ms=st.integers(0, 40),
)
def test_the_heard_position_is_within_100_ms_of_what_was_played(
    answer_ms: int, cut_share: float, sizes_ms: list[int], speed: float, up_ms: int, down_ms: int
) -> None:
    line = Line(up_ms, down_ms)
    line.feed(i.ProviderSaid(p.SessionOpened("s", "gpt-realtime-2.1")))
    line.feed(i.StreamStarted("MZ1"))
    line.feed(i.ProviderSaid(p.ResponseStarted("r1")))
    written_ms = 0
    for size_ms in chunks(answer_ms, sizes_ms):
        said = p.AgentAudio("a1", speech(size_ms))
        line.later(round(written_ms / speed), i.ProviderSaid(said))
        written_ms += size_ms
    done_ms = round(answer_ms / speed) + 1
    for event in (p.AgentAudioDone("a1"), p.AgentText("a1", "words"), p.ResponseEnded("r1", "completed")):
        line.later(done_ms, i.ProviderSaid(event))
    cut_ms = round(cut_share * answer_ms) // 20 * 20
    line.caller_frames(0, cut_ms, QUIET)
    line.caller_frames(cut_ms, cut_ms + 400, LOUD)
    line.later(cut_ms + 200 + up_ms, i.ProviderSaid(p.CallerSpeechStarted("c1", cut_ms)))
    line.run_to(cut_ms + 600)

    told = [x for x in line.events if isinstance(x, e.BargeIn)]
    truncated = [x for x in line.commands if isinstance(x, p.Truncate)]
    assert len(told) == len(truncated) <= 1
    assert bool(told) == bool(line.played_when_cleared_ms), "a clear is always a cut here, and the other way"
    for barge_in, truncate, played_ms in zip(told, truncated, line.played_when_cleared_ms, strict=True):
        assert barge_in.heard_ms == truncate.heard_ms <= min(written_ms, answer_ms)
        assert abs(barge_in.heard_ms - played_ms) <= WORST_ERROR_MS
        held = barge_in.at_ms <= cut_ms + 40 + up_ms
        assert held or cut_ms < 60, "held with the second loud frame, if there was a sound to hold by then"
