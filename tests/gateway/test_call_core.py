"""The call core's rules, with plain lists: greeting, turns, barge-in, transcripts in the order spoken."""

import base64
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import actions as a
from gateway.call import inputs as i
from gateway.call.state import Phase, Resumption
from providers import session as p
from store import call_events as e
from tests.gateway.call_driver import LOUD, PLAN, QUIET, Driver, ended, speech, talking


def sent_bytes(driver: Driver) -> bytes:
    return b"".join(base64.b64decode(x.payload) for x in driver.of(a.SendAudio))


def test_greeting_is_prepared_while_the_phone_rings_and_starts_at_once() -> None:
    driver = Driver()
    driver.open()
    assert driver.commands == [
        p.Respond(f"Greet the caller with exactly these words and nothing else: {PLAN.greeting}")
    ]
    driver.answer("greet", "Hello", 1200)
    assert driver.of(a.SendAudio) == []
    driver.run(1)
    driver.connect()
    first = driver.of(a.SendAudio)[0]
    assert first.play_at_ms == 0
    assert len(sent_bytes(driver)) == 1200 * 8


def test_greeting_follows_when_the_stream_comes_first() -> None:
    driver = Driver()
    driver.connect()
    driver.run(0.3)
    driver.open()
    driver.answer("greet", "Hello", 400)
    assert len(sent_bytes(driver)) == 400 * 8
    assert driver.of(a.SendAudio)[0].play_at_ms == pytest.approx(300)


def test_every_piece_is_followed_by_a_mark_and_plays_right_after_the_one_before() -> None:
    driver = talking()
    kinds = [type(x) for x in driver.actions if isinstance(x, a.SendAudio | a.SendMark)]
    assert kinds == [a.SendAudio, a.SendMark] * 10
    starts = [x.play_at_ms for x in driver.of(a.SendAudio)]
    assert [later - earlier for earlier, later in pairwise(starts)] == [120] * 9


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
def test_audio_of_any_chunking_reaches_the_caller_whole(sizes: list[int]) -> None:
    driver = Driver()
    driver.open()
    driver.connect()
    driver.say(p.ResponseStarted("r1"))
    sound = bytes((7 * n) % 251 for n in range(sum(sizes)))
    at = 0
    for size in sizes:
        chunk = base64.b64encode(sound[at : at + size]).decode()
        driver.say(p.AgentAudio("item", chunk))
        at += size
    driver.say(p.AgentAudioDone("item"))
    heard = sent_bytes(driver)
    assert heard[: len(sound)] == sound
    assert len(heard) % 160 == 0
    assert set(heard[len(sound) :]) <= {0xFF}


def test_caller_audio_waits_for_the_session_and_is_passed_in_order() -> None:
    driver = Driver()
    driver.connect()
    for frame in range(5):
        driver.feed(i.CallerAudio(f"AAA{frame}", frame * 20))
    assert driver.of(a.PassAudio) == []
    driver.open()
    driver.feed(i.CallerAudio("AAA5", 100))
    assert [x.payload for x in driver.of(a.PassAudio)] == [f"AAA{n}" for n in range(6)]


def test_early_audio_is_bounded_and_session_times_follow_the_first_frame_passed() -> None:
    driver = Driver()
    driver.connect()
    for frame in range(1700):
        driver.feed(i.CallerAudio(speech(20), frame * 20))
    driver.open()
    assert len(driver.of(a.PassAudio)) == 1500
    driver.say(p.CallerSpeechStarted("c1", 40))
    assert driver.events(e.SpeechStarted)[0].at_ms == 200 * 20 + 40


def test_of_the_silence_before_the_session_was_ready_only_the_end_is_passed() -> None:
    driver = Driver()
    driver.connect()
    for frame in range(100):
        driver.feed(i.CallerAudio(speech(20, QUIET if frame < 60 else LOUD), frame * 20))
    driver.open()
    passed = [x.payload for x in driver.of(a.PassAudio)]
    assert passed == [speech(20, QUIET)] * 25 + [speech(20)] * 40
    driver.say(p.CallerSpeechStarted("c1", 500))
    assert driver.events(e.SpeechStarted)[0].at_ms == 60 * 20


def test_a_turn_is_final_when_it_has_been_heard() -> None:
    driver = Driver()
    driver.open()
    driver.connect()
    driver.answer("greet", "Hello there.", 1000)
    driver.run(0.9)
    assert driver.events(e.TranscriptFinal) == []
    driver.run(0.2)
    (final,) = driver.events(e.TranscriptFinal)
    assert (final.party, final.text, final.heard_ms, final.interrupted) == (
        "agent",
        "Hello there.",
        1000,
        False,
    )
    assert final.ended_ms == pytest.approx(1000, abs=1)


def test_caller_words_that_come_after_the_answer_still_stand_before_it() -> None:
    driver = talking()
    driver.say(p.CallerSpeechStarted("c1", 3000), p.CallerSpeechStopped("c1", 4000))
    driver.answer("a1", "Yes, from nine to one.", 800)
    driver.run(2)
    assert [x.party for x in driver.events(e.TranscriptFinal)] == ["agent"], (
        "the answer waits for the question"
    )
    driver.say(p.CallerText("c1", "Are you open on Saturday?"))
    texts = [(x.party, x.text) for x in driver.events(e.TranscriptFinal)][1:]
    assert texts == [("caller", "Are you open on Saturday?"), ("agent", "Yes, from nine to one.")]


def test_a_transcript_that_never_comes_holds_nothing_up_and_may_come_late() -> None:
    driver = talking()
    driver.say(p.CallerSpeechStarted("c1", 3000), p.CallerSpeechStopped("c1", 4000))
    driver.answer("a1", "Yes.", 400)
    driver.run(10)
    finals = driver.events(e.TranscriptFinal)[1:]
    assert [(x.party, x.missing) for x in finals] == [("caller", True), ("agent", False)]
    driver.say(p.CallerText("c1", "Open?"))
    late = driver.events(e.TranscriptFinal)[-1]
    assert (late.turn_id, late.text, late.missing) == (finals[0].turn_id, "Open?", False)


def test_a_failed_transcription_is_said_to_be_missing() -> None:
    driver = talking()
    driver.caller_says("c1", None, 500)
    final = driver.events(e.TranscriptFinal)[-1]
    assert (final.party, final.text, final.missing) == ("caller", "", True)
    driver.say(p.CallerText("c1", "Are you there?"))  # it could, after all
    late = driver.events(e.TranscriptFinal)[-1]
    assert (late.turn_id, late.text, late.missing) == (final.turn_id, "Are you there?", False)


def test_partials_are_spaced_and_replaced_by_the_final() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r"), p.ItemAdded("a1", "agent"))
    for word in ["We ", "are ", "open ", "on ", "Saturday."]:
        driver.say(p.AgentTextDelta("a1", word))
        driver.run(0.11)
    partials = [x.text for x in driver.events(e.TranscriptPartial) if x.turn_id == "turn_2"]
    assert partials == ["We", "We are open on"]


def test_barge_in_clears_at_once_and_tells_the_provider_what_was_heard() -> None:
    driver = talking()
    driver.answer("a1", "We are open on Saturday from nine to one.", 2400)
    driver.run(1.0)
    actions = driver.cut_in("c1")
    kinds = [type(x).__name__ for x in actions]
    assert kinds.index("Clear") < kinds.index("ToProvider")
    assert driver.of(a.Clear)[0].at_ms == pytest.approx(4040)
    (truncate,) = [x for x in driver.commands if isinstance(x, p.Truncate)]
    assert truncate.item_id == "a1"
    assert truncate.heard_ms == pytest.approx(1040, abs=5)
    assert truncate.heard_text == "We are open on"
    final = driver.events(e.TranscriptFinal)[-1]
    assert (final.interrupted, final.heard_ms) == (True, truncate.heard_ms)
    assert (final.text, final.heard_text) == ("We are open on Saturday from nine to one.", "We are open on")
    assert driver.events(e.BargeIn)[0].heard_ms == truncate.heard_ms


def test_barge_in_works_after_generation_ended_but_not_after_playback_ended() -> None:
    driver = talking()
    driver.answer("a1", "Yes.", 500)
    driver.run(0.6)
    driver.cut_in("c1")
    assert not driver.of(a.Clear)
    assert not [x for x in driver.commands if isinstance(x, p.Truncate)]


def test_late_audio_of_a_cut_answer_is_dropped_and_the_next_answer_is_heard() -> None:
    driver = talking()
    driver.answer("a1", "We are", 600, finished=False)
    driver.run(0.2)
    driver.cut_in("c1")
    assert p.CancelAnswer() in driver.commands
    before = len(driver.of(a.SendAudio))
    driver.say(p.AgentAudio("a1", speech(600)), p.AgentAudioDone("a1"), ended("a1", "cancelled"))
    assert len(driver.of(a.SendAudio)) == before
    driver.say(p.CallerSpeechStopped("c1", 3900))
    driver.answer("a2", "Sorry, go on.", 240)
    assert len(driver.of(a.SendAudio)) == before + 2


def test_marks_returned_by_a_clear_do_not_count_as_heard() -> None:
    driver = talking()
    driver.answer("a1", "A long answer.", 3000)
    driver.run(0.46)
    driver.cut_in("c1")
    driver.run(1)  # the clear's marks come back
    finals = [x for x in driver.events(e.TranscriptFinal) if x.text == "A long answer."]
    assert [x.heard_ms for x in finals] == [pytest.approx(500, abs=5)]


def test_an_item_nobody_heard_a_sound_of_is_forgotten_whole() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"), p.ItemAdded("a1", "agent"), p.AgentAudio("a1", speech(1200)))
    driver.say(p.ItemAdded("a2", "agent"), p.AgentAudio("a2", speech(1200)))
    driver.run(0.26)
    driver.cut_in("c1")
    heard = {x.item_id: x.heard_ms for x in driver.commands if isinstance(x, p.Truncate)}
    assert heard["a2"] == 0
    assert heard["a1"] == pytest.approx(300, abs=5)


def test_two_items_in_one_answer_are_both_heard_in_full() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"))
    for item in ("a1", "a2"):
        driver.say(p.ItemAdded(item, "agent"), p.AgentAudio(item, speech(480)), p.AgentAudioDone(item))
        driver.say(p.AgentText(item, item))
    driver.say(ended("a2"))
    driver.run(2)
    finals = [(x.text, x.heard_ms, x.interrupted) for x in driver.events(e.TranscriptFinal)[1:]]
    assert finals == [("a1", 480, False), ("a2", 480, False)]


def test_a_carrier_that_loses_marks_does_not_hold_the_call_up() -> None:
    driver = talking()
    driver.answer("a1", "Yes.", 480)
    driver._queued.clear()
    driver.run(5)
    assert driver.events(e.TranscriptFinal)[-1].text == "Yes."


def test_digits_and_rejected_messages_are_kept() -> None:
    driver = talking()
    driver.feed(i.Digit("5"))
    driver.feed(i.MessageRejected("not_json"))
    driver.feed(i.MessageRejected("not_json"))
    driver.feed(i.StreamStopped())
    assert driver.events(e.DigitPressed)[0].digit == "5"
    assert driver.events(e.StreamEnded)[0].rejected == {"not_json": 2}


def test_usage_of_each_answer_is_reported() -> None:
    driver = talking()
    driver.answer("a1", "Yes.", 100)
    driver.say(p.UsageCounted(1000, 500, {"input_audio_tokens": 1000, "output_audio_tokens": 500}))
    driver.say(p.UsageCounted(0, 0, {"transcription_ms": 60_000}))
    first, second = driver.events(e.UsageReported)
    assert (first.input_tokens, first.output_tokens, first.provider) == (1000, 500, "openai")
    # 32 and 64 dollars a million tokens; 0.45 cents a minute of transcription.
    assert first.cost_cents == first.call_cost_cents == pytest.approx(3.2 + 3.2)
    assert second.call_cost_cents == pytest.approx(6.85)


def test_a_resumed_call_goes_on_counting_its_cost() -> None:
    driver = Driver(resumption=Resumption(60_000, 4, cost_cents=2.5))
    driver.open()
    driver.say(p.UsageCounted(0, 0, {"transcription_ms": 60_000}))
    assert driver.events(e.UsageReported)[0].call_cost_cents == pytest.approx(2.95)
    driver = Driver(resumption=Resumption(60_000, 4, cost_cents=None))
    driver.open()
    driver.say(p.UsageCounted(0, 0, {"transcription_ms": 60_000}))
    assert driver.events(e.UsageReported)[0].call_cost_cents is None, "never known again"


def test_a_resumed_call_goes_on_with_clock_and_turns() -> None:
    driver = Driver(resumption=Resumption(60_000, 4, (p.HistoryTurn("caller", "Hello?"),)))
    driver.open()
    remember, respond = driver.commands
    assert remember == p.Remember((p.HistoryTurn("caller", "Hello?"),))
    assert isinstance(respond, p.Respond)
    assert "interrupted" in (respond.instructions or "")
    driver.connect()
    driver.answer("a9", "We were cut off.", 400)
    driver.run(1)
    (final,) = driver.events(e.TranscriptFinal)
    assert final.turn_id == "turn_5"
    assert 60_000 <= final.started_ms < 60_100


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_sequence_of_inputs_breaks_the_core(data: st.DataObject) -> None:
    """Whatever comes in whatever order: no exception, one ending at most, nothing to the caller after it."""
    providers = data.draw(st.permutations(["openai", "gemini", "elevenlabs"]))
    driver = Driver(providers=tuple(providers))
    items = st.sampled_from(["i1", "i2", "i3"])
    event = st.one_of(
        st.builds(p.AgentAudio, items, st.integers(1, 400).map(speech)),
        st.builds(p.AgentAudioDone, items),
        st.builds(p.AgentTextDelta, items, st.text(max_size=5)),
        st.builds(p.AgentText, items, st.text(max_size=5)),
        st.builds(p.CallerSpeechStarted, items, st.integers(0, 9000)),
        st.builds(p.CallerSpeechStopped, items, st.integers(0, 9000)),
        st.builds(p.CallerTextDelta, items, st.text(max_size=5)),
        st.builds(p.CallerText, items, st.none() | st.text(max_size=5)),
        st.builds(p.ItemAdded, items, st.sampled_from(["caller", "agent"])),
        st.builds(p.ResponseStarted, items),
        st.builds(ended, items, st.sampled_from(["completed", "cancelled", "incomplete", "failed"])),
        st.builds(
            p.ToolRequested,
            st.sampled_from(["t1", "t2"]),
            st.sampled_from(["end_call", "transfer_call", "take_voicemail", "nonsense"]),
            st.sampled_from(["{}", '{"target":"front_desk"}', "[]", "nonsense", '{"target":5}']),
        ),
        st.just(p.SessionOpened("s", "gpt-realtime-2.1")),
        st.just(p.AnswerInterrupted()),
        st.builds(p.UsageCounted, st.integers(0, 9), st.integers(0, 9), st.just({})),
        st.builds(p.SessionExpiring, st.floats(0, 60)),
        st.just(p.SessionResumable("handle")),
        st.just(p.ToolCancelled("t1")),
        st.builds(p.ErrorReported, st.just("x"), st.just("x"), st.booleans(), st.booleans()),
        st.builds(p.SessionClosed, st.just(1006), st.just("")),
    )
    happened = st.one_of(
        st.builds(i.ProviderSaid, event),
        st.builds(i.ProviderSaid, event, st.integers(1, 4)),
        st.builds(i.CallerAudio, st.sampled_from([speech(20), speech(200), "A"]), st.integers(0, 9000)),
        st.builds(i.MarkEchoed, st.sampled_from(["0.1", "0.2", "1.3", "rubbish"])),
        st.builds(i.TimerFired, st.sampled_from(list(i.Timer))),
        st.builds(i.StreamLost, st.just("connection_lost")),
        st.builds(i.CarrierEnded, st.sampled_from(["completed", "busy", "rubbish"])),
        st.just(i.StreamStarted("MZ1")),
        st.just(i.StreamStopped()),
        st.just(i.StopRequested()),
        st.floats(0, 3),
    )
    for step in data.draw(st.lists(happened, max_size=40)):
        before = driver.core.phase
        if isinstance(step, float):
            driver.run(step)
        else:
            actions = driver.feed(step)
            if before is Phase.ENDED:
                assert not [x for x in actions if isinstance(x, a.SendAudio | a.SendMark | a.CloseStream)]
    _ = driver.ending, driver.next_step  # each asserts that there is one at most
    driver.feed(i.StreamStopped())
    driver.run(60)
    assert driver.core.phase is Phase.ENDED
    assert driver.ending is not None
    seen = [(x.turn_id, x.party) for x in driver.events(e.TranscriptFinal)]
    assert len({turn for turn, _ in seen}) == len(set(seen)), "a turn keeps its party"


def test_the_rest_of_a_frame_does_not_follow_a_call_that_is_over() -> None:
    driver = Driver()
    driver.say(p.AgentAudio("i1", speech(1)))
    driver.connect()
    driver.say(p.ToolRequested("t1", "end_call", "{}"))
    assert driver.next_step is not None
    assert not [x for x in driver.say(p.AgentAudioDone("i1")) if isinstance(x, a.SendAudio | a.SendMark)]
