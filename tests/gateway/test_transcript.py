"""The transcript: every turn once, in the order spoken, whatever comes late or never."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.transcript import PARTIAL_INTERVAL_MS, Transcript
from store.call_events import CallEvent, Party, TranscriptFinal, TranscriptPartial


def finals(events: Iterable[CallEvent]) -> list[tuple[str, str, str]]:
    return [(x.turn_id, x.party, x.text) for x in events if isinstance(x, TranscriptFinal)]


def only(events: Iterable[CallEvent]) -> TranscriptFinal:
    (final,) = events
    assert isinstance(final, TranscriptFinal)
    return final


def test_a_callers_words_that_come_late_still_stand_before_the_answer() -> None:
    transcript = Transcript()
    assert transcript.start("c", "caller", 1000) == "turn_1"
    transcript.stopped("c", 1900)
    assert transcript.start("a", "agent", 2400) == "turn_2"
    assert finals(transcript.complete("a", "Yes.", 2600)) == []
    assert finals(transcript.heard("a", 700, 3200, interrupted=False)) == []
    assert transcript.awaits_caller_text()
    first, second = transcript.complete("c", " Are you open? ", 3300)
    assert first == TranscriptFinal(
        turn_id="turn_1", party="caller", text="Are you open?", started_ms=1000, ended_ms=1900
    )
    assert second == TranscriptFinal(
        turn_id="turn_2", party="agent", text="Yes.", started_ms=2400, ended_ms=3200, heard_ms=700
    )
    assert not transcript.awaits_caller_text()


def test_an_agents_turn_leaves_when_it_is_both_written_and_heard() -> None:
    for written_first in (True, False):
        transcript = Transcript()
        transcript.start("a", "agent", 0)
        steps = [
            lambda t=transcript: t.complete("a", "Hello.", 100),
            lambda t=transcript: t.heard("a", 500, 600, interrupted=False),
        ]
        first, second = steps if written_first else reversed(steps)
        assert list(first()) == []
        assert only(second()).text == "Hello."


def test_a_turn_keeps_its_place_and_id_when_it_is_started_again() -> None:
    transcript = Transcript(first_turn=7)
    assert transcript.start("c", "caller", 10) == "turn_7"
    assert transcript.start("c", "agent", 99) == "turn_7"
    assert transcript.turn_id("c") == "turn_7"
    assert transcript.turn_id("nobody") is None
    assert only(transcript.complete("c", "Hm.", 120)) == TranscriptFinal(
        turn_id="turn_7", party="caller", text="Hm.", started_ms=10, ended_ms=120
    )


def test_partials_are_cumulative_and_not_too_many() -> None:
    transcript = Transcript()
    transcript.start("a", "agent", 0)
    said = [x for ms in range(0, 1000, 50) for x in transcript.delta("a", f" w{ms}", ms)]
    assert [x.text for x in said if isinstance(x, TranscriptPartial)] == [
        " ".join(f"w{ms}" for ms in range(0, until + 1, 50)) for until in range(0, 1000, PARTIAL_INTERVAL_MS)
    ]


def test_nothing_is_shown_of_blanks_of_a_stranger_or_after_the_full_text() -> None:
    transcript = Transcript()
    transcript.start("a", "agent", 0)
    assert list(transcript.delta("a", " \n", 0)) == []
    assert list(transcript.delta("nobody", "x", 0)) == []
    list(transcript.complete("a", "Hello.", 10))
    assert list(transcript.delta("a", "more", 999)) == []


def test_a_cut_answer_keeps_what_was_written_and_says_how_much_was_heard() -> None:
    transcript = Transcript()
    transcript.start("a", "agent", 0)
    list(transcript.delta("a", "A long ", 100))
    list(transcript.delta("a", "story", 150))
    final = only(transcript.heard("a", 400, 900, interrupted=True))
    assert (final.text, final.heard_ms, final.interrupted, final.ended_ms) == ("A long story", 400, True, 900)
    assert list(transcript.complete("a", "A long story that goes on", 950)) == []


def test_an_item_whose_turn_has_left_does_not_begin_another() -> None:
    transcript = Transcript()
    transcript.start("a", "agent", 0)
    only(transcript.heard("a", 400, 900, interrupted=True))
    assert transcript.start("a", "agent", 950) == "turn_1", "the provider goes on about what was cut"
    assert list(transcript.complete("a", "A long story", 950)) == []
    assert transcript.open_agent_items() == []
    assert list(transcript.finish(1000)) == []


def test_words_that_cannot_be_had_are_said_to_be_missing() -> None:
    transcript = Transcript()
    transcript.start("c", "caller", 0)
    final = only(transcript.complete("c", None, 500))
    assert (final.text, final.missing) == ("", True)


def test_given_up_turns_leave_and_are_replaced_when_their_words_come_after_all() -> None:
    transcript = Transcript()
    transcript.start("c", "caller", 0)
    transcript.start("speaking", "caller", 2000)
    assert list(transcript.give_up_waiting(2500)) == [], "neither has stopped"
    transcript.stopped("c", 900)
    assert only(transcript.give_up_waiting(7000)).missing
    assert transcript.caller_is_speaking()
    late = only(transcript.complete("c", "Hello?", 8000))
    assert (late.turn_id, late.text, late.missing, late.ended_ms) == ("turn_1", "Hello?", False, 900)
    assert list(transcript.complete("c", "Hello? again", 8100)) == []


def test_words_for_a_turn_given_up_but_still_behind_another_wait_their_turn() -> None:
    transcript = Transcript()
    transcript.start("a", "agent", 0)
    transcript.start("c", "caller", 500)
    transcript.stopped("c", 900)
    assert list(transcript.give_up_waiting(7000)) == []
    assert list(transcript.complete("c", "Wait!", 7100)) == [], "the agent's turn is not complete"
    list(transcript.complete("a", "One moment.", 7200))
    released = list(transcript.heard("a", 800, 7300, interrupted=False))
    assert finals(released) == [("turn_1", "agent", "One moment."), ("turn_2", "caller", "Wait!")]
    assert not any(x.missing for x in released if isinstance(x, TranscriptFinal))


def test_the_end_releases_what_was_heard_but_never_written_and_all_behind_it() -> None:
    transcript = Transcript()
    transcript.start("a", "agent", 0)
    list(transcript.delta("a", "Good mor", 50))
    list(transcript.heard("a", 600, 700, interrupted=False))  # its text never comes
    transcript.start("c", "caller", 800)
    list(transcript.complete("c", "Hello.", 1500))
    assert finals(transcript.finish(2000)) == [
        ("turn_1", "agent", "Good mor"),
        ("turn_2", "caller", "Hello."),
    ]


def test_the_end_says_of_each_open_turn_what_is_known() -> None:
    transcript = Transcript()
    transcript.start("a", "agent", 0)
    list(transcript.complete("a", "Good morning.", 50))
    transcript.start("c", "caller", 800)
    transcript.start("late", "caller", 1900)
    list(transcript.delta("late", "I wan", 1950))
    agent, unknown, begun = (x for x in transcript.finish(2000) if isinstance(x, TranscriptFinal))
    assert (agent.text, agent.interrupted, agent.missing) == ("Good morning.", True, False)
    assert (unknown.text, unknown.missing, unknown.ended_ms) == ("", True, 2000)
    assert (begun.text, begun.missing) == ("I wan", False)
    assert list(transcript.finish(3000)) == []


# ---- any order of things

ITEMS = [("a1", "agent"), ("c1", "caller"), ("a2", "agent"), ("c2", "caller")]
STEPS = ["start", "stopped", "delta", "complete", "no text", "heard", "cut", "give up"]


def apply(transcript: Transcript, step: str, item: str, party: Party, now_ms: int) -> Iterator[CallEvent]:
    match step:
        case "start":
            transcript.start(item, party, now_ms)
        case "stopped" if party == "caller":
            transcript.stopped(item, now_ms)
        case "delta":
            yield from transcript.delta(item, f"{item}~", now_ms)
        case "complete":
            yield from transcript.complete(item, f"{item}.", now_ms)
        case "no text" if party == "caller":
            yield from transcript.complete(item, None, now_ms)
        case "heard" | "cut" if party == "agent":
            yield from transcript.heard(item, 5, now_ms, interrupted=step == "cut")
        case "give up":
            yield from transcript.give_up_waiting(now_ms)


@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.sampled_from(ITEMS), st.integers(0, 400)),
        min_size=1,
        max_size=30,
    )
)
def test_every_turn_leaves_in_the_order_begun_and_once_unless_its_words_come_late(
    steps: list[tuple[str, tuple[str, Party], int]],
) -> None:
    transcript, now_ms, begun, gave_up = Transcript(), 0, [], False
    said: list[TranscriptFinal] = []
    for step, (item, party), later_ms in steps:
        now_ms += later_ms
        known = transcript.turn_id(item)
        events = list(apply(transcript, step, item, party, now_ms))
        if step == "start" and known is None:
            begun.append(transcript.turn_id(item))
        gave_up |= step == "give up"
        said += [x for x in events if isinstance(x, TranscriptFinal)]
    said += [x for x in transcript.finish(now_ms) if isinstance(x, TranscriptFinal)]
    first_said = list(dict.fromkeys(x.turn_id for x in said))
    assert first_said == begun, "all of them, in order"
    for turn_id in begun:
        versions = [x for x in said if x.turn_id == turn_id]
        assert len(versions) == 1 or (gave_up and len(versions) == 2 and versions[0].missing)
        assert all(x.ended_ms >= x.started_ms for x in versions)
        assert all((x.heard_ms is None) or x.party == "agent" for x in versions)


@pytest.mark.parametrize("method", ["complete", "heard", "stopped", "delta"])
def test_items_nobody_began_change_nothing(method: str) -> None:
    transcript = Transcript()
    match method:
        case "complete":
            assert list(transcript.complete("x", "text", 0)) == []
        case "heard":
            assert list(transcript.heard("x", 1, 0, interrupted=False)) == []
        case "stopped":
            transcript.stopped("x", 0)
        case _:
            assert list(transcript.delta("x", "text", 0)) == []
    assert list(transcript.finish(0)) == []
