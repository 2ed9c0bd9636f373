"""Calls longer than a provider session: the next one takes over in a pause, and nobody notices.

Whatever the caller says reaches one session, in order; what a session that takes over is given again is the
lead-in of silence, or what nothing has answered. The limits are the providers' own.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from gateway.call import actions as a
from providers import session as p
from store import call_events as e
from tests.gateway.long_call import LongCall, Manners, Provider, Sound

GREETING = "said 1 of session 1"


def questions(until_s: float, *, first_s: float = 8.0, every_s: float = 40.0) -> list[Sound]:
    """The caller asks something every so often; two questions in three are short."""
    times = [first_s + n * every_s for n in range(int((until_s - first_s - 15) // every_s) + 1)]
    return [Sound(at_s, 3000 if n % 3 == 0 else 1200, f"question {n}") for n, at_s in enumerate(times)]


def conversation(sounds: Sequence[Sound]) -> list[p.HistoryTurn]:
    """What is said in a call in which every question is answered."""
    turns = [p.HistoryTurn("agent", GREETING)]
    for sound in sounds:
        turns += [p.HistoryTurn("caller", sound.words), p.HistoryTurn("agent", f"re {sound.words}")]
    return turns


def transcript(call: LongCall) -> list[p.HistoryTurn]:
    """The turns released, each once."""
    finals = call.events(e.TranscriptFinal)
    assert len({final.turn_id for final in finals}) == len(finals), "no turn is told twice"
    return [p.HistoryTurn(final.party, final.text) for final in finals]


def replaced(call: LongCall) -> list[tuple[str, bool]]:
    return [(event.reason, event.planned) for event in call.events(e.ProviderReplaced)]


def in_use(call: LongCall) -> list[int]:
    return [change.number for change in call.changes]


def check_frames(call: LongCall) -> None:
    """Every frame reached a session, in order; only silence was left out, only a little was given twice."""
    missing = set(range(call.frames))
    for number in in_use(call):
        heard = call.sessions[number].frames
        assert all(later == earlier + 1 for earlier, later in pairwise(heard)), "in order, without a gap"
        missing -= set(heard)
    assert not [number for number in missing if call.sound_at(number)], "only silence is left out"
    for before, after in pairwise(in_use(call)):
        first, last = call.sessions[after].frames[0], call.sessions[before].frames[-1]
        assert first <= last + 1, "nothing is left out where one follows the other"


def check_agent(call: LongCall) -> None:
    """The agent was heard to the end of all it said."""
    assert call.of(a.Clear) == []
    finals = [final for final in call.events(e.TranscriptFinal) if final.party == "agent"]
    assert not [final for final in finals if final.interrupted or final.missing]
    heard_ms = sum(final.heard_ms or 0 for final in finals)
    sent_ms = sum(len(action.payload) * 3 // 4 for action in call.of(a.SendAudio)) // 8
    assert heard_ms == pytest.approx(sent_ms, abs=20 * len(finals))


def check_unnoticed(call: LongCall, sounds: Sequence[Sound]) -> None:
    """Everything a caller could notice is as in a call that no session left."""
    assert transcript(call) == conversation(sounds)
    check_frames(call)
    check_agent(call)
    assert asked(call) == 1, "beside the greeting nothing had to be asked for"


def asked(call: LongCall) -> int:
    """How often the agent was asked to speak."""
    return sum(len(session.asked) for session in call.sessions.values())


def check_pauses(call: LongCall) -> None:
    assert not [change for change in call.changes[1:] if change.caller_speaks or change.agent_speaks]


def test_seventy_minutes_with_openai() -> None:
    sounds = questions(4200)
    call = LongCall(sounds, Manners("openai"))
    call.listen(4200)
    check_unnoticed(call, sounds)
    assert replaced(call) == [("session_limit", True)]
    assert len(call.sessions) == 2
    assert "provider.failed" not in call.log
    check_pauses(call)
    (change,) = call.changes[1:]
    assert change.at_s == pytest.approx(3240, abs=30), "at nine tenths of an hour, or soon after"
    known = sum(sound.at_s < change.at_s for sound in sounds)
    assert call.sessions[2].told == tuple(conversation(sounds[:known]))
    given_again = call.sessions[1].frames[-1] - call.sessions[2].frames[0] + 1
    assert given_again == 25, "half a second of quiet, nothing that was answered"


def test_thirty_five_minutes_with_gemini() -> None:
    sounds = questions(2100)
    call = LongCall(sounds, Manners("gemini", warns_s=50))
    call.listen(2100)
    check_unnoticed(call, sounds)
    assert replaced(call) == [("session_limit", True)] * 3
    assert len(call.sessions) == 4
    assert "provider.failed" not in call.log
    check_pauses(call)
    begun = [session.opened for session in list(call.sessions.values())[1:]]
    assert all(opened.resume_handle for opened in begun), "the provider remembers"
    assert [session.told for session in list(call.sessions.values())[1:]] == [()] * 3


# From here on sessions of either provider live for ten minutes: another stands by from 540 s on.

LIFE_S = 600.0
either = pytest.mark.parametrize("provider", ["openai", "gemini"])
ENDS: dict[Provider, str] = {"openai": "session_expired", "gemini": "provider_closed_1011"}


def manners(provider: Provider, **others: Any) -> Manners:
    warns_s = 50 if provider == "gemini" else None
    return Manners(provider, **{"life_s": LIFE_S, "warns_s": warns_s, **others})


@either
def test_a_standby_that_cannot_be_opened_is_tried_again_in_time(provider: Provider) -> None:
    sounds = questions(660)
    call = LongCall(sounds, manners(provider, fails={2: "refused", 3: "silent"}))
    call.listen(660)
    check_unnoticed(call, sounds)
    check_pauses(call)
    assert in_use(call) == [1, 4]
    assert [event.code for event in call.events(e.ProviderFailed)] == ["server_error", "open_timeout"]
    assert all(call.sessions[number].closed for number in (1, 2, 3))
    known = sum(sound.at_s < call.changes[1].at_s for sound in sounds)
    told = call.sessions[4].told
    assert told == (() if call.sessions[4].opened.resume_handle else tuple(conversation(sounds[:known])))


@either
def test_a_sound_that_may_be_speech_is_no_pause(provider: Provider) -> None:
    sounds = [*questions(520), Sound(539.7, 300), Sound(570, 1200, "the end")]
    call = LongCall(sounds, manners(provider))
    call.listen(590)
    check_unnoticed(call, [sound for sound in sounds if sound.words])
    check_pauses(call)
    assert call.changes[1].at_s == pytest.approx(539.7 + 0.3 + 0.4, abs=0.1)


@either
def test_words_still_to_be_written_down_are_waited_for(provider: Provider) -> None:
    sounds = [*questions(500), Sound(536, 1200, "quick"), Sound(570, 1200, "the end")]
    call = LongCall(sounds, manners(provider, answers_ms={"quick": 900}, written_s={"quick": 5}))
    call.listen(590)
    check_unnoticed(call, sounds)
    assert call.changes[1].at_s == pytest.approx(536 + 1.2 + 0.5 + 5, abs=0.1)


@either
def test_a_standby_that_dies_is_replaced_before_it_is_needed(provider: Provider) -> None:
    speech = Sound(539, 25_000, "a story")
    sounds = [*questions(520), speech, Sound(590, 1200, "the end")]
    call = LongCall(sounds, manners(provider))
    call.listen(545)
    assert sorted(call.sessions) == [1, 2]
    call.say_in(2, p.SessionClosed(1011, "internal error"))
    call.listen(640)
    check_unnoticed(call, sounds)
    check_pauses(call)
    assert in_use(call) == [1, 3]


@either
def test_a_caller_who_never_pauses_is_heard_on_by_the_next_session(provider: Provider) -> None:
    sounds = [*questions(520), Sound(538, 80_000, "a long story"), Sound(640, 1200, "the end")]
    call = LongCall(sounds, manners(provider))
    call.listen(660)
    check_frames(call)
    check_agent(call)
    assert asked(call) == 1
    heard = [turn for turn in conversation(sounds) if "long" not in turn.text]
    assert [turn for turn in transcript(call) if "long" not in turn.text] == heard
    told = [turn.text for turn in transcript(call) if "long" in turn.text]
    assert told == ["…a long story", "re …a long story"], "one turn, of which the first part was another's"
    assert replaced(call) == [(ENDS[provider], False)]
    (change,) = call.changes[1:]
    assert change.at_s == pytest.approx(LIFE_S, abs=1), "as soon as the old one is dead"
    given_again = call.sessions[1].frames[-1] - call.sessions[2].frames[0] + 1
    assert given_again == 1500, "the last half minute"


@either
def test_what_the_caller_said_when_the_old_session_died_is_heard_whole_by_the_next(
    provider: Provider,
) -> None:
    sounds = [*questions(545), Sound(575, 40_000, "a story"), Sound(640, 1200, "the end")]
    tries = 2 if provider == "openai" else 3  # the provider's warning makes us try at once
    call = LongCall(sounds, manners(provider, fails=dict.fromkeys(range(2, 2 + tries), "silent")))
    call.listen(660)
    check_unnoticed(call, sounds)
    assert replaced(call) == [(ENDS[provider], False)]
    assert call.events(e.ProviderReplaced)[0].gap_ms == 0
    assert call.changes[1].at_s == pytest.approx(LIFE_S, abs=1)
    last = call.sessions[2 + tries]
    assert last.frames[0] == 575 * 50 - 25, "from the lead-in on"
    assert last.told == tuple(conversation(sounds[:-2]))


LONG_ANSWER = Sound(530, 1200, "tell me everything")


@either
def test_a_long_answer_is_heard_to_its_end_though_its_session_dies(provider: Provider) -> None:
    sounds = [*questions(520), LONG_ANSWER, Sound(640, 1200, "the end")]
    call = LongCall(sounds, manners(provider, answers_ms={LONG_ANSWER.words: 80_000}))
    call.listen(660)
    check_unnoticed(call, sounds)
    assert replaced(call) == [(ENDS[provider], False)]
    assert call.events(e.ProviderReplaced)[0].gap_ms == 0
    remembers = provider == "gemini"
    assert call.sessions[call.changes[-1].number].told == (
        () if remembers else tuple(conversation(sounds[:-1]))
    )


@either
def test_a_noise_that_holds_the_voice_while_its_session_dies_holds_it_no_longer(provider: Provider) -> None:
    sounds = [*questions(520), LONG_ANSWER, Sound(599.6, 200), Sound(640, 1200, "the end")]
    call = LongCall(sounds, manners(provider, answers_ms={LONG_ANSWER.words: 80_000}))
    call.listen(660)
    spoken = [sound for sound in sounds if sound.words]
    assert transcript(call) == conversation(spoken)
    check_frames(call)
    assert replaced(call) == [(ENDS[provider], False)]
    (ignored,) = call.events(e.SpeechIgnored)
    assert ignored.held_ms == pytest.approx(800, abs=20)
    (answer,) = [x for x in call.events(e.TranscriptFinal) if x.text == f"re {LONG_ANSWER.words}"]
    assert answer.heard_ms == pytest.approx(80_000, abs=20), "in whole frames, on both sides of the hold"
    assert asked(call) == 1


@either
def test_a_caller_who_cuts_in_while_the_session_dies_is_heard_by_the_next(provider: Provider) -> None:
    sounds = [*questions(520), LONG_ANSWER, Sound(599.92, 1200, "wait"), Sound(640, 1200, "the end")]
    call = LongCall(sounds, manners(provider, answers_ms={LONG_ANSWER.words: 80_000}))
    call.listen(660)
    assert transcript(call) == conversation(sounds), "no turn is lost, none is told twice"
    check_frames(call)
    (answer,) = [x for x in call.events(e.TranscriptFinal) if x.interrupted]
    begun_ms = 530_000 + 1200 + 500 + 300
    assert answer.heard_ms == pytest.approx(599_980 - begun_ms, abs=100)
    truncated = [p.Truncate("s1.a15", answer.heard_ms or 0, answer.heard_text or "")]
    assert call.sessions[2].cut == (truncated if provider == "openai" else [])


@either
def test_a_session_is_renewed_by_its_own_age_however_late_it_took_over(provider: Provider) -> None:
    sounds = [
        *questions(520),
        Sound(539, 48_000, "a story"),
        *questions(1110, first_s=610),
        Sound(1128, 22_000, "another story"),
        Sound(1170, 1200, "the end"),
    ]
    call = LongCall(sounds, manners(provider))
    call.listen(1190)
    check_unnoticed(call, sounds)
    check_pauses(call)
    assert replaced(call) == [("session_limit", True)] * 2
    # Gemini's had been opened anew by then, to remember the story, and is renewed after the other one.
    assert [change.at_s for change in call.changes[1:]] == pytest.approx(
        [594, 1080 if provider == "openai" else 1157], abs=2
    )


def test_a_session_that_says_it_ends_early_is_replaced_then() -> None:
    sounds = questions(400)
    call = LongCall(sounds, Manners("gemini", life_s=230, warns_s=50))
    call.listen(400)
    check_unnoticed(call, sounds)
    check_pauses(call)
    assert [change.at_s for change in call.changes[1:]] == pytest.approx([180, 360], abs=15)


def test_a_standby_that_remembers_too_little_gives_way_to_one_with_a_newer_handle() -> None:
    sounds = [*questions(520), Sound(538.5, 3000, "quickly"), Sound(570, 1200, "the end")]
    call = LongCall(sounds, manners("gemini"))
    call.listen(600)
    check_unnoticed(call, sounds)
    check_pauses(call)
    assert in_use(call) == [1, 3]
    handles = [session.opened.resume_handle for session in call.sessions.values()]
    assert handles == [None, "handle s1.a14", "handle s1.a15"]
    assert call.sessions[3].told == (), "the server takes no words once it remembers by itself"


def test_a_standby_that_remembers_too_little_gives_way_to_one_that_is_told_in_words() -> None:
    sounds = [*questions(520), Sound(538.5, 3000, "quickly"), Sound(570, 1200, "the end")]
    call = LongCall(sounds, manners("gemini", handles=14))
    call.listen(600)
    check_unnoticed(call, sounds)
    check_pauses(call)
    assert in_use(call) == [1, 3]
    assert [bool(session.opened.resume_handle) for session in call.sessions.values()] == [False, True, False]
    assert call.sessions[3].told == tuple(conversation(sounds[:-1]))


@pytest.mark.parametrize("stands_by", [True, False])
def test_an_answer_broken_off_by_the_end_is_told_in_words_for_no_handle_knows_it(stands_by: bool) -> None:
    fails = {} if stands_by else dict.fromkeys(range(2, 6), "silent")
    lengths = {LONG_ANSWER.words: 80_000, "what now": 20_000}
    sounds = [*questions(520), LONG_ANSWER, Sound(595, 1200, "what now"), Sound(640, 1200, "the end")]
    call = LongCall(sounds, manners("gemini", fails=fails, answers_ms=lengths))
    call.listen(660)
    check_frames(call)
    assert replaced(call) == [("provider_closed_1011", False)]
    last = call.sessions[in_use(call)[-1]]
    assert last.opened.resume_handle is None
    assert last.told is not None
    assert last.told[-2:] == (p.HistoryTurn("caller", "what now"), p.HistoryTurn("agent", "re what now"))
    assert asked(call) == 2, "beside the greeting: to go on where it was broken off"
    assert transcript(call)[-2:] == conversation(sounds)[-2:]
