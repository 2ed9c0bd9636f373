"""How a call ends, each way: who hung up, what is still said, what follows, what the record reads."""

import dataclasses

import pytest

from gateway.call import actions as a
from gateway.call import inputs as i
from gateway.call.state import Phase
from providers import session as p
from store import call_events as e
from tests.gateway.call_driver import PLAN, Driver, ended, speech, talking


def goodbye(driver: Driver, ms: int = 1200, tool: str = "end_call", arguments: str = "{}") -> None:
    """The agent says goodbye and asks for the tool in one answer."""
    driver.say(p.ResponseStarted("r_bye"), p.ItemAdded("bye", "agent"), p.AgentAudio("bye", speech(ms)))
    driver.say(p.AgentAudioDone("bye"), p.AgentText("bye", "Goodbye!"))
    driver.say(p.ToolRequested("t1", tool, arguments), ended("bye"))


def test_the_goodbye_is_heard_to_its_end_before_the_line_closes() -> None:
    driver = talking()
    goodbye(driver, 1200)
    driver.run(1.1)
    assert driver.next_step is None
    driver.run(0.2)
    assert driver.next_step == a.HangUp()
    ending = driver.ending
    assert ending is not None
    assert (ending.status, ending.disposition) == ("completed", "agent_hangup")
    assert driver.log[-3:] == ["transcript.final", "tool.finished", "stream.ended"]
    assert driver.events(e.TranscriptFinal)[-1].heard_ms == 1200


def test_an_agent_that_hangs_up_without_a_word_is_asked_for_one() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"), p.ToolRequested("t1", "end_call", "{}"), ended("r1"))
    assert driver.next_step is None
    answer = driver.commands[-1]
    assert isinstance(answer, p.AnswerTool)
    assert answer.respond
    assert "goodbye" in (answer.instructions or "")
    driver.answer("bye", "Goodbye.", 600)
    driver.run(1)
    assert driver.next_step == a.HangUp()


def test_a_goodbye_that_never_comes_does_not_keep_the_line_open() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"), p.ToolRequested("t1", "end_call", "{}"), ended("r1"))
    driver.run(4)
    driver.open()  # the silent session was replaced, and the new one does not speak either
    driver.run(7)
    assert driver.next_step == a.HangUp()


def test_a_caller_who_talks_over_the_goodbye_keeps_the_call() -> None:
    driver = talking()
    goodbye(driver, 2000)
    driver.run(0.5)
    driver.cut_in("c1")
    assert driver.events(e.ToolFinished)[-1].error == "the caller went on talking; the call continues"
    assert isinstance(driver.commands[-1], p.AnswerTool)
    driver.run(4)
    assert driver.next_step is None
    driver.say(p.CallerSpeechStopped("c1", 4000), p.CallerText("c1", "One more thing!"))
    driver.answer("a2", "Of course.", 500)
    driver.run(1)
    assert driver.core.phase is Phase.TALKING


@pytest.mark.parametrize(
    ("tool", "arguments", "step", "disposition"),
    [
        ("take_voicemail", "{}", a.TakeVoicemail(), "voicemail"),
        (
            "transfer_call",
            '{"target": "front_desk"}',
            a.TransferTo("front_desk", "+15550001111"),
            "transferred",
        ),
    ],
)
def test_moving_on_leaves_the_call_in_progress(
    tool: str, arguments: str, step: a.NextStep, disposition: str
) -> None:
    driver = talking()
    goodbye(driver, 480, tool, arguments)
    driver.run(1)
    assert driver.next_step == step
    assert driver.ending == a.Ending("in-progress", disposition, "", 3480)


@pytest.mark.parametrize(
    ("tool", "arguments", "complaint"),
    [
        ("transfer_call", '{"target": "+15559999999"}', "unknown target"),
        ("transfer_call", '{"target": {"a": 1}}', "unknown target"),
        ("transfer_call", "[]", "not a JSON object"),
        ("transfer_call", "{", "not a JSON object"),
        ("drop_database", "{}", "no tool named drop_database"),
    ],
)
def test_a_tool_call_we_do_not_serve_is_refused_and_the_call_goes_on(
    tool: str, arguments: str, complaint: str
) -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"), p.ToolRequested("t1", tool, arguments), ended("r1"))
    assert complaint in (driver.events(e.ToolFinished)[-1].error or "")
    (answer,) = [x for x in driver.commands if isinstance(x, p.AnswerTool)]
    assert answer.respond
    assert driver.next_step is None


def test_tools_not_in_the_plan_are_refused() -> None:
    plan = dataclasses.replace(PLAN, takes_voicemail=False, transfer_targets={})
    for tool in ("take_voicemail", "transfer_call"):
        driver = talking(plan)
        driver.say(p.ResponseStarted("r1"), p.ToolRequested("t1", tool, '{"target":"front_desk"}'))
        assert driver.events(e.ToolFinished)[-1].error == f"there is no tool named {tool}"


def test_caller_hangs_up_in_mid_word_and_the_word_is_kept() -> None:
    driver = talking()
    driver.say(p.CallerSpeechStarted("c1", 3000), p.CallerTextDelta("c1", "I would li"))
    driver.run(0.4)
    driver.feed(i.StreamStopped())
    assert isinstance(driver.commands[-1], p.CommitAudio)
    assert driver.ending is None
    driver.say(p.CallerText("c1", "I would like"))
    assert driver.ending == a.Ending("completed", "caller_hangup", "", 3400)
    assert driver.events(e.TranscriptFinal)[-1].text == "I would like"


def test_last_words_that_are_never_transcribed_end_as_what_was_understood() -> None:
    driver = talking()
    driver.say(p.CallerSpeechStarted("c1", 3000), p.CallerTextDelta("c1", "I would li"))
    driver.feed(i.StreamStopped())
    driver.run(3)
    assert driver.ending is not None
    assert driver.events(e.TranscriptFinal)[-1].text == "I would li"


def test_hanging_up_over_the_agent_records_what_was_heard() -> None:
    driver = talking()
    driver.answer("a1", "A long answer.", 3000)
    driver.run(1)
    driver.feed(i.StreamStopped())
    final = driver.events(e.TranscriptFinal)[-1]
    assert final.interrupted
    assert final.heard_ms == pytest.approx(1000, abs=5)
    assert driver.ending is not None


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (p.SessionClosed(1011, "internal"), "provider_closed_1011"),
        (
            p.ErrorReported("insufficient_quota", "pay first", retryable=False, fatal=True),
            "insufficient_quota",
        ),
        (ended("x", "failed", error_code="insufficient_quota", retryable=False), "insufficient_quota"),
    ],
)
def test_a_provider_that_dies_is_apologised_for(event: p.Event, reason: str) -> None:
    driver = talking()
    driver.answer("a1", "We are open", 1000)
    driver.run(0.2)
    driver.say(event)
    driver.run(7)
    assert driver.next_step == a.Apologise()
    assert driver.ending is not None
    assert (driver.ending.status, driver.ending.disposition) == ("failed", "provider_failed")
    assert driver.ending.reason == reason


def test_a_provider_that_fails_while_the_phone_rings_is_apologised_for_at_once() -> None:
    driver = Driver()
    driver.say(p.ErrorReported("invalid_api_key", "no", retryable=False, fatal=True))
    assert driver.ending is None
    driver.run(2)
    driver.connect()
    assert driver.next_step == a.Apologise()
    assert driver.ending is not None
    assert driver.ending.reason == "invalid_api_key"


def test_a_provider_that_is_not_ready_in_time_is_apologised_for() -> None:
    driver = Driver()
    driver.connect()
    driver.run(7)
    assert driver.next_step == a.Apologise()
    assert driver.events(e.ProviderFailed)[0].code == "open_timeout"
    driver.open()  # too late
    assert driver.commands == []


def test_an_answer_that_fails_once_is_asked_for_again() -> None:
    driver = talking()
    driver.say(p.ResponseStarted("r1"), ended("x", "failed", error_code="rate_limit_exceeded"))
    assert driver.commands[-1] == p.Respond()
    assert driver.next_step is None
    driver.say(p.ResponseStarted("r2"), ended("y", "failed", error_code="rate_limit_exceeded"))
    assert len(driver.of(a.OpenSession)) == 2, "another session takes over"


def test_a_provider_that_owes_an_answer_is_asked_again_then_given_up() -> None:
    driver = talking()
    driver.caller_says("c1", "Hello?", 500)
    driver.run(2.6)
    assert driver.commands[-1] == p.Respond()
    driver.run(1.3)
    assert len(driver.of(a.OpenSession)) == 1
    driver.run(0.2)
    assert len(driver.of(a.OpenSession)) == 2
    driver.run(3.1)
    assert driver.next_step == a.Apologise()
    assert driver.ending is not None
    assert driver.ending.reason == "no_answer"


def test_an_agent_that_is_thinking_is_not_asked_again_but_not_waited_for_longer() -> None:
    driver = talking()
    driver.caller_says("c1", "Hello?", 500)
    driver.say(p.ResponseStarted("r1"))
    asked = len(driver.commands)
    driver.run(3.9)
    assert len(driver.commands) == asked
    driver.run(0.2)
    assert len(driver.of(a.OpenSession)) == 2


def test_a_tool_call_of_a_lost_session_is_not_answered_to_the_next() -> None:
    driver = talking()
    goodbye(driver, 4000)
    driver.say(p.SessionClosed(1011, ""))
    driver.open()
    driver.run(0.5)
    driver.cut_in("c1")
    assert driver.events(e.ToolFinished)[-1].error == "the caller went on talking; the call continues"
    assert not [x for x in driver.commands if isinstance(x, p.AnswerTool)]
    driver.run(0.3)
    assert driver.core.phase is Phase.TALKING


def test_an_answer_in_time_keeps_the_call() -> None:
    driver = talking()
    driver.caller_says("c1", "Hello?", 500)
    driver.run(3.9)
    driver.answer("a1", "Hello!", 400)
    driver.run(30)
    assert driver.core.phase is Phase.TALKING


def test_complaints_that_are_not_fatal_are_noted_and_the_call_goes_on() -> None:
    driver = talking()
    driver.say(p.ErrorReported("invalid_value", "hm", retryable=True, fatal=False))
    assert driver.events(e.ProviderFailed)[0].fatal is False
    assert driver.core.phase is Phase.TALKING


def test_a_stream_that_breaks_is_interrupted_and_can_be_resumed() -> None:
    driver = talking()
    driver.feed(i.StreamLost("connection_lost"))
    assert driver.ending == a.Ending("completed", "interrupted", "connection_lost", 3000)
    assert driver.next_step is None  # the carrier is told to resume when it asks


def test_a_stream_that_never_comes_ends_as_abandoned() -> None:
    driver = Driver()
    driver.open()
    driver.run(31)
    assert driver.ending == a.Ending("completed", "abandoned", "no_stream", 0)
    assert driver.events(e.StreamEnded)[0].reason == "never_started"


@pytest.mark.parametrize(
    ("status", "expected"), [("busy", "busy"), ("canceled", "canceled"), ("completed", "completed")]
)
def test_a_call_that_ends_at_the_carrier_before_the_stream(status: str, expected: str) -> None:
    driver = Driver()
    driver.feed(i.CarrierEnded(status))
    assert driver.ending is not None
    assert (driver.ending.status, driver.ending.reason) == (expected, status)


def test_the_process_stops() -> None:
    driver = talking()
    driver.answer("a1", "We are", 1000)
    driver.run(0.5)
    driver.feed(i.StopRequested())
    assert driver.next_step == a.Resume()
    assert driver.ending == a.Ending("completed", "interrupted", "shutdown", 3500)
    assert driver.events(e.TranscriptFinal)[-1].interrupted
    driver.feed(i.StopRequested())


def test_an_ended_call_hears_nothing_more() -> None:
    driver = talking()
    driver.feed(i.StreamStopped())
    count = len(driver.log)
    for happened in (
        i.StreamStopped(),
        i.StreamLost("connection_lost"),
        i.CarrierEnded("completed"),
        i.StopRequested(),
        i.ProviderSaid(p.SessionClosed(1000, "")),
        i.ProviderSaid(p.ErrorReported("x", "x", retryable=True, fatal=True)),
        *(i.TimerFired(timer) for timer in i.Timer),
    ):
        driver.feed(happened)
    assert len(driver.log) == count
    assert driver.timers == {}
