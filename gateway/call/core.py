"""The call core: every rule of a live call, as a pure state machine.

`feed(input, now_s)` returns actions; the shell in `gateway/session.py` carries them out in order and decides
nothing. No socket, no clock, no task here, so a call can be replayed exactly from its inputs. The rules
themselves stand beside this module: `provider_side` (what the provider's events mean), `turns` (answers and
their playback), `barge_in` (the caller cuts in), `replacement` (sessions that open, fail, expire, take over),
`ending` (how it ends); `state` is what they share.
"""

from collections.abc import Iterator, Sequence

from flows.call_plan import CallPlan
from gateway.call import barge_in, replacement, turns
from gateway.call.actions import Action, Append, CloseStream, PassAudio, Resume, SetTimer
from gateway.call.ending import depart, finish, give_up, leave
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
from gateway.call.sessions import LineUp, Session
from gateway.call.state import CallState, Phase, Resumption, append_all
from providers.capabilities import CAPABILITIES
from providers.prices import PriceTable
from store.call_events import DigitPressed
from store.call_events import StreamStarted as StreamStartedEvent

STREAM_WAIT_S = 30.0


class CallCore:
    """One call.

    Args:
        plan: What the call should do.
        providers: The providers it may use, first the one preferred.
        prices: What their use costs.
        now_s: The present, on the monotonic clock of every later `feed`.
        resumption: Set when this continues an interrupted call.
    """

    __slots__ = ("_call",)

    def __init__(
        self,
        plan: CallPlan,
        providers: Sequence[str],
        prices: PriceTable,
        now_s: float,
        resumption: Resumption | None = None,
    ) -> None:
        first = Session(1, CAPABILITIES[providers[0]], now_s, continues=resumption is not None)
        self._call = CallState(plan, LineUp(tuple(providers)), prices, now_s, first, resumption)

    @property
    def phase(self) -> Phase:
        """Where the call stands."""
        return self._call.phase

    def start(self) -> list[Action]:
        """The first actions of a call: its alarms and its first session."""
        call = self._call
        return [SetTimer(Timer.STREAM, call.created_s + STREAM_WAIT_S), *replacement.open_first(call)]

    def feed(self, happened: Input, now_s: float) -> list[Action]:
        """Take one input, return what to do about it, in order.

        Args:
            happened: The input.
            now_s: The present.
        """
        call = self._call
        if isinstance(happened, CallerAudio):
            return _caller_audio(call, happened, now_s)
        actions = list(_take(call, happened, now_s))
        if call.standby is not None:
            actions.extend(replacement.take_over_in_pause(call, now_s))
        return actions


def _take(call: CallState, happened: Input, now_s: float) -> Iterator[Action]:
    match happened:
        case ProviderSaid() if call.phase is Phase.ENDED:
            return
        case ProviderSaid(event=event, session=number):
            if number == call.session.number:
                yield from provider_said(call, event, now_s)
            elif call.standby is not None and number == call.standby.number:
                yield from replacement.standby_said(call, event, now_s)
        case CallerAudio():
            yield from _caller_audio(call, happened, now_s)
        case MarkEchoed(name=name):
            yield from turns.mark_echoed(call, name, now_s)
        case TimerFired(timer=timer):
            yield from _timer_fired(call, timer, now_s)
        case Digit(digit=digit):
            yield Append(DigitPressed(digit=digit, at_ms=call.clock_ms(now_s)))
        case MessageRejected(why=why):
            call.rejected[why] += 1
        case StreamStarted(stream_sid=sid):
            yield from _stream_started(call, sid, now_s)
        case StreamStopped():
            yield from leave(call, now_s, "caller_hangup", "caller_hangup")
        case StreamLost(why=lost):
            yield from leave(call, now_s, "connection_lost", "interrupted", reason=lost)
        case CarrierEnded(status=status):
            yield from _carrier_ended(call, status, now_s)
        case StopRequested():
            yield from _stop_requested(call, now_s)


def _caller_audio(call: CallState, audio: CallerAudio, now_s: float) -> list[Action]:
    call.frames_in += 1
    actions: list[Action] = []
    if call.provider_open and not call.guarding:
        session = call.session
        if session.first_passed_ms is None:
            session.first_passed_ms = audio.timestamp_ms
        actions.append(PassAudio(audio.payload))
    for edge in call.ear.hear(audio):
        actions.extend(barge_in.caller_edge(call, edge, now_s))
        if call.standby is not None:
            actions.extend(replacement.take_over_in_pause(call, now_s))
    return actions


def _stream_started(call: CallState, sid: str, now_s: float) -> Iterator[Action]:
    if call.phase is not Phase.WAITING:
        return
    call.phase = Phase.TALKING
    call.started_s = now_s
    yield SetTimer(Timer.STREAM, None)
    yield Append(StreamStartedEvent(stream_sid=sid))
    if call.failure is not None:
        yield from give_up(call, call.failure, now_s)
        return
    yield from call.voice.start(0.0)
    if call.provider_open and call.voice.drained():
        yield from call.expect_answer(now_s)


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
            yield from replacement.open_overdue(call, now_s)
        case Timer.STANDBY:
            yield from replacement.standby_overdue(call, now_s)
        case Timer.RENEW:
            yield from replacement.renew(call, now_s)
        case Timer.FILLER:
            yield from replacement.fill_silence(call, now_s)
        case Timer.ANSWER:
            yield from replacement.answer_overdue(call, now_s)
        case Timer.HOLD:
            yield from barge_in.false_start(call, now_s)
        case Timer.FAINT_SPEECH:
            if call.faint:
                yield from barge_in.cut_in(call, now_s)
        case Timer.UNENDED:
            yield from barge_in.turn_unended(call, now_s)
        case Timer.SETTLED:
            yield from turns.answer_settled(call, now_s)
        case Timer.FAREWELL:
            if call.leaving and call.phase is Phase.TALKING:
                yield from depart(call, call.leaving, now_s)
        case Timer.TRANSCRIPT:
            yield from append_all(call.transcript.give_up_waiting(call.clock_ms(now_s)))
            turns.note_answered(call)
        case Timer.WRAP_UP:
            yield from finish(call, now_s)
        case Timer.DRAINED:
            yield from turns.echo_overdue(call, now_s)
