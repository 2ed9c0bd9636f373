"""One table of conversations, held with each provider: the manners do not tell which one speaks.

Every scenario is played over loopback with the simulated carrier and each simulated provider, in virtual
time; the log must tell the same facts in the same order, and the caller must have heard the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.scenarios.agent import AgentScript, CallTool, Reply, Speak, Turn
from bench.scenarios.caller import (
    BargeIn,
    CallerScript,
    CallerStep,
    HangUp,
    Listen,
    Press,
    Say,
    StaySilent,
    Wait,
)
from bench.scenarios.clip import Clip
from bench.simulators.elevenlabs import ElevenLabsConfig
from bench.simulators.gemini import GeminiConfig
from bench.simulators.openai import OpenAIConfig
from bench.simulators.twilio.call import SimulatedCall
from store import call_events as e
from store.call_rows import Call
from store.event_log import LoggedEvent
from store.flows import FlowFields
from tests.bench.sounds import clip, noise
from tests.gateway.whole_call import GREETING, PROVIDERS, TRANSFERS, House, house

pytestmark = [pytest.mark.virtual_time, pytest.mark.whole_call]

SPEED = 1.6
"""Answers are generated not much faster than they are spoken, so that one can cut in during generation."""

QUESTION = clip(900, 2, "Are you open on Saturday?")
ANSWER = clip(4000, 3, "Yes, we are open on Saturday from nine in the morning until one in the afternoon.")
WAIT = clip(700, 4, "Wait a moment.")
SHORT = clip(900, 5, "Of course, go on.")
BUT = clip(800, 6, "But on Sunday?")
LONG = clip(3000, 7, "On Sunday we are closed, except for emergencies, which we take at any hour.")
BYE = clip(600, 8, "Thank you, bye.")
GOODBYE = clip(800, 9, "You are welcome. Goodbye!")
CLICK = Clip("click", "", noise(45, seed=10, amplitude=1212))
"""Loud enough, and just long enough, for our own ear; the providers know it for no speech."""

Fact = tuple[object, ...]


def told(log: list[LoggedEvent]) -> list[Fact]:
    """The facts of a log without what differs from run to run: times, ids, counts, partials."""
    facts: list[Fact] = []
    for logged in log:
        match logged.event:
            case e.TranscriptFinal() as final:
                facts.append(("said", final.party, final.text, final.interrupted, final.missing))
            case e.SpeechStarted(turn_id=turn):
                facts.append(("caller speaks", turn))
            case e.BargeIn(turn_id=turn):
                facts.append(("barge-in", turn))
            case e.SpeechIgnored():
                facts.append(("false start",))
            case e.DigitPressed(digit=digit):
                facts.append(("digit", digit))
            case e.ToolCalled(name=name, arguments=arguments):
                facts.append(("tool", name, tuple(sorted(arguments))))
            case e.ToolFinished(name=name, error=error):
                facts.append(("tool done", name, error is None))
            case e.StreamEnded(reason=reason):
                facts.append(("stream ended", reason))
            case e.CallEnded(status=status, disposition=disposition):
                facts.append(("ended", status, disposition))
            case e.ProviderFailed() | e.ProviderClosed() | e.ProviderReplaced():
                facts.append((logged.type,))
            case _:
                pass
    return facts


def agent(text: str, *, cut: bool = False) -> Fact:
    return ("said", "agent", text, cut, False)


def caller(text: str) -> Fact:
    return ("said", "caller", text, False, False)


GREETED = agent(GREETING.text)
HUNG_UP = [("stream ended", "caller_hangup"), ("ended", "completed", "caller_hangup")]
ASKED = [("caller speaks", "turn_2"), caller(QUESTION.text)]


@dataclass(frozen=True)
class Conversation:
    """What the caller does, what the agent is made to say, and what must have happened."""

    steps: tuple[CallerStep, ...]
    turns: tuple[Turn, ...]
    facts: list[Fact]
    heard: Callable[[SimulatedCall, list[LoggedEvent]], None] = field(default=lambda call, log: None)


def turn(hears: str, *items: Speak | CallTool, then: Reply | None = None) -> Turn:
    return Turn(hears, Reply(items, then=then))


def cut_after(*limits_ms: tuple[int, int]) -> Callable[[SimulatedCall, list[LoggedEvent]], None]:
    """Each cut turn was heard for about so long, and its heard words are the first of what was said."""

    def check(call: SimulatedCall, log: list[LoggedEvent]) -> None:
        cut = [x.event for x in log if isinstance(x.event, e.TranscriptFinal) and x.event.interrupted]
        assert len(cut) == len(limits_ms) == len(call.streams[0].clears)
        for final, (least_ms, most_ms) in zip(cut, limits_ms, strict=True):
            assert final.heard_ms is not None
            assert least_ms <= final.heard_ms <= most_ms
            assert final.heard_text is not None
            assert final.text.startswith(final.heard_text)
            assert len(final.heard_text) < len(final.text) or not final.text

    return check


def everything(call: SimulatedCall, log: list[LoggedEvent]) -> None:
    """Nothing the agent said was lost: all of it reached the caller's ear."""
    played_ms = sum(x.event.heard_ms or 0 for x in log if isinstance(x.event, e.TranscriptFinal))
    heard = call.streams[0].heard_sound()
    loud_ms = sum(1 for at in range(0, len(heard), 8) if set(heard[at : at + 8]) - {0xFF, 0x7F})
    assert loud_ms >= played_ms - 80


CONVERSATIONS: dict[str, Conversation] = {
    "greeting": Conversation((Listen(), HangUp()), (), [GREETED, *HUNG_UP], everything),
    "question and answer": Conversation(
        (Listen(), Say(QUESTION), Listen(), HangUp()),
        (turn(QUESTION.text, Speak(ANSWER)),),
        [GREETED, *ASKED, agent(ANSWER.text), *HUNG_UP],
        everything,
    ),
    "barge-in at the start": Conversation(
        (Listen(), Say(QUESTION), BargeIn(WAIT, after_ms=120), Listen(), HangUp()),
        (turn(QUESTION.text, Speak(ANSWER)), turn(WAIT.text, Speak(SHORT))),
        [],
        cut_after((100, 320)),
    ),
    "barge-in in the middle": Conversation(
        (Listen(), Say(QUESTION), BargeIn(WAIT, after_ms=1500), Listen(), HangUp()),
        (turn(QUESTION.text, Speak(ANSWER)), turn(WAIT.text, Speak(SHORT))),
        [],
        cut_after((1480, 1700)),
    ),
    "barge-in after generation ended": Conversation(
        (Listen(), Say(QUESTION), BargeIn(WAIT, after_ms=3300), Listen(), HangUp()),
        (turn(QUESTION.text, Speak(ANSWER)), turn(WAIT.text, Speak(SHORT))),
        [],
        cut_after((3280, 3500)),
    ),
    "double barge-in": Conversation(
        (
            Listen(),
            Say(QUESTION),
            BargeIn(WAIT, after_ms=900),
            BargeIn(BUT, after_ms=700),
            Listen(),
            HangUp(),
        ),
        (
            turn(QUESTION.text, Speak(ANSWER)),
            turn(WAIT.text, Speak(LONG)),
            turn(BUT.text, Speak(SHORT)),
        ),
        [],
        cut_after((880, 1100), (680, 900)),
    ),
    "tool call during speech": Conversation(
        (Listen(), Say(QUESTION), Listen(), HangUp()),
        (
            turn(
                QUESTION.text,
                Speak(SHORT),
                CallTool("transfer_call", {"target": "nobody"}),
                then=Reply((Speak(LONG),)),
            ),
        ),
        [
            GREETED,
            *ASKED,
            ("tool", "transfer_call", ("target",)),
            ("tool done", "transfer_call", False),
            agent(SHORT.text),
            agent(LONG.text),
            *HUNG_UP,
        ],
        everything,
    ),
    "silence": Conversation((Listen(), StaySilent(20_000), HangUp()), (), [GREETED, *HUNG_UP], everything),
    "noise burst": Conversation(
        (Listen(), Say(QUESTION), BargeIn(CLICK, after_ms=1200), Listen(quiet_ms=1500), HangUp()),
        (turn(QUESTION.text, Speak(ANSWER)),),
        [GREETED, *ASKED, ("false start",), agent(ANSWER.text), *HUNG_UP],
        everything,
    ),
    "dtmf": Conversation(
        (Listen(), Press("4#"), Wait(300), HangUp()),
        (),
        [GREETED, ("digit", "4"), ("digit", "#"), *HUNG_UP],
    ),
    "goodbye": Conversation(
        (Listen(), Say(BYE), Listen(limit_ms=10_000)),
        (turn(BYE.text, Speak(GOODBYE), CallTool("end_call", {})),),
        [
            GREETED,
            ("caller speaks", "turn_2"),
            caller(BYE.text),
            ("tool", "end_call", ()),
            agent(GOODBYE.text),
            ("tool done", "end_call", True),
            ("stream ended", "we_closed"),
            ("ended", "completed", "agent_hangup"),
        ],
        everything,
    ),
}


def cut_texts(log: list[LoggedEvent]) -> list[Fact]:
    """As `told`, with the words of cut turns left out: how much had been generated differs."""
    return [
        (*fact[:2], "…", *fact[3:]) if fact[0] == "said" and fact[3] is True else fact for fact in told(log)
    ]


INTERRUPTED = [
    GREETED,
    *ASKED,
    ("caller speaks", "turn_4"),
    ("barge-in", "turn_3"),
    ("said", "agent", "…", True, False),
    caller(WAIT.text),
    agent(SHORT.text),
    *HUNG_UP,
]
TWICE = [
    GREETED,
    *ASKED,
    ("caller speaks", "turn_4"),
    ("barge-in", "turn_3"),
    ("said", "agent", "…", True, False),
    caller(WAIT.text),
    ("caller speaks", "turn_6"),
    ("barge-in", "turn_5"),
    ("said", "agent", "…", True, False),
    caller(BUT.text),
    agent(SHORT.text),
    *HUNG_UP,
]


def expected(name: str) -> list[Fact]:
    if name == "double barge-in":
        return TWICE
    return CONVERSATIONS[name].facts or INTERRUPTED


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_the_same_conversation_with_each_provider(tmp_path: Path, name: str, provider: str) -> None:
    conversation = CONVERSATIONS[name]
    script = AgentScript((Reply((Speak(GREETING),)),), conversation.turns)
    async with house(
        tmp_path,
        script,
        providers=(provider,),
        openai=OpenAIConfig(speed=SPEED),
        gemini=GeminiConfig(speed=SPEED),
        elevenlabs=ElevenLabsConfig(speed=SPEED),
    ) as home:
        call, row, log = await held(home, CallerScript(steps=conversation.steps))
        assert cut_texts(log) == expected(name)
        conversation.heard(call, log)
        assert log[-1].type == "call.ended"
        assert not home.providers[provider].refused
        assert not [n for s in home.providers[provider].sessions for n in s.rejections]
        assert row.usage is None or row.usage["cost_cents"] is not None


async def held(home: House, script: CallerScript) -> tuple[SimulatedCall, Call, list[LoggedEvent]]:
    call = await home.dial_in(script)
    row = await home.call_over(call)
    assert call.codes == [], call.notes
    return call, row, await home.log(row)


GUARDED = FlowFields(
    name="Front desk",
    greeting=GREETING.text,
    announce_recording=0,
    transfer_map_json=TRANSFERS,
    speech_json='{"greeting_interruptible": false}',
)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_greeting_that_may_not_be_interrupted_is_heard_and_the_caller_answered(
    tmp_path: Path, provider: str
) -> None:
    script = AgentScript((Reply((Speak(GREETING),)),), (turn(QUESTION.text, Speak(SHORT)),))
    async with house(tmp_path, script, providers=(provider,), flow=GUARDED) as home:
        steps = (BargeIn(QUESTION, after_ms=300), Listen(), Listen(quiet_ms=1200), HangUp())
        call, _, log = await held(home, CallerScript(steps=steps))
        facts = [fact for fact in told(log) if fact[0] in ("said", "barge-in", "false start")]
        assert facts == [GREETED, caller(QUESTION.text), agent(SHORT.text)]
        assert not call.streams[0].clears
