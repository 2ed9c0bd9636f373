"""The caller cuts in: fall silent at once, make sure it was speech, tell the provider the truth.

Two ears listen. Ours goes by level alone and is quick: within a few frames of loud sound the agent's voice
is held back. The provider's knows speech from noise and is slower. When it agrees, the agent's turn is cut
where it was held; when it does not, the agent goes on with what was not heard. A caller too soft for our ear
cuts in by the provider's word, once that has stood for a moment.
"""

from collections.abc import Iterator

from gateway.call import turns
from gateway.call.actions import Action, Append, SetTimer, ToProvider
from gateway.call.inputs import Timer
from gateway.call.leaving import tool_output
from gateway.call.state import TRANSCRIPT_WAIT_S, CallState, Phase, append_all
from media.energy import SpeechBegan, SpeechCeased, SpeechEdge
from media.playback import CutItem
from providers.session import AnswerTool, CancelAnswer, CommitAudio, Respond, Truncate
from store.call_events import BargeIn, SpeechIgnored, SpeechStarted, ToolFinished

HOLD_LIMIT_S = 0.8
"""How long the agent's voice waits for the provider to hear speech."""

FAINT_SPEECH_S = 0.25
"""How long the provider must hear speech that is too soft for our ear."""

UNENDED_S = 10.0
"""A caller's turn is over when the line has been quiet for so long, whatever the provider thinks: longer than
any of them waits for a caller who is thinking (OpenAI's semantic detection: 8 s)."""

CERTAIN_SPEECH_MS = 700
"""So much loud sound is no click: a provider that says nothing at all about it owes an answer."""


def caller_edge(call: CallState, edge: SpeechEdge, now_s: float) -> Iterator[Action]:
    """Our own ear: loud sound begins or ceases."""
    if call.phase is not Phase.TALKING:
        return
    match edge:
        case SpeechBegan():
            call.ear.begin_speech()
            call.loud_since_s = now_s
            if call.faint:
                yield from cut_in(call, now_s)
            elif not call.guarding:
                yield from _hold(call, now_s)
        case SpeechCeased():
            mute = call.heard_of_provider_s < call.loud_since_s
            if (
                mute
                and call.answer_due_s is None
                and call.provider_open
                and call.ear.loud_ms >= CERTAIN_SPEECH_MS
            ):
                yield from call.expect_answer(now_s)


def _hold(call: CallState, now_s: float) -> Iterator[Action]:
    held = list(call.voice.hold(call.stream_ms(now_s)))
    if held:
        call.held_ms = call.stream_ms(now_s)
        yield from held
        yield SetTimer(Timer.DRAINED, None)
        yield SetTimer(Timer.SETTLED, None)
        yield SetTimer(Timer.HOLD, now_s + HOLD_LIMIT_S)


def false_start(call: CallState, now_s: float) -> Iterator[Action]:
    """The provider heard no speech: the agent goes on where it was held."""
    if not call.voice.holding or call.over or call.held_ms is None:
        return
    if call.ear.speaking and not call.provider_open and not call.gone:  # nobody is there to hear it yet
        yield SetTimer(Timer.HOLD, now_s + HOLD_LIMIT_S)
        return
    stream_ms = call.stream_ms(now_s)
    at_ms = call.clock_base_ms + round(call.held_ms)
    yield Append(SpeechIgnored(at_ms=at_ms, held_ms=round(stream_ms - call.held_ms)))
    call.held_ms = None
    yield from call.voice.play_on(stream_ms)
    if not call.response_active:
        yield from turns.heard_or_awaited(call, now_s)
    elif not call.session.capabilities.tells_answer_end:
        unplayed_s = call.voice.unplayed_ms(stream_ms) / 1000
        yield SetTimer(Timer.SETTLED, now_s + unplayed_s + turns.SETTLE_S)


def caller_started(call: CallState, item_id: str, session_ms: int, now_s: float) -> Iterator[Action]:
    """The provider hears the caller begin to speak."""
    at_ms = call.caller_ms(session_ms)
    if call.orphans:
        turn_id = call.orphans.popleft()
        call.transcript.adopt(turn_id, item_id)
    else:
        turn_id = call.transcript.start(item_id, "caller", at_ms)
        yield Append(SpeechStarted(turn_id=turn_id, at_ms=at_ms))
    if turn_id not in call.unanswered:
        call.unanswered.append(turn_id)
    call.answering = False
    call.ear.keep()
    yield SetTimer(Timer.UNENDED, now_s + UNENDED_S)
    yield from call.expect_nothing()
    if call.phase is not Phase.TALKING or call.guarding:
        return
    agent_busy = call.response_active or call.voice.unplayed_ms(call.stream_ms(now_s)) > 0
    sure = call.voice.holding or call.ear.speaking or call.session.capabilities.cancels_on_speech
    if agent_busy and not sure:
        call.faint = True
        yield SetTimer(Timer.FAINT_SPEECH, now_s + FAINT_SPEECH_S)
        return
    yield from cut_in(call, now_s)
    if call.leaving is not None and call.leaving.awaits_goodbye:
        yield from _stay(call)


def caller_stopped(call: CallState, item_id: str, session_ms: int, now_s: float) -> Iterator[Action]:
    """The caller's turn is over: its words and an answer are owed."""
    if call.faint:
        call.faint = False
        yield SetTimer(Timer.FAINT_SPEECH, None)
    yield SetTimer(Timer.UNENDED, None)
    call.transcript.stopped(item_id, call.caller_ms(session_ms))
    yield SetTimer(Timer.TRANSCRIPT, now_s + TRANSCRIPT_WAIT_S)
    if call.phase is Phase.TALKING:
        call.overlapped = call.response_active and not call.session.capabilities.cancels_on_speech
        yield from call.expect_answer(now_s)


def turn_unended(call: CallState, now_s: float) -> Iterator[Action]:
    """The provider goes on hearing the caller; if the line has long been quiet, the turn is ended for it."""
    if call.phase is not Phase.TALKING or not call.transcript.caller_is_speaking():
        return
    left_s = UNENDED_S - call.ear.quiet_ms / 1000
    if left_s > 0 or not call.provider_open:
        yield SetTimer(Timer.UNENDED, now_s + max(left_s, 1.0))
        return
    call.transcript.leave_open(call.clock_ms(now_s))
    yield SetTimer(Timer.TRANSCRIPT, now_s + TRANSCRIPT_WAIT_S)
    yield ToProvider(CommitAudio())
    yield from call.ask(Respond(), Respond(), now_s)


def interrupted(call: CallState, now_s: float) -> Iterator[Action]:
    """The provider dropped its answer by itself: for us, too, it is cut."""
    if call.phase is not Phase.TALKING or call.guarding:
        return
    yield from cut_in(call, now_s)
    if call.cut_short and call.answer_due_s is None and not call.transcript.caller_is_speaking():
        yield from call.expect_answer(now_s)  # if it was noise, nothing else would follow


def cut_in(call: CallState, now_s: float) -> Iterator[Action]:
    """The caller has the floor: drop what the agent has not said yet and tell the provider what was heard."""
    call.faint = False
    if call.over:
        return
    open_turns = call.heard_of_open_turns(now_s)
    stream_ms = call.stream_ms(now_s) if call.held_ms is None else call.held_ms
    call.held_ms = None
    actions, cut = call.voice.cut(call.stream_ms(now_s))
    yield from actions
    for timer in (Timer.HOLD, Timer.FAINT_SPEECH, Timer.DRAINED, Timer.SETTLED):
        yield SetTimer(timer, None)
    was_active = call.response_active
    if was_active and not call.session.capabilities.cancels_on_speech:
        yield ToProvider(CancelAnswer())
    yield from _tell(call, cut, call.clock_base_ms + round(stream_ms))
    open_turns.update({item.item_id: item.heard_ms for item in cut})
    interrupted_items = set(open_turns) if was_active else {item.item_id for item in cut}
    for item_id, heard_ms in open_turns.items():
        heard = call.transcript.heard(
            item_id,
            heard_ms,
            call.clock_ms(now_s),
            interrupted=item_id in interrupted_items,
            sound_ms=call.sound_ms(item_id),
        )
        yield from append_all(heard)
    if cut or was_active:
        call.cut_short = True
        yield from _stay(call)


def _tell(call: CallState, cut: tuple[CutItem, ...], at_ms: int) -> Iterator[Action]:
    for item in cut:
        words = call.transcript.words_heard(item.item_id, item.heard_ms, call.sound_ms(item.item_id))
        if call.session.capabilities.truncates:
            yield ToProvider(Truncate(item.item_id, item.heard_ms, words))
        if turn_id := call.transcript.turn_id(item.item_id):
            yield Append(BargeIn(turn_id=turn_id, at_ms=at_ms, heard_ms=item.heard_ms))


def _stay(call: CallState) -> Iterator[Action]:
    """The caller goes on talking over the goodbye: the conversation continues."""
    leaving, call.leaving = call.leaving, None
    if leaving is None:
        return
    error = "the caller went on talking; the call continues"
    call.asked = None
    yield SetTimer(Timer.FAREWELL, None)
    yield Append(ToolFinished(tool_call_id=leaving.tool_call_id, name=leaving.tool, error=error))
    if not leaving.answered and leaving.session == call.session.number:
        yield ToProvider(AnswerTool(leaving.tool_call_id, tool_output(error=error), respond=False))
