"""What a real call trips over: races, silences nobody ends, words lost, histories that lie."""

from gateway.call import actions as a
from gateway.call import inputs as i
from gateway.call.state import Phase, Resumption
from providers import session as p
from store import call_events as e
from tests.gateway.call_driver import Driver, talking

ANSWER = "We are open on Saturday from nine to one."


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
