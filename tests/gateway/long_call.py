"""A call of any length around a call core: a caller who speaks by a timetable, provider sessions that hear,
answer and reach their limit.

Every 20 ms a frame goes in, each of its own kind, so that what reached which session can be told afterwards.
The sessions hear those frames and nothing else: what a session was not given it cannot answer.
"""

import base64
import heapq
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from flows.call_plan import CallPlan
from gateway.call import actions as a
from gateway.call import inputs as i
from providers import session as p
from providers.capabilities import CAPABILITIES
from tests.gateway.call_driver import LOUD, PLAN, QUIET, Driver, speech

Provider = Literal["openai", "gemini"]

RINGING_S = 0.5
FRAME_S = 0.02
_BODY_BYTES = 153
_BODIES = {
    loud: base64.b64encode(bytes([LOUD if loud else QUIET]) * _BODY_BYTES).decode() for loud in (False, True)
}
_DIGITS, _SOFT = b"0123456789abcdef", bytes(range(0xF0, 0x100))
_TO_SOFT, _FROM_SOFT = bytes.maketrans(_DIGITS, _SOFT), bytes.maketrans(_SOFT, _DIGITS)
_CHUNK_MS = 600
_SPEED = 4


def frame(number: int, *, loud: bool) -> str:
    """Base64 of a frame that no other resembles: its number is in its last seven, very soft, samples."""
    tag = b"%07x" % number
    return _BODIES[loud] + base64.b64encode(tag.translate(_TO_SOFT)).decode()


def frame_number(payload: str) -> int:
    """Which frame it is."""
    return int(base64.b64decode(payload[-12:]).translate(_FROM_SOFT), 16)


@dataclass(frozen=True)
class Sound:
    """The caller is loud from `at_s` after the stream's start; without words it is a noise."""

    at_s: float
    ms: int
    words: str = ""

    @property
    def frames(self) -> range:
        first = round(self.at_s / FRAME_S)
        return range(first, first + self.ms // 20)


@dataclass(frozen=True)
class Manners:
    """How the sessions of a call behave.

    Attributes:
        provider: Whose they are.
        answers_ms: How long the answers to some words are; others take 6 s.
        written_s: How long after they were said some words are written down; others take 0.15 s.
        fails: How the opening of some sessions, by number, ends; others are ready after 0.3 s.
        life_s: How long each lives; as long as its provider's usually do unless it says otherwise.
        warns_s: How long before its end a session says so, if it does.
        handles: How many answers of a session are followed by a handle to resume it with.
    """

    provider: Provider
    answers_ms: Mapping[str, int] = field(default_factory=dict)
    written_s: Mapping[str, float] = field(default_factory=dict)
    fails: Mapping[int, Literal["refused", "silent"]] = field(default_factory=dict)
    life_s: float = 0.0
    warns_s: float | None = None
    handles: int = 1_000_000

    def __post_init__(self) -> None:
        usual_s = CAPABILITIES[self.provider].session_limit_s
        assert usual_s is not None
        object.__setattr__(self, "life_s", self.life_s or usual_s)


class SimulatedSession:
    """One provider session: finds the caller's turns in what it is given and answers them."""

    def __init__(self, call: "LongCall", opened: a.OpenSession) -> None:
        self._call = call
        self.number = opened.number
        self.opened = opened
        self.frames: list[int] = []
        self.told: tuple[p.HistoryTurn, ...] | None = None
        self.asked: list[p.Respond] = []
        self.cut: list[p.Command] = []
        self.closed = False
        self._item = ""
        self._begun = False
        self._run = 0
        self._sounds: set[Sound] = set()
        self._answers = count(1)

    def begin(self) -> None:
        manners = self._call.manners
        match manners.fails.get(self.number):
            case "refused":
                refused = p.ErrorReported("server_error", "overloaded", retryable=True, fatal=True)
                self._later(0.3, refused)
            case "silent":
                pass
            case None:
                lasts_s = manners.life_s if manners.provider == "openai" else None
                self._later(0.3, p.SessionOpened(f"sess_{self.number}", "model", lasts_s))
                self._end(manners)

    def _end(self, manners: Manners) -> None:
        life_s = manners.life_s
        if manners.warns_s is not None:
            self._later(life_s - manners.warns_s, p.SessionExpiring(manners.warns_s))
        if manners.provider == "openai":
            message = "Your session hit the maximum duration of 60 minutes."
            expired = p.ErrorReported("session_expired", message, retryable=True, fatal=True)
            self._later(life_s, expired, p.SessionClosed(1001, message))
        else:
            self._later(life_s, p.SessionClosed(1011, "Deadline expired"))

    def hear(self, number: int, sound: Sound | None) -> None:
        self.frames.append(number)
        speaks = sound is not None and bool(sound.words)
        if sound is not None and speaks:
            self._sounds.add(sound)
        self._run = self._run + 1 if speaks != bool(self._item) else 0
        if not self._item and self._run == 3:
            self._run = 0
            self._item = f"s{self.number}.c{len(self.frames)}"
            self._later(0.02, p.CallerSpeechStarted(self._item, (len(self.frames) - 3) * 20))
        elif self._item and self._run == 25:
            self._turn_over()
        if self._item and not self._begun and self._call.manners.provider == "gemini":
            self._begun = True
            self._later(0.5, p.CallerTextDelta(self._item, "First words"))

    def _turn_over(self) -> None:
        item, self._item, self._run, self._begun = self._item, "", 0, False
        sounds, self._sounds = sorted(self._sounds, key=lambda each: each.at_s), set()
        words = " ".join(each.words if self._heard_all(each) else f"…{each.words}" for each in sounds)
        self._later(0.02, p.CallerSpeechStopped(item, len(self.frames) * 20), p.ItemAdded(item, "caller"))
        manners = self._call.manners
        self._later(manners.written_s.get(words, 0.15), p.CallerText(item, words))
        self.answer(f"re {words}", manners.answers_ms.get(words, 6000))

    def _heard_all(self, sound: Sound) -> bool:
        return set(sound.frames) <= set(self.frames[-len(sound.frames) - 200 :])

    def answer(self, text: str, ms: int) -> None:
        number = next(self._answers)
        name = f"s{self.number}.a{number}"
        self._later(0.3, p.ResponseStarted(f"r_{name}"), p.ItemAdded(name, "agent"))
        at_s = 0.3
        for begin_ms in range(0, ms, _CHUNK_MS):
            length_ms = min(_CHUNK_MS, ms - begin_ms)
            words = text if begin_ms == 0 else ""
            self._later(at_s, p.AgentAudio(name, speech(length_ms)), p.AgentTextDelta(name, words))
            at_s += length_ms / 1000 / _SPEED
        done: list[p.Event] = [p.AgentAudioDone(name), p.AgentText(name, text)]
        self._later(at_s, *done, p.ResponseEnded(f"r_{name}", "completed"))
        if self._call.manners.provider == "gemini" and number <= self._call.manners.handles:
            self._later(at_s, p.SessionResumable(f"handle {name}"))

    def take(self, command: p.Command) -> None:
        match command:
            case p.Remember(turns=turns):
                assert self.told is None, "a session is told once"
                self.told = turns
            case p.Respond():
                self.asked.append(command)
                self.answer(f"said {len(self.asked)} of session {self.number}", 3000)
            case p.CancelAnswer() | p.Truncate():
                self.cut.append(command)
            case _:
                raise AssertionError(f"nothing asks for {command}")

    def _later(self, delay_s: float, *events: p.Event) -> None:
        self._call.later(delay_s, self, events)


@dataclass(frozen=True)
class Change:
    """Another session was taken into use."""

    at_s: float
    number: int
    caller_speaks: bool
    agent_speaks: bool


class LongCall(Driver):
    """A call whose caller makes these sounds, in sessions of these manners."""

    def __init__(self, sounds: Iterable[Sound], manners: Manners, plan: CallPlan = PLAN) -> None:
        self.manners = manners
        self.sounds = sorted(sounds, key=lambda sound: sound.at_s)
        self._begins = [sound.frames.start for sound in self.sounds]
        self._ends = [sound.frames.stop for sound in self.sounds]
        self.sessions: dict[int, SimulatedSession] = {}
        self.changes: list[Change] = []
        self.frames = 0
        self.started_s = 0.0
        self._used = 0
        self._due: list[tuple[float, int, SimulatedSession, Sequence[p.Event]]] = []
        self._order = count()
        super().__init__(plan, providers=(manners.provider,))
        self._until(self.now + RINGING_S)
        self.started_s = self.now
        self.connect()

    def sound_at(self, number: int) -> Sound | None:
        """What the caller utters in a frame."""
        at = bisect_right(self._begins, number) - 1
        return self.sounds[at] if at >= 0 and number < self._ends[at] else None

    def later(self, delay_s: float, session: SimulatedSession, events: Sequence[p.Event]) -> None:
        heapq.heappush(self._due, (self.now + delay_s, next(self._order), session, events))

    def say_in(self, session: int, event: p.Event) -> None:
        """A session says something beside its part."""
        self.feed(i.ProviderSaid(event, session))

    def listen(self, until_s: float) -> None:
        """Let the call go on, frame by frame, to this time after the stream's start."""
        while self.frames * FRAME_S < until_s - FRAME_S / 2:
            number = self.frames
            self._until(self.started_s + (number + 1) * FRAME_S)
            loud = self.sound_at(number) is not None
            self.feed(i.CallerAudio(frame(number, loud=loud), number * 20))
            self.frames += 1

    def _until(self, end_s: float) -> None:
        while self._due and self._due[0][0] <= end_s:
            at_s, _, session, events = heapq.heappop(self._due)
            self.run(max(0.0, at_s - self.now))
            for event in events:
                if not session.closed:
                    self.feed(i.ProviderSaid(event, session.number))
        self.run(max(0.0, end_s - self.now))

    def _take(self, actions: Iterable[a.Action]) -> None:
        others = []
        for action in actions:
            if isinstance(action, a.PassAudio):  # too many to keep
                number = frame_number(action.payload)
                self.sessions[self._used].hear(number, self.sound_at(number))
            else:
                others.append(action)
                self._serve(action)
        super()._take(others)

    def _serve(self, action: a.Action) -> None:
        match action:
            case a.ToProvider(command=command):
                self.sessions[self._used].take(command)
            case a.OpenSession(number=number):
                self.sessions[number] = SimulatedSession(self, action)
                self.sessions[number].begin()
            case a.UseSession(number=number):
                self._used = number
                self._note_change(number)
            case a.CloseSession(number=number):
                self.sessions[number].closed = True
            case _:
                pass

    def _note_change(self, number: int) -> None:
        at_s = self.now - self.started_s
        caller_speaks = self.sound_at(round(at_s / FRAME_S)) is not None
        self.changes.append(Change(at_s, number, caller_speaks, self._playhead > self.now))
