"""How a conversation ends: what was heard, what is still awaited, what follows."""

import math
from collections.abc import Iterator
from typing import Literal

from gateway.call.actions import (
    Action,
    Apologise,
    Append,
    CloseStream,
    Ending,
    Finish,
    HangUp,
    NextStep,
    SetTimer,
    Status,
    TakeVoicemail,
    ToProvider,
    TransferTo,
)
from gateway.call.inputs import Timer
from gateway.call.leaving import Leaving
from gateway.call.state import CallState, Phase, append_all
from providers.session import CommitAudio
from store.call_events import StreamEnded, ToolFinished

WRAP_UP_WAIT_S = 2.0
"""How long the transcript of the last words may take after the stream is over."""

StreamReason = Literal["caller_hangup", "we_closed", "connection_lost", "never_started", "shutdown"]


def leave(
    call: CallState,
    now_s: float,
    stream_reason: StreamReason,
    disposition: str,
    *,
    status: Status = "completed",
    reason: str = "",
    wait: bool = True,
) -> Iterator[Action]:
    """The stream is over or about to be: note how, wait for last transcripts, finish.

    Args:
        call: The call.
        now_s: The present.
        stream_reason: What ended the stream.
        disposition: How the conversation ended.
        status: The call's status from now on.
        reason: More detail.
        wait: Whether transcripts still to come are worth a moment.
    """
    if call.over:
        return
    started = call.started_s is not None
    at_ms = call.clock_base_ms + math.ceil(round(call.stream_ms(now_s), 3)) if started else 0
    speaking = call.transcript.caller_is_speaking()
    yield from _cut_off(call, now_s)
    call.phase = Phase.LEFT
    call.ending = Ending(status, disposition, reason, at_ms)
    yield Append(
        StreamEnded(
            reason=stream_reason if started else "never_started",
            at_ms=at_ms,
            frames_in=call.frames_in,
            bytes_out=call.voice.sent_bytes,
            rejected=dict(call.rejected),
        )
    )
    for timer in Timer:
        yield SetTimer(timer, None)
    if wait and call.provider_open and call.transcript.awaits_caller_text():
        if speaking:  # the last words broke off: have them transcribed all the same
            yield ToProvider(CommitAudio())
        yield SetTimer(Timer.WRAP_UP, now_s + WRAP_UP_WAIT_S)
    else:
        yield from finish(call, now_s)


def _cut_off(call: CallState, now_s: float) -> Iterator[Action]:
    """What the caller had heard of the agent's open turns when the stream ended."""
    unplayed = call.voice.holding or call.voice.unplayed_ms(call.stream_ms(now_s)) > 0
    for item_id, heard_ms in call.heard_of_open_turns(now_s).items():
        heard = call.transcript.heard(
            item_id,
            heard_ms,
            call.clock_ms(now_s),
            interrupted=call.response_active or unplayed,
            sound_ms=call.sound_ms(item_id),
        )
        yield from append_all(heard)


def finish(call: CallState, now_s: float) -> Iterator[Action]:
    """Everything has been said about a call whose stream is over."""
    if call.phase is Phase.LEFT and call.ending is not None:
        call.phase = Phase.ENDED
        yield from append_all(call.transcript.finish(call.clock_ms(now_s)))
        for session in (call.session, call.standby):
            if session and (usage := call.cost.count_time(call.prices, session, now_s)):
                yield Append(usage)
        yield Finish(call.ending)


def give_up(call: CallState, code: str, now_s: float) -> Iterator[Action]:
    """No provider can go on: the caller gets what the flow falls back on instead of silence."""
    call.gone = True
    call.session.opened = False
    yield SetTimer(Timer.OPEN, None)
    match call.phase:
        case Phase.WAITING:
            call.failure = call.failure or code
        case Phase.TALKING if call.leaving is not None:
            yield from depart(call, call.leaving, now_s)  # where the agent was going to go
        case Phase.TALKING:
            next_step, disposition, status = _fallback(call)
            yield CloseStream(next_step)
            yield from leave(call, now_s, "we_closed", disposition, status=status, reason=code, wait=False)
        case Phase.LEFT:
            yield from finish(call, now_s)
        case Phase.ENDED:
            return


def _fallback(call: CallState) -> tuple[NextStep, str, Status]:
    fallback = call.plan.fallback
    match fallback.do:
        case "voicemail":
            return TakeVoicemail(), "voicemail", "in-progress"
        case "transfer" if fallback.number_e164 is not None:
            step = TransferTo(fallback.target or "", fallback.number_e164)
            return step, "transferred", "in-progress"
        case _:
            return Apologise(), "provider_failed", "failed"


def depart(call: CallState, leaving: Leaving, now_s: float) -> Iterator[Action]:
    """The goodbye has been heard, or has taken long enough: move on."""
    call.leaving = None
    yield Append(ToolFinished(tool_call_id=leaving.tool_call_id, name=leaving.tool, result={"ok": True}))
    yield CloseStream(leaving.next_step)
    status: Status = "completed" if isinstance(leaving.next_step, HangUp) else "in-progress"
    yield from leave(call, now_s, "we_closed", leaving.disposition, status=status)
