"""The call core: every rule of a live call, as a pure state machine.

`feed(input, now_s)` returns actions; the shell in `gateway/session.py` carries them out in order and decides
nothing. No socket, no clock, no task here, so a call can be replayed exactly from its inputs. The rules
themselves stand beside this module: `provider_side` (what the provider's events mean), `turns` (answers,
playback, barge-in), `ending` (how it ends); `state` is what they share.
"""

from collections.abc import Iterator

from flows.call_plan import CallPlan
from gateway.call import turns
from gateway.call.actions import Action, Append, CloseStream, PassAudio, Resume, SetTimer
from gateway.call.ending import depart, fail, finish, leave
from gateway.call.inputs import (
    CallerAudio,
    CarrierEnded,
    Digit,
    Input,
    MarkEchoed,
    MessageRejected,
    ProviderSaid,
    StopRequested,
    StreamLost,
    StreamStarted,
    StreamStopped,
    Timer,
    TimerFired,
)
from gateway.call.provider_side import provider_said
from gateway.call.state import CallState, Phase, Resumption, append_all
from store.call_events import DigitPressed
from store.call_events import StreamStarted as StreamStartedEvent

STREAM_WAIT_S = 30.0
OPEN_WAIT_S = 6.0


class CallCore:
    """One call.

    Args:
        plan: What the call should do.
        provider: The name of the provider that speaks.
        now_s: The present, on the monotonic clock of every later `feed`.
        resumption: Set when this continues an interrupted call.
    """

    __slots__ = ("_call",)

    def __init__(
        self, plan: CallPlan, provider: str, now_s: float, resumption: Resumption | None = None
    ) -> None:
        self._call = CallState(plan, provider, now_s, resumption)

    @property
    def phase(self) -> Phase:
        """Where the call stands."""
        return self._call.phase

    def start(self) -> list[Action]:
        """The first actions of a call: its alarms."""
        created_s = self._call.created_s
        return [
            SetTimer(Timer.STREAM, created_s + STREAM_WAIT_S),
            SetTimer(Timer.OPEN, created_s + OPEN_WAIT_S),
        ]

    def feed(self, happened: Input, now_s: float) -> list[Action]:
        """Take one input, return what to do about it, in order.

        Args:
            happened: The input.
            now_s: The present.
        """
        call = self._call
        match happened:
            case CallerAudio():
                return _caller_audio(call, happened)
            case ProviderSaid(event=event):
                return list(provider_said(call, event, now_s))
            case MarkEchoed(name=name):
                return list(turns.mark_echoed(call, name, now_s))
            case TimerFired(timer=timer):
                return list(_timer_fired(call, timer, now_s))
            case Digit(digit=digit):
                return [Append(DigitPressed(digit=digit, at_ms=call.clock_ms(now_s)))]
            case MessageRejected(why=why):
                call.rejected[why] += 1
                return []
            case StreamStarted(stream_sid=sid):
                return list(_stream_started(call, sid, now_s))
            case StreamStopped():
                return list(leave(call, now_s, "caller_hangup", "caller_hangup"))
            case StreamLost(why=lost):
                return list(leave(call, now_s, "connection_lost", "interrupted", reason=lost))
            case CarrierEnded(status=status):
                return list(_carrier_ended(call, status, now_s))
            case StopRequested():
                return list(_stop_requested(call, now_s))


def _caller_audio(call: CallState, audio: CallerAudio) -> list[Action]:
    call.frames_in += 1
    if call.provider_open:
        if call.first_passed_ms is None:
            call.first_passed_ms = audio.timestamp_ms
        return [PassAudio(audio.payload)]
    if not call.provider_gone:
        call.early_audio.append(audio)
    return []


def _stream_started(call: CallState, sid: str, now_s: float) -> Iterator[Action]:
    if call.phase is not Phase.WAITING:
        return
    call.phase = Phase.TALKING
    call.started_s = now_s
    yield SetTimer(Timer.STREAM, None)
    yield Append(StreamStartedEvent(stream_sid=sid))
    if call.failure is not None:
        yield from fail(call, call.failure, now_s)
        return
    yield from call.voice.start(0.0)
    if call.provider_open and call.voice.drained():
        yield SetTimer(Timer.ANSWER, now_s + turns.ANSWER_NUDGE_S)


def _carrier_ended(call: CallState, status: str, now_s: float) -> Iterator[Action]:
    if call.started_s is not None:
        yield from leave(call, now_s, "caller_hangup", "caller_hangup")
        return
    known = {"busy", "no-answer", "canceled", "failed"}
    yield from leave(
        call,
        now_s,
        "never_started",
        "abandoned",
        status=status if status in known else "completed",  # type: ignore[arg-type]  # checked here
        reason=status,
        wait=False,
    )


def _stop_requested(call: CallState, now_s: float) -> Iterator[Action]:
    if call.over:
        return
    yield CloseStream(Resume())
    yield from leave(call, now_s, "shutdown", "interrupted", reason="shutdown", wait=False)


def _timer_fired(call: CallState, timer: Timer, now_s: float) -> Iterator[Action]:
    match timer:
        case Timer.STREAM:
            yield from leave(call, now_s, "never_started", "abandoned", reason="no_stream", wait=False)
        case Timer.OPEN:
            if not call.provider_open:
                yield call.provider_failed("open_timeout", "not ready in time", retryable=True, fatal=True)
                yield from fail(call, "open_timeout", now_s)
        case Timer.ANSWER:
            yield from turns.answer_overdue(call, now_s)
        case Timer.FAREWELL:
            if call.leaving and call.phase is Phase.TALKING:
                yield from depart(call, call.leaving, now_s)
        case Timer.TRANSCRIPT:
            yield from append_all(call.transcript.give_up_waiting(call.clock_ms(now_s)))
        case Timer.WRAP_UP:
            yield from finish(call, now_s)
        case Timer.DRAINED:
            yield from turns.echo_overdue(call, now_s)
