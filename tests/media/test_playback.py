"""Playback accounting against a carrier of its own: arithmetic on arrival times, nothing shared."""

import pickle
from collections import defaultdict
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from media.playback import CutItem, Playback

BYTES_PER_MS = 8


@dataclass
class Segment:
    """A piece of audio at the carrier; times are the carrier's."""

    item_id: str
    starts_ms: float
    size_bytes: float


@dataclass
class Echo:
    """A mark on its way back."""

    name: str
    due_ms: float


class Carrier:
    """Plays 8 bytes per millisecond; each direction of the wire takes `delay_ms`.

    What we send travels in order and with one delay, so everything that follows from it can be worked out
    the moment it is sent.
    """

    def __init__(self, delay_ms: float) -> None:
        self.delay_ms = delay_ms
        self.free_ms = 0.0
        self.segments: list[Segment] = []
        self.echoes: list[Echo] = []

    def take_audio(self, item_id: str, size_bytes: int, sent_ms: float) -> None:
        starts_ms = max(self.free_ms, sent_ms + self.delay_ms)
        self.segments.append(Segment(item_id, starts_ms, size_bytes))
        self.free_ms = starts_ms + size_bytes / BYTES_PER_MS

    def take_mark(self, name: str, sent_ms: float) -> None:
        reached_ms = max(self.free_ms, sent_ms + self.delay_ms)
        self.echoes.append(Echo(name, reached_ms + self.delay_ms))

    def take_clear(self, sent_ms: float) -> None:
        cleared_ms = sent_ms + self.delay_ms
        self.segments = []
        self.free_ms = cleared_ms
        for echo in self.echoes:
            echo.due_ms = min(echo.due_ms, cleared_ms + self.delay_ms)

    def heard_ms(self, item_id: str, now_ms: float) -> float:
        heard_bytes = sum(
            min(s.size_bytes, max(0.0, (now_ms - s.starts_ms) * BYTES_PER_MS))
            for s in self.segments
            if s.item_id == item_id
        )
        return heard_bytes / BYTES_PER_MS


class PlaybackMachine(RuleBasedStateMachine):
    """Any order of sends, marks, clears, waits and echoes that mean nothing."""

    @initialize(delay_ms=st.sampled_from([0, 1, 20, 90, 400]))
    def connect(self, delay_ms: int) -> None:
        self.now_ms = 0.0
        self.carrier = Carrier(delay_ms)
        self.playback = Playback()
        self.item = 0
        self.new_generation()
        self.void: list[str] = ["", "0", "0.0", "9.9", "x", "0.01", "-1.1", "999.1"]

    def new_generation(self) -> None:
        self.sent: defaultdict[str, int] = defaultdict(int)
        self.reported: defaultdict[str, int] = defaultdict(int)
        self.outstanding: list[str] = []
        self.unmarked = 0
        self.since_mark = 0
        self.widest_gap = 0
        self.ends_ms = 0.0

    def snapshot(self) -> tuple[object, ...]:
        heard = tuple(self.playback.heard_ms(item, self.now_ms) for item in self.sent)
        return heard, self.playback.unplayed_ms(self.now_ms), self.playback.drained()

    @rule(size=st.integers(1, 4000), next_item=st.booleans())
    def send(self, size: int, next_item: bool) -> None:
        self.item += next_item
        item_id = f"item_{self.item}"
        starts_ms = self.playback.send(item_id, size, self.now_ms)
        assert starts_ms == max(self.now_ms, self.ends_ms), "contiguous unless the buffer had run dry"
        self.ends_ms = starts_ms + size / BYTES_PER_MS
        self.carrier.take_audio(item_id, size, self.now_ms)
        self.sent[item_id] += size
        self.unmarked += size
        self.widest_gap = max(self.widest_gap, self.unmarked)

    @rule()
    def mark(self) -> None:
        name = self.playback.mark()
        assert name not in self.outstanding + self.void
        self.outstanding.append(name)
        self.unmarked = 0
        self.carrier.take_mark(name, self.now_ms)

    @rule(ms=st.one_of(st.integers(0, 40), st.integers(0, 3000)))
    def wait(self, ms: int) -> None:
        end_ms = self.now_ms + ms
        while self.carrier.echoes and self.carrier.echoes[0].due_ms <= end_ms:
            echo = self.carrier.echoes.pop(0)
            self.now_ms = max(self.now_ms, echo.due_ms)
            self.take_echo(echo.name)
            self.check_heard()
        self.now_ms = end_ms

    def take_echo(self, name: str) -> None:
        if name in self.outstanding:
            assert self.playback.echoed(name, self.now_ms)
            self.outstanding.remove(name)
            self.void.append(name)
            return
        before = self.snapshot()
        assert not self.playback.echoed(name, self.now_ms)
        assert self.snapshot() == before

    @rule(data=st.data())
    def echo_that_means_nothing(self, data: st.DataObject) -> None:
        self.take_echo(data.draw(st.sampled_from(self.void)))

    @rule()
    def clear(self) -> None:
        heard = {item: self.playback.heard_ms(item, self.now_ms) for item in self.sent}
        truth = {item: self.carrier.heard_ms(item, self.now_ms) for item in self.sent}
        cut = self.playback.clear(self.now_ms)
        assert [c.item_id for c in cut] == [c.item_id for c in cut if c.item_id in self.sent]
        for item in cut:
            assert item.sent_ms == self.sent[item.item_id] // BYTES_PER_MS
            assert item.heard_ms == heard[item.item_id] <= item.sent_ms
            assert abs(item.heard_ms - truth[item.item_id]) <= self.carrier.delay_ms + 1
        for item_id in set(self.sent) - {c.item_id for c in cut}:
            assert heard[item_id] == self.sent[item_id] // BYTES_PER_MS, "not cut: heard to its end"
        self.carrier.take_clear(self.now_ms)
        self.void += self.outstanding
        self.new_generation()
        assert self.playback.clear(self.now_ms) == ()

    @precondition(lambda self: self.playback.drained())
    @rule()
    def forget(self) -> None:
        before = self.playback.unplayed_ms(self.now_ms)
        self.playback.forget_heard()
        assert self.playback.unplayed_ms(self.now_ms) == before == 0
        assert all(self.playback.heard_ms(item, self.now_ms) == 0 for item in self.sent)
        self.sent.clear()
        self.reported.clear()
        self.carrier.segments.clear()
        self.item += 1

    @invariant()
    def check_heard(self) -> None:
        unplayed_ms = self.playback.unplayed_ms(self.now_ms)
        total_bytes = sum(self.sent.values())
        assert 0 <= unplayed_ms <= -(-total_bytes // BYTES_PER_MS)
        for item, size_bytes in self.sent.items():
            heard_ms = self.playback.heard_ms(item, self.now_ms)
            assert self.reported[item] <= heard_ms <= size_bytes // BYTES_PER_MS
            self.reported[item] = heard_ms
            truth_ms = self.carrier.heard_ms(item, self.now_ms)
            assert abs(heard_ms - truth_ms) <= self.carrier.delay_ms + 1, (item, heard_ms, truth_ms)
        assert self.playback.drained() == (not self.outstanding and not self.unmarked)
        assert self.playback.unmarked_bytes == self.unmarked


PlaybackMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestPlaybackAgainstACarrier = PlaybackMachine.TestCase


def queued(ms: int, mark_every_ms: int, now_ms: float = 0) -> tuple[Playback, list[str]]:
    """A playback with one item sent at once, a mark after each stretch."""
    playback, marks = Playback(), []
    for _ in range(ms // mark_every_ms):
        playback.send("a", mark_every_ms * BYTES_PER_MS, now_ms)
        marks.append(playback.mark())
    return playback, marks


@given(st.integers(1, 20), st.integers(0, 100_000))
def test_a_carrier_that_stands_still_is_believed_no_further_than_the_next_mark(
    echoes: int, later_ms: int
) -> None:
    playback, marks = queued(2_000, 100)
    for number, name in enumerate(marks[:echoes], 1):
        assert playback.echoed(name, 100 * number)
    heard_ms = playback.heard_ms("a", 100 * echoes + later_ms)
    assert 100 * echoes <= heard_ms <= 100 * (echoes + 1)


def test_an_echo_speaks_for_the_marks_before_it() -> None:
    playback, marks = queued(500, 100)
    assert playback.echoed(marks[2], 310)
    assert not playback.echoed(marks[0], 320)
    assert not playback.echoed(marks[1], 320)
    assert playback.heard_ms("a", 310) == 300
    assert playback.echoed(marks[4], 510)
    assert playback.drained()


def test_an_echo_that_comes_late_does_not_take_back_what_was_heard() -> None:
    playback, (first,) = queued(100, 100)
    playback.send("a", 800, 5_000)  # the buffer had run dry long before
    assert playback.heard_ms("a", 5_000) == 100
    assert playback.heard_ms("a", 5_049) == 100, "not past the mark still outstanding"
    assert playback.echoed(first, 5_050)
    assert playback.heard_ms("a", 5_050) == 100
    assert playback.heard_ms("a", 5_100) == 150


def test_a_clear_names_what_was_cut_in_order_and_nothing_that_was_heard() -> None:
    playback = Playback()
    for item in ("a", "b", "c"):
        playback.send(item, 800, 0)
    mark = playback.mark()
    assert playback.clear(150) == (CutItem("b", 50, 100), CutItem("c", 0, 100))
    assert not playback.echoed(mark, 170)
    assert playback.drained()
    assert playback.unplayed_ms(170) == 0
    assert playback.send("d", 8, 170) == 170, "what comes after a clear plays at once"
    assert playback.heard_ms("d", 171) == 1


def test_audio_without_a_mark_is_not_drained_however_old() -> None:
    playback = Playback()
    assert playback.drained()
    playback.send("a", 160, 0)
    assert not playback.drained()
    assert playback.unplayed_ms(1e9) == 0
    assert not playback.drained()
    mark = playback.mark()
    assert not playback.drained()
    assert playback.echoed(mark, 1e9)
    assert playback.drained()


@pytest.mark.parametrize("now_ms", [0.0, 0.124, 19.99])
def test_a_fraction_of_a_millisecond_counts_downward_for_heard_and_upward_for_unplayed(now_ms: float) -> None:
    playback = Playback()
    playback.send("a", 160, 0)
    assert playback.heard_ms("a", now_ms) == int(now_ms)
    assert playback.unplayed_ms(now_ms) == 20 - int(now_ms)


def test_a_long_call_keeps_no_account_of_what_was_heard() -> None:
    playback = Playback()
    sizes = []
    for turn in range(2_000):
        playback.send(f"item_{turn}", 800, turn * 100)
        assert playback.echoed(playback.mark(), (turn + 1) * 100)
        playback.forget_heard()
        sizes.append(len(pickle.dumps(playback)))
    assert max(sizes) <= sizes[0] + 40, "numbers grow longer, nothing else does"


def test_what_is_not_heard_to_its_end_is_not_forgotten() -> None:
    playback = Playback()
    playback.send("a", 800, 0)
    first = playback.mark()
    playback.send("b", 800, 0)
    assert playback.echoed(first, 100)
    playback.forget_heard()
    assert playback.heard_ms("b", 130) == 30
    assert playback.clear(130) == (CutItem("b", 30, 100),)
