"""The caller cuts in, or seems to: what is held, what goes on, what is cut, what is told."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import actions as a
from gateway.call import inputs as i
from providers import session as p
from store import call_events as e
from tests.gateway.call_driver import Driver, ended, speech, talking


def sound(ms: int) -> bytes:
    """Speech whose every 10 ms can be told apart."""
    return b"".join(bytes([0x20 + n % 64, 0x21 + n % 59]) * 40 for n in range(ms // 10))


def answers(driver: Driver, item: str, data: bytes, *, finished: bool = True) -> None:
    driver.say(p.ResponseStarted(f"r_{item}"), p.AgentTextDelta(item, "We are open on Saturday."))
    driver.say(p.AgentAudio(item, base64.b64encode(data).decode()))
    if finished:
        driver.say(p.AgentAudioDone(item), p.AgentText(item, "We are open on Saturday."), ended(item))


def sent(actions: list[a.Action]) -> bytes:
    return b"".join(base64.b64decode(x.payload) for x in actions if isinstance(x, a.SendAudio))


def is_rest_of(data: bytes, heard_ms: int, resumed: bytes) -> bool:
    """Whether it is what follows `heard_ms`, to the sample before, filled up to a frame with silence."""
    rest = resumed.rstrip(b"\xff")
    return data.endswith(rest) and 0 <= len(rest) - (len(data) - heard_ms * 8) <= 1


def test_our_ear_holds_the_voice_and_the_provider_makes_it_a_barge_in() -> None:
    driver = talking()
    answers(driver, "a1", sound(3000))
    driver.run(1)
    held = driver.sound(60)
    assert [x for x in held if isinstance(x, a.Clear)], "at once, before the provider has said anything"
    assert not driver.events(e.BargeIn)
    driver.run(0.3)
    driver.say(p.CallerSpeechStarted("c1", 4000))
    (barge_in,) = driver.events(e.BargeIn)
    assert barge_in.heard_ms == pytest.approx(1040, abs=5), "frozen when it was held"
    assert barge_in.at_ms == 4040
    assert len(driver.of(a.Clear)) == 1


def test_a_false_start_goes_on_with_exactly_what_was_not_heard() -> None:
    driver = talking()
    data = sound(3000)
    answers(driver, "a1", data)
    driver.run(1)
    driver.sound(60)
    before = len(driver.actions)
    driver.run(0.8)
    assert is_rest_of(data, 1040, sent(driver.actions[before:]))
    (ignored,) = driver.events(e.SpeechIgnored)
    assert (ignored.at_ms, ignored.held_ms) == (4040, 800)
    driver.run(3)
    final = driver.events(e.TranscriptFinal)[-1]
    assert (final.heard_ms, final.interrupted) == (3000, False)
    assert not driver.events(e.BargeIn)
    assert not [x for x in driver.commands if isinstance(x, p.Truncate | p.CancelAnswer)]


def test_what_is_generated_while_the_voice_is_held_follows_behind() -> None:
    driver = talking()
    data = sound(3000)
    answers(driver, "a1", data[: 1500 * 8], finished=False)
    driver.run(1)
    driver.sound(60)
    before = len(driver.actions)
    driver.say(p.AgentAudio("a1", base64.b64encode(data[1500 * 8 :]).decode()))
    driver.say(p.AgentAudioDone("a1"), p.AgentText("a1", "All of it."), ended("a1"))
    assert sent(driver.actions[before:]) == b""
    driver.run(0.8)
    assert is_rest_of(data, 1040, sent(driver.actions[before:]))


def test_a_cut_after_a_false_start_tells_all_that_was_heard() -> None:
    driver = talking()
    answers(driver, "a1", sound(4000))
    driver.run(1)
    driver.sound(60)
    driver.run(0.8 + 1.0)  # played on for a second
    driver.run(0.4)
    driver.cut_in("c1")
    (truncate,) = [x for x in driver.commands if isinstance(x, p.Truncate)]
    assert truncate.heard_ms == pytest.approx(1040 + 1400 + 20, abs=45)


def test_a_click_shorter_than_the_minimum_does_nothing() -> None:
    driver = talking()
    answers(driver, "a1", sound(2000))
    driver.run(0.5)
    driver.sound(20)
    driver.sound(400, 0xFF)
    assert not driver.of(a.Clear)


def test_a_caller_too_soft_for_our_ear_cuts_in_once_the_provider_is_sure() -> None:
    driver = talking()
    answers(driver, "a1", sound(2000))
    driver.run(0.5)
    driver.say(p.CallerSpeechStarted("c1", 3500))
    driver.run(0.24)
    assert not driver.of(a.Clear)
    driver.run(0.02)
    assert driver.of(a.Clear)
    assert driver.events(e.BargeIn)


def test_noise_the_provider_takes_for_a_word_and_takes_back_does_not_cut() -> None:
    driver = talking()
    answers(driver, "a1", sound(2000))
    driver.run(0.5)
    driver.say(p.CallerSpeechStarted("c1", 3500))
    driver.run(0.1)
    driver.say(p.CallerSpeechStopped("c1", 3600))
    driver.run(1)
    assert not driver.of(a.Clear)


def test_an_answer_the_provider_drops_by_itself_is_cut_and_not_cancelled() -> None:
    driver = Driver(providers=("gemini",))
    driver.open()
    driver.connect()
    answers(driver, "a1", sound(2000), finished=False)
    driver.run(0.5)
    driver.say(p.CallerSpeechStarted("c1", 400), p.AnswerInterrupted(), ended("a1", "cancelled"))
    assert len(driver.of(a.Clear)) == 1
    assert len(driver.events(e.BargeIn)) == 1
    assert not [x for x in driver.commands if isinstance(x, p.CancelAnswer | p.Truncate)]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(20, 900), st.integers(40, 200)), max_size=5), st.booleans())
def test_however_often_it_is_held_the_caller_hears_the_answer_once_and_whole(
    disturbances: list[tuple[int, int]], cut: bool
) -> None:
    driver = talking()
    data = sound(3000)
    before = len(driver.actions)
    answers(driver, "a1", data)
    for quiet_ms, noise_ms in disturbances:
        driver.run(quiet_ms // 20 * 0.02)
        driver.sound(noise_ms)
        driver.run(1.4)
    if cut:
        driver.cut_in("c1", 80)
    driver.run(8)
    played = _played(driver.actions[before:]).rstrip(b"\xff")
    held = len(driver.of(a.Clear))
    told = [x.heard_ms for x in driver.events(e.BargeIn)]
    if told:
        assert abs(told[0] - len(played) / 8) <= 20
    else:
        # Positions are kept in whole samples: each time it is held one may count on either side.
        assert abs(len(played) - len(data)) <= held
    assert played[:160] == data[: len(played[:160])]


def _played(actions: list[a.Action]) -> bytes:
    """What a carrier without delay would have played: a clear drops what lies behind its moment."""
    pieces: list[tuple[float, bytes]] = []
    for action in actions:
        match action:
            case a.SendAudio(payload=payload, play_at_ms=at_ms):
                pieces.append((at_ms, base64.b64decode(payload)))
            case a.Clear(at_ms=clear_ms):
                pieces = [
                    (at, piece[: max(0, int((clear_ms - at) * 8))]) for at, piece in pieces if at < clear_ms
                ]
            case _:
                pass
    return b"".join(piece for _, piece in pieces)


def test_a_mark_returned_by_the_hold_is_not_taken_for_heard() -> None:
    driver = talking()
    answers(driver, "a1", sound(3000))
    driver.run(1)
    driver.sound(60)
    driver.run(0.1)  # the marks of the clear come back
    driver.feed(i.CallerAudio(speech(20, 0xFF), 5000))
    driver.say(p.CallerSpeechStarted("c1", 4000))
    assert driver.events(e.BargeIn)[0].heard_ms == pytest.approx(1040, abs=5)
