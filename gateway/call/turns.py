"""Whose turn it is: answers, their playback, barge-in, and what an answer owes."""

from collections.abc import Iterator

from gateway.call.actions import Action, Append, SetTimer, ToProvider
from gateway.call.ending import depart, fail
from gateway.call.inputs import Timer
from gateway.call.leaving import tool_output
from gateway.call.state import CallState, Phase, append_all
from providers.session import AnswerTool, Respond, ResponseEnded, Truncate
from store.call_events import BargeIn, SpeechStarted, ToolFinished, UsageReported

ANSWER_NUDGE_S = 5.0
ANSWER_GIVE_UP_S = 5.0
TRANSCRIPT_WAIT_S = 6.0
ECHO_GRACE_S = 2.0
"""How long the last mark of an answer may be overdue."""


def agent_audio(call: CallState, item_id: str, payload: str, now_s: float) -> Iterator[Action]:
    """The agent speaks."""
    if call.over:
        return
    call.response_spoke = True
    call.nudged = False
    call.transcript.start(item_id, "agent", call.clock_ms(now_s))
    yield SetTimer(Timer.ANSWER, None)
    yield from call.voice.audio(item_id, payload, call.stream_ms(now_s))


def response_started(call: CallState) -> None:
    """The agent prepares an answer."""
    call.response_active = True
    call.response_spoke = False
    call.voice.unmute()


def response_ended(call: CallState, ended: ResponseEnded, now_s: float) -> Iterator[Action]:
    """An answer is written to its end, or given up."""
    call.response_active = False
    yield from _report_usage(call, ended)
    if call.over:
        return
    if ended.status == "failed":
        yield from _response_failed(call, ended, now_s)
        return
    if call.response_spoke:
        yield SetTimer(Timer.ANSWER, None)
    yield from call.voice.answer_done(call.stream_ms(now_s))
    if call.leaving and call.response_spoke:
        call.leaving.awaits_goodbye = False
    if call.voice.drained():
        yield from all_heard(call, now_s)
    elif call.started_s is not None:
        unplayed_s = call.voice.unplayed_ms(call.stream_ms(now_s)) / 1000
        yield SetTimer(Timer.DRAINED, now_s + unplayed_s + ECHO_GRACE_S)


def _report_usage(call: CallState, ended: ResponseEnded) -> Iterator[Action]:
    if ended.input_tokens or ended.output_tokens:
        yield Append(
            UsageReported(
                provider=call.provider,
                input_tokens=ended.input_tokens,
                output_tokens=ended.output_tokens,
                details=ended.usage,
            )
        )


def _response_failed(call: CallState, ended: ResponseEnded, now_s: float) -> Iterator[Action]:
    code = ended.error_code or "response_failed"
    retry = ended.retryable and not call.retried
    yield call.provider_failed(code, ended.error_message or "", retryable=ended.retryable, fatal=not retry)
    if retry:
        call.retried = True
        yield ToProvider(Respond())
    else:
        yield from fail(call, code, now_s)


def mark_echoed(call: CallState, name: str, now_s: float) -> Iterator[Action]:
    """The carrier has played everything before a mark."""
    if not call.voice.echoed(name, call.stream_ms(now_s)) or not call.voice.drained():
        return
    if not call.response_active:
        yield from all_heard(call, now_s)
    elif call.phase is Phase.TALKING:  # the answer is not finished, and the caller hears nothing
        yield SetTimer(Timer.ANSWER, now_s + ANSWER_NUDGE_S)


def all_heard(call: CallState, now_s: float) -> Iterator[Action]:
    """The answer is written and the caller has heard all of it."""
    for item_id, heard_ms in call.heard_of_open_turns(now_s).items():
        heard = call.transcript.heard(item_id, heard_ms, call.clock_ms(now_s), interrupted=False)
        yield from append_all(heard)
    call.voice.forget_heard()
    yield SetTimer(Timer.DRAINED, None)
    yield from leave_if_heard(call, now_s)


def leave_if_heard(call: CallState, now_s: float) -> Iterator[Action]:
    """Move on when a goodbye was asked for, said and heard."""
    leaving = call.leaving
    if leaving is None or leaving.awaits_goodbye or call.phase is not Phase.TALKING:
        return
    if not call.response_active and call.voice.drained():
        yield from depart(call, leaving, now_s)


def caller_started(call: CallState, item_id: str, session_ms: int, now_s: float) -> Iterator[Action]:
    """The caller begins to speak."""
    at_ms = call.caller_ms(session_ms)
    turn_id = call.transcript.start(item_id, "caller", at_ms)
    yield Append(SpeechStarted(turn_id=turn_id, at_ms=at_ms))
    yield SetTimer(Timer.ANSWER, None)
    if call.phase is Phase.TALKING:
        yield from _barge_in(call, now_s)


def _barge_in(call: CallState, now_s: float) -> Iterator[Action]:
    """Fall silent at once and tell the provider what was heard."""
    open_turns = call.heard_of_open_turns(now_s)
    actions, cut = call.voice.cut(call.stream_ms(now_s))
    yield from actions
    yield SetTimer(Timer.DRAINED, None)
    now_ms = call.clock_ms(now_s)
    for item in cut:
        open_turns[item.item_id] = item.heard_ms
        yield ToProvider(Truncate(item.item_id, item.heard_ms))
        if turn_id := call.transcript.turn_id(item.item_id):
            yield Append(BargeIn(turn_id=turn_id, at_ms=now_ms, heard_ms=item.heard_ms))
    interrupted = {item.item_id for item in cut} if not call.response_active else set(open_turns)
    for item_id, heard_ms in open_turns.items():
        heard = call.transcript.heard(item_id, heard_ms, now_ms, interrupted=item_id in interrupted)
        yield from append_all(heard)
    if cut or call.response_active:
        yield from _stay(call)


def _stay(call: CallState) -> Iterator[Action]:
    """The caller goes on talking over the goodbye: the conversation continues."""
    leaving, call.leaving = call.leaving, None
    if leaving is None:
        return
    error = "the caller went on talking; the call continues"
    yield SetTimer(Timer.FAREWELL, None)
    yield Append(ToolFinished(tool_call_id=leaving.tool_call_id, name=leaving.tool, error=error))
    if not leaving.answered:
        yield ToProvider(AnswerTool(leaving.tool_call_id, tool_output(error=error), respond=False))


def caller_stopped(call: CallState, item_id: str, session_ms: int, now_s: float) -> Iterator[Action]:
    """The caller's turn is over: its words and an answer are owed."""
    call.transcript.stopped(item_id, call.caller_ms(session_ms))
    yield SetTimer(Timer.TRANSCRIPT, now_s + TRANSCRIPT_WAIT_S)
    if call.phase is Phase.TALKING:
        yield SetTimer(Timer.ANSWER, now_s + ANSWER_NUDGE_S)


def answer_overdue(call: CallState, now_s: float) -> Iterator[Action]:
    """Ask once more; then the provider counts as lost."""
    if call.phase is not Phase.TALKING:
        return
    if call.nudged:
        yield call.provider_failed("no_answer", "stayed silent, asked twice", retryable=True, fatal=True)
        yield from fail(call, "no_answer", now_s)
        return
    call.nudged = True
    yield ToProvider(Respond())
    yield SetTimer(Timer.ANSWER, now_s + ANSWER_GIVE_UP_S)


def echo_overdue(call: CallState, now_s: float) -> Iterator[Action]:
    """The carrier did not return its marks in time: count the turn as heard and go on."""
    for item_id, heard_ms in call.heard_of_open_turns(now_s).items():
        heard = call.transcript.heard(item_id, heard_ms, call.clock_ms(now_s), interrupted=False)
        yield from append_all(heard)
    if call.leaving and not call.leaving.awaits_goodbye and call.phase is Phase.TALKING:
        yield from depart(call, call.leaving, now_s)
