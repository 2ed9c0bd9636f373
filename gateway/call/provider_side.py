"""What the provider's events mean for the call."""

from collections.abc import Iterator

from gateway.call import barge_in, replacement, turns
from gateway.call.actions import Action, Append, SetTimer, ToProvider
from gateway.call.ending import finish
from gateway.call.inputs import Timer
from gateway.call.leaving import Leaving, ToolRefused, last_words, leave_for, parse_arguments, tool_output
from gateway.call.state import CallState, Phase, append_all
from providers import session as p
from store.call_events import ToolCalled, ToolFinished

FAREWELL_LIMIT_S = 10.0


def provider_said(call: CallState, event: p.Event, now_s: float) -> Iterator[Action]:
    """Take one event of the session in use."""
    call.heard_of_provider_s = now_s
    match event:
        case p.AgentAudio(item_id=item_id, payload=payload):
            yield from turns.agent_audio(call, item_id, payload, now_s)
        case p.AgentTextDelta(item_id=item_id, text=text):
            yield from _agent_words(call, item_id, text, now_s)
        case p.CallerTextDelta(item_id=item_id, text=text):
            yield from append_all(call.transcript.delta(item_id, text, call.clock_ms(now_s)))
        case p.AgentAudioDone(item_id=item_id):
            if not call.over:
                yield from call.voice.audio_done(item_id, call.stream_ms(now_s))
        case p.AgentText(item_id=item_id, text=text):
            yield from _agent_text(call, item_id, text, now_s)
        case p.CallerText(item_id=item_id, text=words):
            yield from _caller_text(call, item_id, words, now_s)
        case p.CallerSpeechStarted(item_id=item_id, at_ms=at_ms):
            yield from barge_in.caller_started(call, item_id, at_ms, now_s)
        case p.CallerSpeechStopped(item_id=item_id, at_ms=at_ms):
            yield from barge_in.caller_stopped(call, item_id, at_ms, now_s)
        case p.ItemAdded(item_id=item_id, party="agent") if call.voice.muted:
            yield from turns.never_heard(call, item_id)
        case p.ItemAdded(item_id=item_id, party=party):
            call.transcript.start(item_id, party, call.clock_ms(now_s))
        case p.ResponseStarted():
            yield from turns.response_started(call)
        case p.ResponseEnded(status="failed"):
            yield from _response_failed(call, event, now_s)
        case p.ResponseEnded(status=status):
            yield from turns.response_ended(call, now_s, whole=status == "completed")
        case p.AnswerInterrupted():
            yield from barge_in.interrupted(call, now_s)
        case p.ToolRequested(tool_call_id=call_id, name=name, arguments=arguments):
            yield from _tool_requested(call, call_id, name, arguments, now_s)
        case p.ToolCancelled() | p.AgentTextCorrected():
            pass  # what is under way goes on; what was heard we know better, from the carrier's marks
        case _:
            yield from _session_said(call, event, now_s)


def _session_said(call: CallState, event: p.AboutSession, now_s: float) -> Iterator[Action]:
    """Take an event about the session itself."""
    match event:
        case p.SessionOpened():
            if not call.gone:
                yield from replacement.session_opened(call, event, now_s)
        case p.UsageCounted(input_tokens=used, output_tokens=made, details=details):
            yield Append(
                call.cost.count(call.prices, call.session, details, input_tokens=used, output_tokens=made)
            )
        case p.SessionExpiring():
            yield from replacement.expiring(call, now_s)
        case p.SessionResumable(handle=handle):
            call.session.handle = handle
            call.session.handle_turns = len(call.transcript.history())
        case p.ErrorReported():
            yield from _error_reported(call, event, now_s)
        case p.SessionClosed(code=code, reason=reason):
            yield from replacement.session_closed(call, code, reason, now_s)


def _response_failed(call: CallState, ended: p.ResponseEnded, now_s: float) -> Iterator[Action]:
    call.response_active = False
    if call.over:
        return
    code = ended.error_code or "response_failed"
    retry = ended.retryable and not call.retried
    yield call.provider_failed(code, ended.error_message or "", retryable=ended.retryable, fatal=not retry)
    if retry:
        again = call.asked or p.Respond(replacement.BROKEN_OFF_WORDS if call.response_spoke else None)
        call.overlapped = False
        yield from turns.response_ended(call, now_s, whole=False)
        call.retried = True
        if not call.over:
            yield from call.ask(again, again, now_s)
    else:
        yield from replacement.replace(call, code, now_s, retryable=ended.retryable)


def _agent_words(call: CallState, item_id: str, text: str, now_s: float) -> Iterator[Action]:
    if call.voice.muted:
        return
    now_ms = call.clock_ms(now_s)
    call.transcript.start(item_id, "agent", now_ms)
    yield from append_all(call.transcript.delta(item_id, text, now_ms, sound_ms=call.sound_ms(item_id)))


def _agent_text(call: CallState, item_id: str, text: str, now_s: float) -> Iterator[Action]:
    if call.voice.muted:
        yield from turns.never_heard(call, item_id)
    else:
        call.transcript.start(item_id, "agent", call.clock_ms(now_s))
    yield from append_all(call.transcript.complete(item_id, text, call.clock_ms(now_s)))


def _caller_text(call: CallState, item_id: str, words: str | None, now_s: float) -> Iterator[Action]:
    yield from append_all(call.transcript.complete(item_id, words, call.clock_ms(now_s)))
    turns.note_answered(call)
    turn_id = call.transcript.turn_id(item_id)
    last = call.unanswered[-1:] == [turn_id]
    if words is None and last and call.session.capabilities.cancels_on_speech and not call.cut_short:
        call.unanswered.pop()  # the provider took a noise for speech, and makes no answer to it
        yield from call.expect_nothing()
    if call.phase is Phase.LEFT and not call.transcript.awaits_caller_text():
        yield from finish(call, now_s)


def _error_reported(call: CallState, error: p.ErrorReported, now_s: float) -> Iterator[Action]:
    if call.gone or call.phase is Phase.ENDED or (call.over and not error.fatal):
        return
    yield call.provider_failed(error.code, error.message, retryable=error.retryable, fatal=error.fatal)
    if error.fatal:
        yield from replacement.replace(call, error.code, now_s, retryable=error.retryable)


def _tool_requested(
    call: CallState, tool_call_id: str, name: str, arguments: str, now_s: float
) -> Iterator[Action]:
    parsed = parse_arguments(arguments)
    yield Append(ToolCalled(tool_call_id=tool_call_id, name=name, arguments=parsed or {}))
    if call.leaving is not None:
        error = f"{call.leaving.tool} is already under way"
        yield Append(ToolFinished(tool_call_id=tool_call_id, name=name, error=error))
        yield ToProvider(p.AnswerTool(tool_call_id, tool_output(error=error), respond=False))
        return
    yield from call.expect_nothing()
    call.asked = None
    if call.over:
        return
    decided: Leaving | ToolRefused
    if parsed is None:
        decided = ToolRefused("the arguments are not a JSON object")
    else:
        decided = leave_for(call.plan, tool_call_id, name, parsed, spoke=call.response_spoke)
    match decided:
        case ToolRefused(error=error):
            yield Append(ToolFinished(tool_call_id=tool_call_id, name=name, error=error))
            output = tool_output(error=error)
            words = p.Respond(f"You called {name[:64]} and it answered: {output} Go on from there.")
            yield from call.ask(p.AnswerTool(tool_call_id, output, respond=True), words, now_s)
        case Leaving():
            yield from _say_goodbye(call, decided, now_s)


def _say_goodbye(call: CallState, leaving: Leaving, now_s: float) -> Iterator[Action]:
    call.leaving = leaving
    leaving.session = call.session.number
    unplayed_s = call.voice.unplayed_ms(call.stream_ms(now_s)) / 1000
    yield SetTimer(Timer.FAREWELL, now_s + unplayed_s + FAREWELL_LIMIT_S)
    if leaving.awaits_goodbye:
        leaving.answered = True
        words = last_words(leaving.tool)
        answer = p.AnswerTool(leaving.tool_call_id, tool_output(ok=True), respond=True, instructions=words)
        yield from call.ask(answer, p.Respond(words), now_s)
    else:
        yield from turns.leave_if_heard(call, now_s)
