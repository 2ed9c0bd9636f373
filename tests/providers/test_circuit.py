"""Circuits: when they open, who may try, when they close again; whatever happens in whatever order."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from providers.circuit import COOL_DOWN_S, FAILURES, MAX_COOL_DOWN_S, PROBE_S, WINDOW_S, Circuits


@dataclass
class Timeline:
    """Circuits and a clock that moves when told."""

    now_s: float = 1000.0
    circuits: Circuits = field(init=False)

    def __post_init__(self) -> None:
        self.circuits = Circuits(lambda: self.now_s)

    def fail(self, times: int = 1, *, every_s: float = 0.0, provider: str = "openai") -> None:
        for number in range(times):
            if number:
                self.now_s += every_s
            self.circuits.failed(provider)

    def half_open(self) -> None:
        self.fail(FAILURES)
        self.now_s += COOL_DOWN_S


def test_a_provider_nobody_complained_about_is_allowed() -> None:
    line = Timeline()
    assert line.circuits.allow("openai")
    assert line.circuits.states(["openai", "gemini"]) == {"openai": "closed", "gemini": "closed"}


def test_five_failures_open_it_and_no_other() -> None:
    line = Timeline()
    line.fail(FAILURES - 1, every_s=10)
    assert (line.circuits.state("openai"), line.circuits.allow("openai")) == ("closed", True)
    line.fail()
    assert (line.circuits.state("openai"), line.circuits.allow("openai")) == ("open", False)
    assert line.circuits.allow("gemini")
    assert line.circuits.states(["gemini", "openai"]) == {"gemini": "closed", "openai": "open"}


@pytest.mark.parametrize(("spread_s", "state"), [(WINDOW_S, "open"), (WINDOW_S + 1, "closed")])
def test_failures_count_for_a_minute(spread_s: float, state: str) -> None:
    line = Timeline()
    line.fail(FAILURES, every_s=spread_s / (FAILURES - 1))
    assert line.circuits.state("openai") == state


def test_failures_that_trickle_never_open_it() -> None:
    line = Timeline()
    line.fail(100, every_s=WINDOW_S / 3)
    assert line.circuits.state("openai") == "closed"


def test_a_success_between_them_forgives_all() -> None:
    line = Timeline()
    line.fail(FAILURES - 1)
    line.circuits.succeeded("openai")
    line.fail(FAILURES - 1)
    assert line.circuits.state("openai") == "closed"


def test_after_the_cool_down_one_call_tries() -> None:
    line = Timeline()
    line.fail(FAILURES)
    line.now_s += COOL_DOWN_S - 0.001
    assert (line.circuits.state("openai"), line.circuits.allow("openai")) == ("open", False)
    line.now_s += 0.001
    assert line.circuits.state("openai") == "half_open"
    assert [line.circuits.allow("openai") for _ in range(3)] == [True, False, False]
    line.circuits.succeeded("openai")
    assert (line.circuits.state("openai"), line.circuits.allow("openai")) == ("closed", True)


def test_looking_at_the_state_does_not_use_up_the_probe() -> None:
    line = Timeline()
    line.half_open()
    assert line.circuits.states(["openai"]) == {"openai": "half_open"}
    assert line.circuits.allow("openai")


def test_each_probe_that_fails_doubles_the_cool_down_up_to_a_limit() -> None:
    line = Timeline()
    line.fail(FAILURES)
    for cool_down_s in (15, 30, 60, 120, 120):
        line.now_s += cool_down_s - 0.001
        assert line.circuits.state("openai") == "open"
        line.now_s += 0.001
        assert line.circuits.allow("openai")
        line.fail()
        assert line.circuits.state("openai") == "open"


def test_after_a_success_the_next_trouble_starts_afresh() -> None:
    line = Timeline()
    line.half_open()
    line.fail()
    line.circuits.succeeded("openai")
    line.half_open()
    assert line.circuits.state("openai") == "half_open"


def test_a_probe_that_never_reports_expires() -> None:
    line = Timeline()
    line.half_open()
    assert line.circuits.allow("openai")
    line.now_s += PROBE_S - 0.001
    assert not line.circuits.allow("openai")
    line.now_s += 0.001
    assert [line.circuits.allow("openai") for _ in range(2)] == [True, False]


def test_old_sessions_that_break_do_not_prolong_the_cool_down() -> None:
    line = Timeline()
    line.fail(FAILURES)
    line.now_s += COOL_DOWN_S - 1
    line.fail(20)
    line.now_s += 1
    assert line.circuits.state("openai") == "half_open"


def test_who_has_nowhere_else_to_go_is_let_through() -> None:
    line = Timeline()
    line.fail(FAILURES)
    assert line.circuits.allow("openai", last_resort=True)
    assert not line.circuits.allow("openai")
    line.now_s += COOL_DOWN_S
    assert line.circuits.allow("openai", last_resort=True), "and is the probe"
    assert not line.circuits.allow("openai")
    assert line.circuits.allow("openai", last_resort=True)


def test_a_success_closes_even_an_open_one() -> None:
    line = Timeline()
    line.fail(FAILURES)
    line.circuits.succeeded("openai")
    assert line.circuits.state("openai") == "closed"


@given(st.lists(st.floats(0, WINDOW_S), max_size=40))
def test_it_opens_at_the_first_moment_five_failures_are_near_enough(gaps_s: list[float]) -> None:
    line, failed_at_s = Timeline(), list[float]()
    for gap_s in gaps_s:
        line.now_s += gap_s
        assert line.circuits.state("openai") == "closed"
        line.fail()
        failed_at_s.append(line.now_s)
        recent = [at_s for at_s in failed_at_s if line.now_s - at_s <= WINDOW_S]
        if len(recent) >= FAILURES:
            assert line.circuits.state("openai") == "open"
            return
    assert line.circuits.state("openai") == "closed"


class AnyOrder(RuleBasedStateMachine):
    """Calls that ask and report in any order, some never: what must hold all the while."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Timeline()
        self.failed_at_s: list[float] = []  # since the last success
        self.probed_at_s: float | None = None  # a probe let through and no report since

    @property
    def state(self) -> str:
        return self.line.circuits.state("openai")

    @rule(by_s=st.sampled_from([0.0, 0.5, 1.0, PROBE_S, COOL_DOWN_S, WINDOW_S, MAX_COOL_DOWN_S]))
    def time_passes(self, by_s: float) -> None:
        self.line.now_s += by_s

    @rule()
    def a_call_asks(self) -> None:
        before = self.state
        allowed = self.line.circuits.allow("openai")
        assert self.state == before, "asking changes no state"
        if before != "half_open":
            assert allowed == (before == "closed")
            return
        free = self.probed_at_s is None or self.line.now_s - self.probed_at_s >= PROBE_S
        assert allowed == free
        if allowed:
            self.probed_at_s = self.line.now_s

    @rule()
    def a_call_without_choice_asks(self) -> None:
        assert self.line.circuits.allow("openai", last_resort=True)
        free = self.probed_at_s is None or self.line.now_s - self.probed_at_s >= PROBE_S
        if self.state == "half_open" and free:
            self.probed_at_s = self.line.now_s

    @rule()
    def a_session_works(self) -> None:
        self.line.circuits.succeeded("openai")
        self.failed_at_s, self.probed_at_s = [], None
        assert self.state == "closed"

    @rule(times=st.integers(1, FAILURES))
    def sessions_fail(self, times: int) -> None:
        for _ in range(times):
            before = self.state
            self.line.fail()
            self.failed_at_s.append(self.line.now_s)
            if before == "half_open":
                assert self.state == "open"
                self.probed_at_s = None

    @invariant()
    def it_is_never_closed_to_calls_for_long(self) -> None:
        if self.state == "open":
            assert len(self.failed_at_s) >= FAILURES
            assert self.line.now_s - self.failed_at_s[-1] < MAX_COOL_DOWN_S

    @invariant()
    def another_provider_is_not_touched(self) -> None:
        assert self.line.circuits.state("gemini") == "closed"
        assert self.line.circuits.allow("gemini")


TestAnyOrder = AnyOrder.TestCase
