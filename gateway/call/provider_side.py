"""What the provider's events mean for the call."""

from collections.abc import Iterator

from gateway.call import turns
from gateway.call.actions import Action, Append, PassAudio, SetTimer, ToProvider
from gateway.call.ending import fail, finish
from gateway.call.inputs import Timer
from gateway.call.leaving import Leaving, ToolRefused, last_words, leave_for, parse_arguments, tool_output
from gateway.call.state import CallState, Phase, append_all
from providers import session as p
from store.call_events import ProviderClosed, ProviderOpened, ToolCalled, ToolFinished

FAREWELL_LIMIT_S = 10.0

RESUME_WORDS = (
    "The line was interrupted for a moment and the caller is back. Say so in a few words and go on where the "
    "conversation stopped. Do not greet again."
)


def provider_said(call: CallState, event: p.Event, now_s: float) -> Iterator[Action]:
    """Take one event of the session."""
    match event:
        case p.AgentAudio(item_id=item_id, payload=payload):
            yield from turns.agent_audio(call, item_id, payload, now_s)
        case p.AgentTextDelta(item_id=item_id, text=text) | p.CallerTextDelta(item_id=item_id, text=text):
            yield from append_all(call.transcript.delta(item_id, text, call.clock_ms(now_s)))
        case p.AgentAudioDone(item_id=item_id):
            if not call.over:
                yield from call.voice.audio_done(item_id, call.stream_ms(now_s))
        case p.AgentText(item_id=item_id, text=text):
            call.transcript.start(item_id, "agent", call.clock_ms(now_s))
            yield from append_all(call.transcript.complete(item_id, text, call.clock_ms(now_s)))
        case p.CallerText(item_id=item_id, text=words):
            yield from _caller_text(call, item_id, words, now_s)
        case p.CallerSpeechStarted(item_id=item_id, at_ms=at_ms):
            yield from turns.caller_started(call, item_id, at_ms, now_s)
        case p.CallerSpeechStopped(item_id=item_id, at_ms=at_ms):
            yield from turns.caller_stopped(call, item_id, at_ms, now_s)
        case p.ItemAdded(item_id=item_id, party=party):
            call.transcript.start(item_id, party, call.clock_ms(now_s))
        case p.ResponseStarted():
            turns.response_started(call)
        case p.ResponseEnded():
            yield from turns.response_ended(call, event, now_s)
        case p.ToolRequested(tool_call_id=call_id, name=name, arguments=arguments):
            yield from _tool_requested(call, call_id, name, arguments, now_s)
        case p.SessionOpened(session_id=session_id, model=model):
            yield from _session_opened(call, session_id, model, now_s)
        case p.ErrorReported():
            yield from _error_reported(call, event, now_s)
        case p.SessionClosed(code=code, reason=reason):
            yield from _session_closed(call, code, reason, now_s)


def _session_opened(call: CallState, session_id: str, model: str, now_s: float) -> Iterator[Action]:
    if call.provider_gone:
        return
    call.provider_open = True
    opened_in_ms = int((now_s - call.created_s) * 1000)
    yield SetTimer(Timer.OPEN, None)
    yield Append(
        ProviderOpened(provider=call.provider, model=model, session_id=session_id, opened_in_ms=opened_in_ms)
    )
    if call.over:
        return
    yield ToProvider(p.Respond(_first_words(call)))
    if call.early_audio:
        call.first_passed_ms = call.early_audio[0].timestamp_ms
    while call.early_audio:
        yield PassAudio(call.early_audio.popleft().payload)
    if call.phase is Phase.TALKING:
        yield SetTimer(Timer.ANSWER, now_s + turns.ANSWER_NUDGE_S)


def _first_words(call: CallState) -> str | None:
    if call.resumption is not None:
        return RESUME_WORDS
    if not call.plan.greeting:
        return None
    return f"Greet the caller with exactly these words and nothing else: {call.plan.greeting}"


def _caller_text(call: CallState, item_id: str, words: str | None, now_s: float) -> Iterator[Action]:
    yield from append_all(call.transcript.complete(item_id, words, call.clock_ms(now_s)))
    if call.phase is Phase.LEFT and not call.transcript.awaits_caller_text():
        yield from finish(call, now_s)


def _error_reported(call: CallState, error: p.ErrorReported, now_s: float) -> Iterator[Action]:
    if call.phase is Phase.ENDED or (call.over and not error.fatal):
        return
    yield call.provider_failed(error.code, error.message, retryable=error.retryable, fatal=error.fatal)
    if error.fatal:
        yield from fail(call, error.code, now_s)


def _session_closed(call: CallState, code: int, reason: str, now_s: float) -> Iterator[Action]:
    if call.provider_gone or call.phase is Phase.ENDED:
        return
    yield Append(ProviderClosed(provider=call.provider, code=code, reason=reason))
    yield from fail(call, f"provider_closed_{code}", now_s)


def _tool_requested(
    call: CallState, tool_call_id: str, name: str, arguments: str, now_s: float
) -> Iterator[Action]:
    parsed = parse_arguments(arguments)
    yield Append(ToolCalled(tool_call_id=tool_call_id, name=name, arguments=parsed or {}))
    yield SetTimer(Timer.ANSWER, None)
    if call.over:
        return
    decided: Leaving | ToolRefused
    if parsed is None:
        decided = ToolRefused("the arguments are not a JSON object")
    elif call.leaving is not None:
        decided = ToolRefused(f"{call.leaving.tool} is already under way")
    else:
        decided = leave_for(call.plan, tool_call_id, name, parsed, spoke=call.response_spoke)
    match decided:
        case ToolRefused(error=error):
            yield Append(ToolFinished(tool_call_id=tool_call_id, name=name, error=error))
            yield ToProvider(p.AnswerTool(tool_call_id, tool_output(error=error), respond=True))
            yield SetTimer(Timer.ANSWER, now_s + turns.ANSWER_NUDGE_S)
        case Leaving():
            yield from _say_goodbye(call, decided, now_s)


def _say_goodbye(call: CallState, leaving: Leaving, now_s: float) -> Iterator[Action]:
    call.leaving = leaving
    unplayed_s = call.voice.unplayed_ms(call.stream_ms(now_s)) / 1000
    yield SetTimer(Timer.FAREWELL, now_s + unplayed_s + FAREWELL_LIMIT_S)
    if leaving.awaits_goodbye:
        leaving.answered = True
        yield ToProvider(p.AnswerTool(leaving.tool_call_id, tool_output(ok=True), respond=False))
        yield ToProvider(p.Respond(last_words(leaving.tool)))
    else:
        yield from turns.leave_if_heard(call, now_s)
