"""Provider sessions come and go within one call: they open, fail, fall silent, near their limit, take over.

A session that failed is replaced by another, of the next provider in the call's line-up or of the same one.
The new session is told the conversation so far as text, gets the caller's audio that nothing has answered
yet, and says what the old one owed. A session that nears its limit is replaced ahead of time by one that
stands by and takes over in a pause; should the old one die before there is a pause, the other takes over at
once.
"""

from collections.abc import Iterator

from gateway.call import turns
from gateway.call.actions import Action, Append, CloseSession, OpenSession, SetTimer, ToProvider, UseSession
from gateway.call.ending import finish, give_up
from gateway.call.filler import FILLER_PAYLOAD
from gateway.call.inputs import Timer
from gateway.call.leaving import last_words
from gateway.call.sessions import Session
from gateway.call.state import TRANSCRIPT_WAIT_S, CallState, Phase, Replaced, append_all
from providers import session as p
from providers.capabilities import CAPABILITIES
from store.call_events import ProviderClosed, ProviderFailed, ProviderOpened, ProviderReplaced

OPEN_LIMIT_S = 3.0

LONGEST_SPEECH_S = 15.0
"""Sound that goes on for longer is a noisy line, no caller speaking."""

SPEECH_CHECK_S = 0.2

FILLER_AFTER_S = 0.7
FILLER_EVERY_S = 2.0

RENEW_RETRY_S = 15.0
"""When standing by failed, it is tried again so much later."""

RESUME_WORDS = (
    "The line was interrupted for a moment and the caller is back. Say so in a few words and go on where the "
    "conversation stopped. Do not greet again."
)
BROKEN_OFF_WORDS = (
    "You were interrupted by a technical fault in the middle of your last sentence. Go on from there without "
    "repeating it. Do not greet again and do not mention the fault."
)


# Opening


def open_first(call: CallState) -> Iterator[Action]:
    """Open the call's first session."""
    first = call.session
    yield SetTimer(Timer.OPEN, call.created_s + OPEN_LIMIT_S)
    yield OpenSession(first.number, first.provider, first.continues)
    yield UseSession(first.number)


def _open(call: CallState, provider: str, now_s: float, handle: str | None = None) -> tuple[Session, Action]:
    call.sessions += 1
    continues = call.greeted or call.resumption is not None
    session = Session(call.sessions, CAPABILITIES[provider], now_s, continues, handle is not None)
    last_resort = call.line_up.last_resort(provider)
    return session, OpenSession(session.number, provider, continues, handle, last_resort)


def session_opened(call: CallState, opened: p.SessionOpened, now_s: float) -> Iterator[Action]:
    """The session in use is ready."""
    yield SetTimer(Timer.OPEN, None)
    yield from _note_opened(call.session, opened, now_s)
    if not call.over:
        yield from _begin(call, now_s)


def _note_opened(session: Session, opened: p.SessionOpened, now_s: float) -> Iterator[Action]:
    session.opened = True
    session.model = opened.model
    session.billed_until_s = now_s
    session.told_to_last(opened.lasts_s)
    yield Append(
        ProviderOpened(
            provider=session.provider,
            model=opened.model,
            session_id=opened.session_id,
            opened_in_ms=int((now_s - session.asked_s) * 1000),
        )
    )


def _begin(call: CallState, now_s: float) -> Iterator[Action]:
    """The session in use begins to work: it learns what was said, what it owes, and hears the caller."""
    session, replaced = call.session, call.replaced
    call.replaced = None
    if session.continues:
        yield ToProvider(p.Remember(() if session.resumed else _told(call)))
    call.orphans.clear()
    call.orphans.extend(call.unanswered)
    if call.orphans:
        call.transcript.leave_open(call.clock_ms(now_s))
        yield SetTimer(Timer.TRANSCRIPT, now_s + TRANSCRIPT_WAIT_S)
    yield SetTimer(Timer.RENEW, session.renew_at_s)
    if replaced is not None:
        gap_ms = round((now_s - replaced.at_s) * 1000)
        yield _replaced(call, replaced.provider, replaced.reason, planned=False, gap_ms=gap_ms)
    yield from _say_what_is_owed(call, replaced, now_s)
    if not call.guarding:
        yield from turns.pass_unanswered(call)


def _told(call: CallState) -> tuple[p.HistoryTurn, ...]:
    return call.transcript.history(tuple(call.unanswered))


def _handle(call: CallState) -> str | None:
    """What continues the session in use in another, if it knows all that was said: it can be told no more."""
    session = call.session
    return session.handle if session.handle_turns == len(_told(call)) else None


def _replaced(call: CallState, provider: str, reason: str, *, planned: bool, gap_ms: int) -> Action:
    return Append(
        ProviderReplaced(provider=provider, by=call.provider, reason=reason, planned=planned, gap_ms=gap_ms)
    )


def _say_what_is_owed(call: CallState, replaced: Replaced | None, now_s: float) -> Iterator[Action]:
    asked = call.asked
    if call.leaving is not None and call.leaving.awaits_goodbye:
        asked = p.Respond(last_words(call.leaving.tool))
    elif call.resumption is not None and not call.greeted:
        asked = p.Respond(RESUME_WORDS)
    elif not call.greeted and not call.session.continues:
        asked = p.Respond(_greeting_words(call))
        if call.session.capabilities.greets and call.plan.greeting:
            yield from call.expect_answer(now_s)
            return
    elif replaced is not None and replaced.broke_off and not call.unanswered and asked is None:
        asked = p.Respond(BROKEN_OFF_WORDS)
    callers_floor = call.greeted and call.leaving is None and (call.unanswered or call.ear.has_speech)
    if asked is not None and not callers_floor:
        yield from call.ask(asked, asked, now_s)
    elif asked is not None or call.unanswered or call.answer_due_s is not None:
        call.asked = asked  # should it have been no speech, the agent is asked when its answer is overdue
        yield from call.expect_answer(now_s)


def _greeting_words(call: CallState) -> str | None:
    if not call.plan.greeting:
        return None
    return f"Greet the caller with exactly these words and nothing else: {call.plan.greeting}"


# Failing


def session_closed(call: CallState, code: int, reason: str, now_s: float) -> Iterator[Action]:
    """The session in use is over."""
    if call.gone or call.phase is Phase.ENDED:
        return
    yield Append(ProviderClosed(provider=call.provider, code=code, reason=reason))
    yield from replace(call, f"provider_closed_{code}", now_s)


def open_overdue(call: CallState, now_s: float) -> Iterator[Action]:
    """The session in use is not ready in time."""
    if not call.session.opened:
        yield call.provider_failed("open_timeout", "not ready in time", retryable=True, fatal=True)
        yield from replace(call, "open_timeout", now_s)


def answer_overdue(call: CallState, now_s: float) -> Iterator[Action]:
    """Ask once more; then the session counts as silent."""
    if call.phase is not Phase.TALKING or not call.provider_open or call.answer_due_s is None:
        return
    caller_goes_on = call.ear.speaking and now_s - call.loud_since_s < LONGEST_SPEECH_S
    if call.nudged and caller_goes_on:
        yield SetTimer(Timer.ANSWER, now_s + SPEECH_CHECK_S)
        return
    if call.nudged:
        yield call.provider_failed("no_answer", "stayed silent, asked twice", retryable=True, fatal=True)
        yield from replace(call, "no_answer", now_s)
        return
    call.nudged = True
    # One that thinks would refuse a second question, one that is asked would talk into the caller's words.
    if not call.response_active and not caller_goes_on:
        yield ToProvider(call.asked or p.Respond())
    yield SetTimer(Timer.ANSWER, max(now_s, call.answer_due_s))


def replace(call: CallState, code: str, now_s: float, *, retryable: bool = True) -> Iterator[Action]:
    """The session in use is of no use any more: another takes over, or the call goes on without the agent.

    Args:
        call: The call.
        code: Why.
        now_s: The present.
        retryable: Whether the same provider may be tried again.
    """
    if call.gone:
        return
    old, owed = call.session, call.answer_due_s is not None
    yield from _drop(call, old, now_s)
    yield SetTimer(Timer.OPEN, None)
    if call.over:
        call.gone = True
        yield from finish(call, now_s)
        return
    broke_off = call.response_active and call.response_spoke
    yield from _settle_broken_answer(call, now_s)
    call.line_up.failed(old.provider, now_s, retryable=retryable)
    call.replaced = call.replaced or Replaced(old.provider, code, now_s, broke_off)
    if call.standby is not None:
        yield from _refresh(call, call.standby, now_s)
        call.session, call.standby = call.standby, None
        yield SetTimer(Timer.STANDBY, None)
        yield UseSession(call.session.number)
        if call.session.opened:
            yield from _begin(call, now_s)
            return
    else:
        provider = call.line_up.next_after(old.provider, now_s)
        if provider is None:
            yield from give_up(call, call.replaced.reason, now_s)
            return
        handle = _handle(call) if provider == old.provider and not old.resumed else None
        call.session, opening = _open(call, provider, now_s, handle)
        call.session.handle_turns = old.handle_turns
        yield opening
        yield UseSession(call.session.number)
    yield SetTimer(Timer.OPEN, now_s + OPEN_LIMIT_S)
    if call.phase is Phase.TALKING and (owed or broke_off or call.unanswered or call.asked):
        yield SetTimer(
            Timer.FILLER, now_s + call.voice.unplayed_ms(call.stream_ms(now_s)) / 1000 + FILLER_AFTER_S
        )


def _drop(call: CallState, session: Session, now_s: float) -> Iterator[Action]:
    if usage := call.cost.count_time(call.prices, session, now_s):
        yield Append(usage)
    session.opened = False
    session.billed_until_s = None
    yield CloseSession(session.number)


def _settle_broken_answer(call: CallState, now_s: float) -> Iterator[Action]:
    """What came of the answer under way is all there will be of it."""
    yield SetTimer(Timer.ANSWER, None)
    yield SetTimer(Timer.SETTLED, None)
    yield SetTimer(Timer.RENEW, None)
    call.nudged = call.faint = False
    call.response_active = call.response_spoke = False
    yield from append_all(call.transcript.break_off(call.clock_ms(now_s)))
    yield from call.voice.answer_done(call.stream_ms(now_s))
    if call.phase is Phase.TALKING:
        yield from turns.heard_or_awaited(call, now_s)


def fill_silence(call: CallState, now_s: float) -> Iterator[Action]:
    """The caller has waited in silence: a sound tells that somebody is still there."""
    if call.phase is not Phase.TALKING or call.line_up.incident_s is None:
        return
    stream_ms = call.stream_ms(now_s)
    unplayed_s = call.voice.unplayed_ms(stream_ms) / 1000
    if unplayed_s > 0 or call.ear.speaking or _floor_is_callers(call):
        yield SetTimer(Timer.FILLER, now_s + unplayed_s + FILLER_AFTER_S)
        return
    yield from call.voice.own_sound(FILLER_PAYLOAD, stream_ms)
    yield SetTimer(Timer.FILLER, now_s + FILLER_EVERY_S)


def _floor_is_callers(call: CallState) -> bool:
    return call.provider_open and call.answer_due_s is None and not call.response_active


# Taking over ahead of a limit


def expiring(call: CallState, now_s: float) -> Iterator[Action]:
    """The provider announces the end of the session in use: there is no time to lose."""
    if call.standby is None and not call.over:
        yield SetTimer(Timer.RENEW, now_s)


def renew(call: CallState, now_s: float) -> Iterator[Action]:
    """The session in use nears its limit: open another of the same provider, to stand by."""
    if call.over or call.standby is not None or not call.provider_open:
        return
    yield from _stand_by(call, call.session.handle, now_s)


def _stand_by(call: CallState, handle: str | None, now_s: float) -> Iterator[Action]:
    call.standby, opening = _open(call, call.provider, now_s, handle)
    call.standby.handle_turns = call.session.handle_turns
    yield opening
    yield SetTimer(Timer.STANDBY, now_s + OPEN_LIMIT_S)


def _refresh(call: CallState, standby: Session, now_s: float) -> Iterator[Action]:
    """A session that remembers by itself, and not all that was said since, gives way to one that knows it.

    Source: Gemini API, Live API guide "Capabilities", read 2026-11: what was said before is told right after
    the setup of a session that is not resumed, and at no other time (the server closes the socket, 1007).
    """
    if standby.resumed and standby.handle_turns != len(_told(call)):
        yield from _drop(call, standby, now_s)
        yield from _stand_by(call, _handle(call), now_s)


def standby_overdue(call: CallState, now_s: float) -> Iterator[Action]:
    """The session that was to stand by is not ready in time."""
    standby = call.standby
    if standby is not None and not standby.opened:
        yield from _standby_failed(call, standby, "open_timeout", "not ready in time", now_s)


def standby_said(call: CallState, event: p.Event, now_s: float) -> Iterator[Action]:
    """The session that stands by reported something: only whether it is ready matters."""
    standby = call.standby
    if standby is None:
        return
    match event:
        case p.SessionOpened():
            yield SetTimer(Timer.STANDBY, None)
            yield from _note_opened(standby, event, now_s)
        case p.ErrorReported(code=code, message=message, fatal=True):
            yield from _standby_failed(call, standby, code, message, now_s)
        case p.SessionClosed(code=close_code, reason=reason):
            yield from _standby_failed(call, standby, f"provider_closed_{close_code}", reason, now_s)
        case _:
            pass


def _standby_failed(
    call: CallState, standby: Session, code: str, message: str, now_s: float
) -> Iterator[Action]:
    yield Append(
        ProviderFailed(provider=standby.provider, code=code, message=message, retryable=True, fatal=True)
    )
    call.standby = None
    if standby.resumed:
        call.session.handle = None  # it may be the handle: the next one is told in words
    yield from _drop(call, standby, now_s)
    yield SetTimer(Timer.STANDBY, None)
    yield SetTimer(Timer.RENEW, now_s + RENEW_RETRY_S)


def take_over_in_pause(call: CallState, now_s: float) -> Iterator[Action]:
    """Hand the conversation to the session that stands by, if nobody speaks and nothing is owed."""
    standby = call.standby
    if standby is None:
        return
    pause = _pause(call)
    if pause or _handle(call) is not None:
        yield from _refresh(call, standby, now_s)
    if call.standby is not standby or not standby.opened or not pause:
        return
    old = call.session
    yield from _drop(call, old, now_s)
    call.session, call.standby = standby, None
    yield UseSession(standby.number)
    yield _replaced(call, old.provider, "session_limit", planned=True, gap_ms=0)
    yield from _begin(call, now_s)


def _pause(call: CallState) -> bool:
    return (
        call.phase is Phase.TALKING
        and call.greeted
        and not call.guarding
        and not call.response_active
        and call.answer_due_s is None
        and call.leaving is None
        and not call.voice.holding
        and call.voice.drained()
        and not call.ear.speaking
        and not call.transcript.awaits_caller_text()
        and not call.unanswered
    )
