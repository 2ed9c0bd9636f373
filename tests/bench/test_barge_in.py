"""Callers who cut in: drawn over the whole answer, and judged by what the carrier's line says."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from bench.barge_in.caller import EDGE_MS, CuttingCaller, onset_of
from bench.barge_in.judging import Outcomes, Reported, judge
from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.scenarios.caller import CallerScript
from bench.sound import mulaw
from store.call_events import BargeIn
from tests.bench.sounds import clip
from tests.gateway.whole_call import NUMBER, PROVIDERS, house

ANSWER, WORDS = clip(3000, 1), clip(900, 2)
CUTS = 6
REPLY = Reply((Speak(ANSWER),))
AGENT = AgentScript(prompted=(REPLY,), turns=tuple(Turn("words", REPLY) for _ in range(CUTS + 1)))


def test_speech_begins_where_it_stays_loud_for_as_long_as_a_flow_asks_for() -> None:
    assert onset_of(WORDS.sound) == 0
    click = WORDS.sound[: 20 * mulaw.BYTES_PER_MS] + mulaw.silence(50)
    assert onset_of(click + WORDS.sound) == len(click)
    assert onset_of(mulaw.silence(37) + WORDS.sound) == 35 * mulaw.BYTES_PER_MS
    faint = mulaw.encode((mulaw.decode(WORDS.sound) // 200).astype("int16"))
    assert onset_of(faint + WORDS.sound) == len(faint)


async def cut_in(tmp_path: Path, provider: str) -> tuple[CuttingCaller, list[Reported]]:
    async with house(tmp_path, AGENT, providers=(provider,)) as there:
        call = await there.twilio.dial_in(NUMBER, CallerScript())
        caller = CuttingCaller(call, (WORDS,), ANSWER.duration_ms, random.Random(3))
        await caller.run(CUTS)
        log = await there.log(await there.call_over(call))
    events = [logged.event for logged in log]
    return caller, [Reported(e.at_ms, e.heard_ms) for e in events if isinstance(e, BargeIn)]


def judged(caller: CuttingCaller, reports: list[Reported]) -> Outcomes:
    outcomes = Outcomes()
    judge(caller, caller.call.streams[0], ANSWER.duration_ms, reports, outcomes)
    return outcomes


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.whole_call
@pytest.mark.virtual_time(wall=True)
async def test_each_cut_is_accounted_for(provider: str, tmp_path: Path) -> None:
    caller, reports = await cut_in(tmp_path, provider)
    sound = judged(caller, reports)
    assert len(caller.cuts) == CUTS
    assert len(sound.clear_ms) + sound.too_late == CUTS
    assert len(sound.clear_ms) >= 3
    assert (sound.missed, sound.unreported) == (0, 0)
    # On the virtual clock nothing takes time but speech itself: 40 ms, and what is left of a frame.
    assert all(20 < ms <= 60 for ms in sound.clear_ms)
    assert all(0 <= ms < 1 for ms in sound.decide_ms)
    assert all(error < 20 for error in sound.heard_error_ms)

    wrong = judged(caller, [replace(report, heard_ms=report.heard_ms + 500) for report in reports])
    assert all(error > 400 for error in wrong.heard_error_ms)
    assert judged(caller, []).unreported == len(sound.clear_ms)
    caller.call.streams[0].playback.clears.clear()
    assert judged(caller, reports).missed == len(sound.clear_ms)


@pytest.mark.whole_call
@pytest.mark.virtual_time(wall=True)
async def test_an_answer_that_never_comes_ends_the_call_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_from = CuttingCaller._answer_from

    async def twice(self: CuttingCaller, since: int) -> int:
        if len(self.cuts) == 2:
            await self.call.line.wait_until(since)
            raise TimeoutError
        return await answer_from(self, since)

    monkeypatch.setattr(CuttingCaller, "_answer_from", twice)
    caller, reports = await cut_in(tmp_path, "openai")
    outcomes = judged(caller, reports)
    assert len(caller.cuts) == 2
    assert (len(outcomes.clear_ms) + outcomes.too_late, outcomes.unanswered) == (2, 1)


def test_cuts_are_drawn_over_the_whole_answer_and_its_edges() -> None:
    caller = CuttingCaller.__new__(CuttingCaller)
    caller._answer_ms, caller._draw = ANSWER.duration_ms, random.Random(5)
    places = [caller._place_ms() for _ in range(1000)]
    assert 0 <= min(places) < max(places) < ANSWER.duration_ms
    # An even draw would put 67 into each edge; a tenth more of all cuts goes there.
    assert sum(place < EDGE_MS for place in places) > 120
    assert sum(place >= ANSWER.duration_ms - EDGE_MS for place in places) > 120
