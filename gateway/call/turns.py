"""The agent's answers: their sound, their end, their playback, and what is owed."""

from collections.abc import Iterator, Mapping

from gateway.call.actions import Action, PassAudio, SetTimer, ToProvider
from gateway.call.ending import depart
from gateway.call.inputs import Timer
from gateway.call.state import CallState, Phase, append_all
from providers.session import CancelAnswer, Respond, Truncate

ECHO_GRACE_S = 2.0
"""How long the last mark of an answer may be overdue."""

SETTLE_S = 0.6
"""An answer whose end nobody tells is over when it has been heard and nothing followed for so long."""


def agent_audio(call: CallState, item_id: str, payload: str, now_s: float) -> Iterator[Action]:
    """The agent speaks."""
    if call.over:
        return
    if call.voice.muted:
        yield from never_heard(call, item_id)
        return
    if not call.response_spoke:
        yield from _speaks_again(call)
    call.transcript.start(item_id, "agent", call.clock_ms(now_s))
    yield from call.expect_nothing()
    yield from call.voice.audio(item_id, payload, call.stream_ms(now_s))
    if not call.session.capabilities.tells_answer_end and not call.voice.holding:
        yield from _settle_later(call, now_s)


def _speaks_again(call: CallState) -> Iterator[Action]:
    """The first sound of an answer: whatever was asked for or had failed is settled."""
    call.response_spoke = True
    call.greeted = True
    call.asked = None
    call.answering = True
    call.cut_short = False
    note_answered(call)
    yield SetTimer(Timer.DRAINED, None)  # the echo awaited is another now
    if call.line_up.incident_s is not None:
        yield SetTimer(Timer.FILLER, None)


def _settle_later(call: CallState, now_s: float) -> Iterator[Action]:
    unplayed_s = call.voice.unplayed_ms(call.stream_ms(now_s)) / 1000
    yield SetTimer(Timer.SETTLED, now_s + unplayed_s + SETTLE_S)


def note_answered(call: CallState) -> None:
    """Forget the caller's audio once it has been both answered and written down."""
    if call.answering and not call.guarding and not call.transcript.awaits_caller_text():
        call.unanswered.clear()
        call.orphans.clear()
        call.ear.answered()


def response_started(call: CallState) -> Iterator[Action]:
    """The agent prepares an answer; one asked for before the caller took the floor comes too late."""
    call.response_active = True
    call.response_spoke = call.overlapped = False
    call.unheard.clear()
    cuts_itself = call.session.capabilities.cancels_on_speech
    if call.greeted and call.voice.muted and call.transcript.caller_is_speaking() and not cuts_itself:
        yield ToProvider(CancelAnswer())
    else:
        call.voice.unmute()


def never_heard(call: CallState, item_id: str) -> Iterator[Action]:
    """A turn of an answer that was cut begins only now: it is none, and the provider is to forget it."""
    if item_id not in call.unheard and call.transcript.turn_id(item_id) is None:
        call.unheard.add(item_id)
        if call.session.capabilities.truncates:
            yield ToProvider(Truncate(item_id, 0))


def response_ended(call: CallState, now_s: float, *, whole: bool = True) -> Iterator[Action]:
    """An answer is written to its end, or given up.

    Args:
        call: The call.
        now_s: The present.
        whole: All its words have come.
    """
    call.response_active = False
    if call.over:
        return
    if call.response_spoke:
        call.line_up.mended()
        call.retried = False
        if call.answering:
            yield from call.expect_nothing()
    if not whole:
        yield from append_all(call.transcript.break_off(call.clock_ms(now_s)))
    yield from call.voice.answer_done(call.stream_ms(now_s))
    if call.leaving and call.response_spoke:
        call.leaving.awaits_goodbye = False
    yield SetTimer(Timer.SETTLED, None)
    yield from heard_or_awaited(call, now_s)
    if call.overlapped and call.leaving is None and not call.over:
        call.overlapped = False
        yield from call.ask(Respond(), Respond(), now_s)


def heard_or_awaited(call: CallState, now_s: float) -> Iterator[Action]:
    """An answer is complete: either it has been heard, or the echo of its last mark is awaited."""
    if call.voice.drained():
        yield from all_heard(call, now_s)
    elif call.started_s is not None and not call.voice.holding:
        unplayed_s = call.voice.unplayed_ms(call.stream_ms(now_s)) / 1000
        yield SetTimer(Timer.DRAINED, now_s + unplayed_s + ECHO_GRACE_S)


def answer_settled(call: CallState, now_s: float) -> Iterator[Action]:
    """Nothing followed an answer whose end nobody tells: it is over."""
    if call.response_active and call.response_spoke:
        yield from append_all(call.transcript.break_off(call.clock_ms(now_s)))
        yield from response_ended(call, now_s)


def mark_echoed(call: CallState, name: str, now_s: float) -> Iterator[Action]:
    """The carrier has played everything before a mark."""
    if not call.voice.echoed(name, call.stream_ms(now_s)) or call.over:
        return
    if not call.voice.drained():
        yield from _close_earlier_turns(call, now_s)
        return
    if not call.response_active:
        yield from all_heard(call, now_s)
    elif call.answer_due_s is None and call.response_spoke and call.session.capabilities.tells_answer_end:
        yield from call.expect_answer(now_s)  # the rest of this answer


def all_heard(call: CallState, now_s: float) -> Iterator[Action]:
    """The caller has heard everything the agent said."""
    yield from _close_turns(call, call.heard_of_open_turns(now_s), now_s)
    call.voice.forget_heard()
    yield SetTimer(Timer.DRAINED, None)
    yield from _let_caller_through(call)
    yield from leave_if_heard(call, now_s)


def _close_earlier_turns(call: CallState, now_s: float) -> Iterator[Action]:
    open_turns = call.heard_of_open_turns(now_s)
    earlier = list(open_turns)[:-1]
    whole = {item: open_turns[item] for item in earlier if 0 < call.sound_ms(item) <= open_turns[item]}
    yield from _close_turns(call, whole, now_s)


def _close_turns(call: CallState, open_turns: Mapping[str, int], now_s: float) -> Iterator[Action]:
    for item_id, heard_ms in open_turns.items():
        heard = call.transcript.heard(
            item_id, heard_ms, call.clock_ms(now_s), interrupted=False, sound_ms=call.sound_ms(item_id)
        )
        yield from append_all(heard)


def _let_caller_through(call: CallState) -> Iterator[Action]:
    """A greeting that may not be interrupted has been heard: what the caller said goes on its way."""
    if not call.guarding or not call.greeted or call.started_s is None:
        return
    call.guarding = False
    if call.provider_open:
        yield from pass_unanswered(call)


def pass_unanswered(call: CallState) -> Iterator[Action]:
    """Give the session the caller's audio that nothing has answered yet."""
    frames = call.ear.unanswered()
    if frames:
        call.session.first_passed_ms = frames[0].timestamp_ms
    for frame in frames:
        yield PassAudio(frame.payload)


def leave_if_heard(call: CallState, now_s: float) -> Iterator[Action]:
    """Move on when a goodbye was asked for, said and heard."""
    leaving = call.leaving
    if leaving is None or leaving.awaits_goodbye or call.phase is not Phase.TALKING:
        return
    if not call.response_active and call.voice.drained():
        yield from depart(call, leaving, now_s)


def echo_overdue(call: CallState, now_s: float) -> Iterator[Action]:
    """The carrier did not return its marks in time: count what was sent as heard and go on."""
    call.voice.assume_heard(call.stream_ms(now_s))
    yield from all_heard(call, now_s)
