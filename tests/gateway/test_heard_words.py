"""Which words were heard: whole ones, in step with the sound, never more than there are."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.call.heard_words import WordClock

TEXT = "We are open on Saturday"


def test_without_notes_words_are_spoken_evenly_and_only_whole_ones_count() -> None:
    clock = WordClock()
    assert clock.words_heard(TEXT, 500, 1000) == "We are open"
    assert clock.words_heard(TEXT, 60, 1000) == ""


def test_nothing_heard_is_no_word_and_all_heard_is_all() -> None:
    clock = WordClock()
    assert clock.words_heard(TEXT, 0, 1000) == ""
    assert clock.words_heard(TEXT, 1000, 1000) == TEXT
    assert clock.words_heard(TEXT, 1500, 1000) == TEXT
    assert clock.words_heard("", 500, 1000) == ""


def test_words_that_came_with_later_sound_are_not_heard_before_it() -> None:
    clock = WordClock()
    clock.note(0, 0)
    clock.note(2000, len("We are"))
    assert clock.words_heard(TEXT, 1990, 4000) == "We"
    assert clock.words_heard(TEXT, 2000, 4000) == "We are"


def test_of_two_notes_at_one_time_the_first_counts() -> None:
    clock = WordClock()
    clock.note(1000, 6)
    clock.note(1000, 12)
    assert clock.words_heard(TEXT, 1000, 2000) == "We are"


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6)), max_size=12),
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.integers(1, 5000),
)
def test_longer_hearing_never_takes_words_back(
    steps: list[tuple[int, int]], one_ms: int, other_ms: int, sound_ms: int
) -> None:
    clock, at_ms, characters = WordClock(), 0, 0
    for later_ms, more in steps:
        at_ms, characters = at_ms + later_ms, min(len(TEXT), characters + more)
        clock.note(at_ms, characters)
    less, more_heard = (clock.words_heard(TEXT, ms, sound_ms) for ms in sorted((one_ms, other_ms)))
    assert TEXT.startswith(more_heard)
    assert more_heard.startswith(less)
