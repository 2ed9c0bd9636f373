"""What a real call trips over: races, silences nobody ends, words lost, histories that lie."""

import pytest

from gateway.call import actions as a
from gateway.call import inputs as i
from gateway.call.replacement import BROKEN_OFF_WORDS
from gateway.call.state import Phase, Resumption
from providers import session as p
from store import call_events as e
from tests.gateway.call_driver import PLAN, QUIET, Driver, ended, speech, talking

ANSWER = "We are open on Saturday from nine to one."
SOFT, FAINTEST = 0x6A, 0x78
"""Levels of mu-law: what our ear takes for no speech but may be some, and softer than that."""


def opened(driver: Driver) -> int:
    return len(driver.of(a.OpenSession))


def responses(driver: Driver) -> list[p.Respond]:
    return [x for x in driver.commands if isinstance(x, p.Respond)]


def truncations(driver: Driver) -> list[tuple[str, int]]:
    return [(x.item_id, x.heard_ms) for x in driver.commands if isinstance(x, p.Truncate)]


# ---- sessions that come and go


def test_a_resumed_call_goes_on_when_its_first_session_does_not_open() -> None:
    driver = Driver(resumption=Resumption(60_000, 4, (p.HistoryTurn("caller", "Hello?"),)))
    driver.connect()
    driver.say(p.ErrorReported("unreachable", "no", retryable=True, fatal=True))
    driver.open()
    assert "interrupted" in (responses(driver)[-1].instructions or "")
    driver.run(2.6)
    assert len(responses(driver)) == 2, "and it is owed: asked again"


def test_a_roll_over_in_a_resumed_call_is_not_announced_as_another_interruption() -> None:
    driver = Driver(resumption=Resumption(60_000, 4, (p.HistoryTurn("caller", "Hello?"),)))
    driver.open()
    driver.connect()
    driver.answer("a1", "We were cut off.", 400)
    driver.run(1)
    driver.say(p.SessionExpiring(50))
    driver.run(0.1)
    number = driver.of(a.OpenSession)[-1].number
    driver.feed(i.ProviderSaid(p.SessionOpened("s", "gpt-realtime-2.1"), number))
    assert driver.events(e.ProviderReplaced)[-1].planned
    assert len(responses(driver)) == 1


def test_sessions_lost_in_pauses_minutes_apart_are_not_one_incident() -> None:
    driver = talking()
    for _ in range(4):
        driver.say(p.SessionClosed(1011, "restart"))
        driver.open()
        driver.run(60)
    assert driver.core.phase is Phase.TALKING
    driver.caller_says("c1", "Hello?", 400)
    driver.answer("a1", "Hello!", 400)
    driver.run(1)
    assert driver.core.phase is Phase.TALKING


def test_the_voice_stays_held_while_no_session_can_tell_whether_it_was_speech() -> None:
    driver = talking()
    driver.answer("a1", ANSWER, 6000, finished=False)
    driver.run(0.5)
    driver.say(p.SessionClosed(1011, ""))
    driver.sound(1600)
    assert not driver.events(e.SpeechIgnored), "the agent does not talk over a caller who talks on"
    driver.open()
    driver.say(p.CallerSpeechStarted("c1", 100))
    assert len(driver.events(e.BargeIn)) == 1


def test_a_soft_voice_heard_by_a_lost_session_does_not_cut_the_next_one() -> None:
    driver = talking()
    driver.answer("a1", ANSWER, 3000)
    driver.run(0.2)
    driver.say(p.CallerSpeechStarted("c1", 3200), p.SessionClosed(1011, ""))
    driver.open()
    driver.run(0.3)
    assert not driver.of(a.Clear)


def test_words_given_up_on_are_told_when_the_next_session_hears_them_again() -> None:
    driver = talking()
    driver.say(p.CallerSpeechStarted("c1", 3000))
    driver.run(0.5)
    driver.say(p.CallerSpeechStopped("c1", 3500))
    driver.run(4.1)  # silent for 4 s, replaced
    driver.run(2.2)  # the next one is slow: the transcript has been given up
    assert driver.events(e.TranscriptFinal)[-1].missing
    driver.open()
    driver.say(p.CallerSpeechStarted("c9", 100), p.CallerSpeechStopped("c9", 600))
    driver.say(p.CallerText("c9", "Are you open?"))
    final = driver.events(e.TranscriptFinal)[-1]
    assert (final.turn_id, final.text, final.missing) == ("turn_2", "Are you open?", False)


def test_a_turn_no_other_session_hears_again_holds_nothing_up() -> None:
    driver = talking()
    driver.say(p.CallerSpeechStarted("c1", 3000), p.SessionClosed(1011, ""))
    driver.open()
    driver.run(3)
    driver.answer("a1", "Are you there?", 400)
    driver.run(4)
    assert driver.events(e.TranscriptFinal)[-1].text == "Are you there?"
    driver.caller_says("c2", "Yes.", 400)
    assert driver.events(e.TranscriptFinal)[-1].turn_id == "turn_4", "a turn of its own"


def test_what_the_caller_adds_while_the_session_is_replaced_is_not_lost() -> None:
    driver = talking()
    driver.caller_says("c1", "Are you open", 400)
    driver.say(p.SessionClosed(1011, ""))
    driver.open()
    driver.say(p.CallerSpeechStarted("c2", 0), p.CallerSpeechStopped("c2", 900))
    driver.say(p.CallerText("c2", "Are you open on Saturday?"))
    said = [(x.turn_id, x.text) for x in driver.events(e.TranscriptFinal) if x.party == "caller"]
    assert said == [("turn_2", "Are you open"), ("turn_2", "Are you open on Saturday?")]


# ---- answers and turns that cross each other


def test_a_turn_that_ends_while_the_old_answer_is_still_written_is_answered_after_it() -> None:
    driver = talking()
    driver.answer("a1", ANSWER, 800, finished=False)
    driver.run(0.2)
    driver.say(p.CallerSpeechStarted("c1", 3200), p.CallerSpeechStopped("c1", 3300))
    driver.say(p.CallerText("c1", "And on Sunday?"))
    driver.say(p.AgentAudio("a1", speech(400)), p.AgentAudioDone("a1"), p.AgentText("a1", ANSWER))
    assert not responses(driver)[1:]
    driver.say(ended("a1"))  # the server makes no answer while one is on: nothing would follow
    assert responses(driver)[1:] == [p.Respond()]
    driver.run(2.6)
    assert len(responses(driver)) == 3, "and it is owed: asked again"


def test_an_answer_whose_end_was_under_way_when_the_next_was_owed_settles_no_debt() -> None:
    driver = talking()
    driver.answer("a1", ANSWER, 3000, finished=False)
    driver.run(0.5)
    driver.cut_in("c1")
    driver.say(p.CallerSpeechStopped("c1", 3700), p.CallerText("c1", "Wait."))
    driver.say(ended("a1", "cancelled"))
    driver.sound(4200, QUIET)
    assert opened(driver) == 2, "nobody answered: the session is silent"


def test_an_answer_that_begins_while_the_caller_speaks_is_not_spoken_over_them() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"), p.ToolRequested("t1", "nonsense", "{}"), ended("r1"))
    driver.cut_in("c1")  # our request for an answer is on its way
    driver.say(p.ResponseStarted("r2"), p.ItemAdded("a2", "agent"), p.AgentAudio("a2", speech(600)))
    assert p.CancelAnswer() in driver.commands
    assert len(driver.of(a.SendAudio)) == 10, "the greeting's"
    driver.say(ended("a2", "cancelled"))
    driver.say(p.CallerSpeechStopped("c1", 3700), p.CallerText("c1", "Hello?"))
    driver.answer("a3", ANSWER, 120)
    assert len(driver.of(a.SendAudio)) == 11


def test_a_caller_who_speaks_before_the_goodbye_has_begun_keeps_the_call() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"), p.ToolRequested("t1", "end_call", "{}"), ended("r1"))
    driver.cut_in("c1")
    driver.say(p.CallerSpeechStopped("c1", 3700), p.CallerText("c1", "One more thing!"))
    driver.answer("a2", "Yes?", 400)
    driver.run(12)
    assert driver.core.phase is Phase.TALKING
    assert driver.events(e.ToolFinished)[-1].error == "the caller went on talking; the call continues"


def test_what_was_under_way_when_the_answer_was_cut_was_never_heard() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"))
    driver.cut_in("c1")
    driver.say(p.ItemAdded("a1", "agent"), p.AgentAudio("a1", speech(400)), p.AgentTextDelta("a1", ANSWER))
    driver.say(p.AgentAudioDone("a1"), p.AgentText("a1", ANSWER), ended("a1", "cancelled"))
    assert truncations(driver) == [("a1", 0)]
    driver.say(p.CallerSpeechStopped("c1", 3700), p.CallerText("c1", "Wait."))
    driver.answer("a2", "Yes?", 400)
    driver.run(1)
    assert [x.text for x in driver.events(e.TranscriptFinal)][1:] == ["Wait.", "Yes?"]


def test_an_item_that_came_while_the_voice_was_held_is_told_unheard() -> None:
    driver = talking()
    driver.answer("a1", ANSWER, 1000, finished=False)
    driver.run(0.5)
    driver.sound(60)
    driver.say(p.AgentAudioDone("a1"), p.AgentText("a1", ANSWER), p.ItemAdded("a2", "agent"))
    driver.say(p.AgentAudio("a2", speech(1000)), p.AgentAudioDone("a2"), p.AgentText("a2", "Bring a card."))
    driver.say(ended("a2"))
    driver.say(p.CallerSpeechStarted("c1", 3500))
    assert [item for item, _ in truncations(driver)] == ["a1", "a2"]
    assert truncations(driver)[1] == ("a2", 0)
    final = driver.events(e.TranscriptFinal)[-1]
    assert (final.text, final.heard_text, final.interrupted) == ("Bring a card.", "", True)


def test_the_echo_awaited_for_one_answer_does_not_close_the_next() -> None:
    driver = talking()
    driver.answer("a1", "Let me look that up for you.", 2000)
    driver.run(1)
    driver.answer("a2", ANSWER, 4000, finished=False)
    driver.run(3.5)  # two seconds past the end of the first answer
    assert driver.events(e.TranscriptFinal)[-1].text == "Let me look that up for you."
    driver.cut_in("c1")
    final = driver.events(e.TranscriptFinal)[-1]
    assert (final.text, final.interrupted) == (ANSWER, True)


def test_speech_whose_marks_were_lost_is_not_played_again() -> None:
    driver = talking()
    driver.answer("a1", ANSWER, 1200)
    driver._queued.clear()
    driver.run(4)
    assert driver.events(e.TranscriptFinal)[-1].heard_ms == 1200
    driver.sound(60)
    driver.run(1)
    assert not driver.of(a.Clear)
    assert sum(len(x.payload) for x in driver.of(a.SendAudio)) == len(speech(1200)) * 2


# ---- answers that fail


def test_an_answer_that_fails_after_it_spoke_holds_no_transcript_up_and_is_owed() -> None:
    driver = talking()
    driver.answer("a1", "We are", 400, finished=False)
    driver.say(ended("a1", "failed", error_code="server_error"))
    driver.run(1)
    assert driver.events(e.TranscriptFinal)[-1].text == "We are"
    driver.run(3.1)
    assert opened(driver) == 2, "asked again and silent"


def test_a_failed_answer_is_asked_for_again_in_the_same_words() -> None:
    driver = Driver()
    driver.open()
    driver.connect()
    driver.say(p.ResponseStarted("r1"), ended("r1", "failed", error_code="server_error"))
    first, again = responses(driver)
    assert first == again
    assert PLAN.greeting in (again.instructions or "")


def test_a_failure_long_ago_does_not_cost_the_next_one_its_second_try() -> None:
    driver = talking()
    for item in ("a1", "a2"):
        driver.caller_says(f"c_{item}", "Hello?", 400)
        driver.say(p.ResponseStarted("r"), ended("r", "failed", error_code="server_error"))
        driver.answer(item, "Hello!", 400)
        driver.run(1)
    assert opened(driver) == 1


@pytest.mark.parametrize("status", ["incomplete", "cancelled"])
def test_an_answer_given_up_before_its_words_came_holds_no_transcript_up(status: str) -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r"), p.ItemAdded("a1", "agent"), p.AgentTextDelta("a1", "We are"))
    driver.say(p.AgentAudio("a1", speech(400)), ended("a1", status))
    driver.run(1)
    driver.caller_says("c1", "Yes?", 400)
    assert [x.text for x in driver.events(e.TranscriptFinal)][1:] == ["We are", "Yes?"]


def test_a_tool_called_twice_is_answered_without_another_word_over_the_goodbye() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r"), p.ItemAdded("bye", "agent"), p.AgentAudio("bye", speech(600)))
    driver.say(p.AgentAudioDone("bye"), p.AgentText("bye", "Goodbye!"))
    driver.say(p.ToolRequested("t1", "end_call", "{}"), p.ToolRequested("t2", "end_call", "{}"), ended("bye"))
    assert [x.respond for x in driver.commands if isinstance(x, p.AnswerTool)] == [False]
    driver.run(1)
    assert driver.next_step == a.HangUp()


def test_an_answer_that_fails_twice_after_it_spoke_is_not_tried_for_ever() -> None:
    driver = talking()
    for item in ("a1", "a2"):
        driver.answer(item, "We are", 400, finished=False)
        driver.say(ended(item, "failed", error_code="server_error"))
    assert opened(driver) == 2


# ---- silences, and who may break them


def test_noise_that_only_the_provider_took_for_a_turn_owes_no_answer() -> None:
    driver = Driver(providers=("elevenlabs",))
    driver.open()
    driver.connect()
    driver.answer("greet", "Hello.", 400)
    driver.run(3)
    before = len(driver.commands)
    driver.caller_says("c1", None, 500)  # a cough: no words came of it
    driver.run(10)
    assert driver.commands[before:] == []
    assert opened(driver) == 1


def test_noise_that_cost_an_answer_its_end_makes_the_agent_go_on() -> None:
    driver = Driver(providers=("gemini",))
    driver.open()
    driver.connect()
    driver.answer("greet", "Hello.", 3000)
    driver.run(1)
    driver.say(p.AnswerInterrupted())
    driver.run(2.6)
    assert len(responses(driver)) == 2, "nobody speaks: the agent is asked to"


def test_a_caller_who_speaks_on_is_not_talked_into_nor_their_session_given_up() -> None:
    driver = talking()
    driver.caller_says("c1", "Well,", 300)
    before = len(responses(driver))
    driver.run(1.5)
    driver.sound(4000)
    assert len(responses(driver)) == before
    assert opened(driver) == 1
    driver.sound(600, QUIET)
    assert opened(driver) == 2, "silent while it owed an answer, and the caller has stopped"


def test_noise_without_end_does_not_keep_a_dead_session() -> None:
    driver = talking()
    driver.sound(16_000)
    driver.caller_says("c1", "Hello?", 300)
    driver.sound(4200)
    assert opened(driver) == 2


def test_a_turn_the_provider_never_ends_is_ended_when_the_line_has_long_been_quiet() -> None:
    driver = talking()
    driver.cut_in("c1", 400)
    driver.sound(9000, QUIET)
    assert not [x for x in driver.commands if isinstance(x, p.CommitAudio)], "the caller may be thinking"
    driver.sound(2000, QUIET)
    assert driver.commands[-2:] == [p.CommitAudio(), p.Respond()]
    driver.answer("a1", "Are you there?", 400)
    driver.run(8)
    assert driver.events(e.TranscriptFinal)[-1].text == "Are you there?", "nothing waits for the turn"


def test_a_soft_caller_is_given_all_the_time_they_speak() -> None:
    driver = talking()
    driver.say(p.CallerSpeechStarted("c1", 3000))
    driver.sound(25_000, SOFT)
    assert not [x for x in driver.commands if isinstance(x, p.CommitAudio)]


def test_words_too_soft_for_our_ear_are_kept_for_the_next_session() -> None:
    driver = talking()
    driver.run(1)
    driver.say(p.CallerSpeechStarted("c1", 4000))
    driver.sound(2000, FAINTEST)
    driver.say(p.SessionClosed(1011, ""))
    before = len(driver.of(a.PassAudio))
    driver.open()
    assert len(driver.of(a.PassAudio)) - before >= 100


def test_the_gap_filler_keeps_out_of_a_caller_s_turn() -> None:
    driver = talking()
    driver.caller_says("c1", "Well,", 300)
    driver.say(p.SessionClosed(1011, ""))
    driver.open()
    driver.say(p.CallerSpeechStarted("c2", 0))
    before = len(driver.of(a.SendAudio))
    driver.sound(3000, SOFT)
    assert len(driver.of(a.SendAudio)) == before


# ---- the end


def test_nothing_is_told_of_a_call_that_is_over() -> None:
    driver = talking()
    driver.feed(i.StreamStopped())
    count = len(driver.log)
    driver.say(
        p.UsageCounted(1, 1, {}),
        p.AgentText("a9", "late"),
        p.CallerSpeechStarted("c9", 0),
        p.ToolRequested("t9", "end_call", "{}"),
        p.SessionOpened("s9", "m"),
    )
    assert len(driver.log) == count
    assert driver.timers == {}


def test_an_agent_broken_off_does_not_go_on_over_a_caller_who_spoke_meanwhile() -> None:
    driver = talking()
    driver.answer("a1", "We are open on Saturday.", 2000, finished=False)
    driver.run(0.5)
    driver.say(p.SessionClosed(1006, ""))
    driver.sound(700)
    driver.open()
    assert not responses(driver)[1:], "the caller has the floor"
    assert driver.of(a.PassAudio)
    driver.sound(3000, QUIET)
    assert driver.commands[-1] == p.Respond(BROKEN_OFF_WORDS), "it was no speech: the agent goes on"
