"""Whole calls that outlive several provider sessions, over loopback, in virtual time.

The simulated providers end their sessions on the second: here after 40 s, in the long runs after as long as
the real ones. What the simulated sessions logged of the caller, put together, is what the caller said.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.scenarios.caller import CallerScript, CallerStep, HangUp, Listen, Say, Wait
from bench.scenarios.clip import Clip
from bench.simulators.clock import WallClock
from bench.simulators.gemini import GeminiConfig
from bench.simulators.gemini.session_log import GeminiSessionLog
from bench.simulators.openai import OpenAIConfig
from bench.simulators.speech.session_log import SessionLog
from bench.simulators.twilio.call import SimulatedCall
from media.alignment import find
from media.mulaw import BYTES_PER_MS, decode
from store import call_events as e
from store.call_rows import Call
from store.event_log import LoggedEvent
from tests.bench.sounds import clip
from tests.gateway.whole_call import GREETING, House, house

pytestmark = [pytest.mark.virtual_time, pytest.mark.whole_call]

LEAD_IN_MS = 500
SLACK_MS = 1_500
"""How far around a step of the caller's a sound of the agent's is looked for."""


@dataclass(frozen=True)
class Talk:
    """A conversation: so many questions, so far apart.

    Attributes:
        times: How many.
        rest_ms: How long the caller does nothing between an answer and the next question.
        answer_ms: How long the answers are.
    """

    times: int
    rest_ms: int
    answer_ms: int = 2400

    @property
    def questions(self) -> list[Clip]:
        return [clip(900 + 20 * (n % 7), 100 + n, f"question {n}") for n in range(1, self.times + 1)]

    @property
    def answers(self) -> list[Clip]:
        return [clip(self.answer_ms, 10_000 + n, f"answer {n}") for n in range(1, self.times + 1)]

    @property
    def agent(self) -> AgentScript:
        turns = (
            Turn(asked.text, Reply((Speak(answer),)))
            for asked, answer in zip(self.questions, self.answers, strict=True)
        )
        return AgentScript(prompted=(Reply((Speak(GREETING),)),), turns=tuple(turns))

    @property
    def caller(self) -> CallerScript:
        steps: list[CallerStep] = [Listen()]
        for asked in self.questions:
            steps += [Say(asked), Listen(), Wait(self.rest_ms)]
        return CallerScript(steps=(*steps, HangUp()), max_call_ms=100 * 60_000)


@dataclass
class Held:
    """A call that was held, and everything known about it."""

    home: House
    talk: Talk
    call: SimulatedCall
    row: Call
    log: list[LoggedEvent]

    @property
    def opened(self) -> list[SessionLog]:
        """All the provider's sessions."""
        return list(next(iter(self.home.providers.values())).sessions)

    @property
    def sessions(self) -> list[SessionLog]:
        """Those that were given the caller's audio."""
        return [session for session in self.opened if session.audio]

    @property
    def said(self) -> bytes:
        return self.call.streams[0].said_sound()


@pytest.fixture
async def one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service and the simulated providers agree about the time of day, to the second."""
    monkeypatch.setattr("providers.directory.utc_now", WallClock().now)


async def hold(home: House, talk: Talk, *, limit_s: float) -> Held:
    call = await home.dial_in(talk.caller)
    row = await home.call_over(call, limit_s=limit_s)
    await home.service.event_log.flush()
    log: list[LoggedEvent] = []
    while more := await home.service.event_log.read(row.org_id, row.id, after=len(log)):
        log += more
    return Held(home, talk, call, row, log)


def check_call(held: Held) -> None:
    """It went as a call in which nothing happened beside the conversation."""
    assert (held.row.status, held.row.disposition) == ("completed", "caller_hangup")
    assert held.call.codes == [], held.call.notes
    assert {step.outcome for step in held.call.steps} == {"done", "heard"}, "every answer came"
    assert [x.seq for x in held.log] == list(range(1, len(held.log) + 1))
    assert {x.type for x in held.log} & {"provider.failed", "speech.barge_in", "speech.ignored"} == set()
    assert held.call.streams[0].clears == [], "the agent is never interrupted"


def check_sessions(held: Held, replacements: int) -> None:
    """Each session but the last was left before its end, with nothing to complain of."""
    replaced = [x.event for x in held.log if isinstance(x.event, e.ProviderReplaced)]
    assert [(x.reason, x.planned, x.gap_ms) for x in replaced] == [("session_limit", True, 0)] * replacements
    assert len(held.sessions) == replacements + 1
    assert [session.rejections for session in held.opened] == [[]] * len(held.opened)
    assert {session.ended_by for session in held.opened} == {"client"}


def check_transcript(held: Held, numbers: list[int]) -> None:
    """Each turn once, in order; the words are those the sessions made of them."""
    finals = [x.event for x in held.log if isinstance(x.event, e.TranscriptFinal)]
    assert not [final for final in finals if final.interrupted or final.missing]
    assert [(final.party, final.text) for final in finals] == [
        ("agent", GREETING.text),
        *(turn for n in numbers for turn in (("caller", f"question {n}"), ("agent", f"answer {n}"))),
    ]


async def check_recording(held: Held, *, alike: float) -> None:
    """The recording holds the caller to the byte, and all of the agent where the caller heard it.

    Args:
        held: The call.
        alike: What is left of the agent's sound on the way through the provider's format.
    """
    left, right = await held.home.lanes(held.row)
    said, stream = held.said, held.call.streams[0]
    caller = decode(said)
    assert len(left) == len(right)
    assert len(left) == pytest.approx(len(caller), abs=2 * 160 * BYTES_PER_MS)
    assert left[: len(caller)] == caller[: len(left)]
    heard = stream.heard_sound()
    spoken = [step for step in held.call.steps if step.outcome == "heard"]
    for (text, sound), step in zip(_spoken(held), spoken, strict=True):
        begin = max(0, step.started_ms - SLACK_MS - round(stream.start_ms)) * BYTES_PER_MS
        end = (step.ended_ms + SLACK_MS) * BYTES_PER_MS
        recorded = find(decode(sound.sound), right[2 * begin : 2 * end])
        real = find(decode(sound.sound), decode(heard[begin:end]))
        assert min(recorded.similarity, real.similarity) > alike, f"all of {text} is there"
        assert abs(recorded.offset_samples - real.offset_samples) <= 160, "within a frame of the real moment"


def _spoken(held: Held) -> list[tuple[str, Clip]]:
    """What the agent said, in order."""
    by_text = {sound.text: sound for sound in [GREETING, *held.talk.answers]}
    finals = [x.event for x in held.log if isinstance(x.event, e.TranscriptFinal)]
    return [(final.text, by_text[final.text]) for final in finals if final.party == "agent"]


def check_caller_heard_to_the_byte(held: Held) -> None:
    """The sessions' audio is the caller's, one stretch after the other, each with half a second ahead."""
    end = 0
    for session in held.sessions:
        begin = max(0, end - LEAD_IN_MS * BYTES_PER_MS)
        assert held.said.startswith(bytes(session.audio), begin), session.number
        end = begin + len(session.audio)
    assert len(held.said) - end <= 160 * 3, "to the end of the call"


def check_caller_heard(held: Held) -> None:
    """Every question is where it was said in what the sessions heard, put together, nothing twice."""
    lead_in = LEAD_IN_MS * BYTES_PER_MS
    heard = b"".join(bytes(s.audio[lead_in if n else 0 :]) for n, s in enumerate(held.sessions))
    assert len(heard) == pytest.approx(len(held.said), abs=20 * BYTES_PER_MS * (len(held.sessions) + 2))
    said = [step for step in held.call.steps if step.step.startswith("say ")]
    for question, step in zip(held.talk.questions, said, strict=True):
        begin = max(0, step.started_ms - SLACK_MS) * BYTES_PER_MS
        around = heard[begin : begin + len(question.sound) + 2 * SLACK_MS * BYTES_PER_MS]
        # The simulated provider takes 16 kHz for what was 8: some of the noise is lost on the way.
        assert find(decode(question.sound), decode(around)).similarity > 0.85, question.text


async def check_with_openai(held: Held, replacements: int) -> None:
    check_call(held)
    check_sessions(held, replacements)
    spoken = [len(session.sent_of("input_audio_buffer.speech_started")) for session in held.sessions]
    # Each simulated session counts the caller's turns from one.
    check_transcript(held, [n for times in spoken for n in range(1, times + 1)])
    check_caller_heard_to_the_byte(held)
    await check_recording(held, alike=0.999)
    told = [len(session.received_of("conversation.item.create")) for session in held.sessions]
    assert told == [0, *(1 + 2 * sum(spoken[:n]) for n in range(1, len(spoken)))], "all that was said before"


async def check_with_gemini(held: Held, replacements: int) -> None:
    check_call(held)
    check_sessions(held, replacements)
    check_transcript(held, list(range(1, held.talk.times + 1)))
    check_caller_heard(held)
    await check_recording(held, alike=0.9)
    resumed = [session.resumed_from for session in held.opened if isinstance(session, GeminiSessionLog)]
    assert resumed[0] is None
    assert all(resumed[1:]), "the provider remembers"
    assert not [session for session in held.opened if session.received_of("clientContent")], (
        "it is told nothing"
    )


async def test_sessions_of_forty_seconds_with_openai(tmp_path: Path, one_time: None) -> None:
    talk = Talk(times=16, rest_ms=5000)
    async with house(tmp_path, talk.agent, openai=OpenAIConfig(max_session_s=40)) as home:
        held = await hold(home, talk, limit_s=300)
        await check_with_openai(held, replacements=4)


async def test_connections_of_forty_seconds_with_gemini(tmp_path: Path) -> None:
    talk = Talk(times=16, rest_ms=5000)
    gemini = GeminiConfig(max_connection_s=40, go_away_s=4)
    async with house(tmp_path, talk.agent, providers=("gemini",), gemini=gemini) as home:
        held = await hold(home, talk, limit_s=300)
        await check_with_gemini(held, replacements=4)
        assert len(held.opened) > len(held.sessions), "some that stood by remembered too little by then"


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_seventy_minutes_with_openai(tmp_path: Path, one_time: None) -> None:
    talk = Talk(times=107, rest_ms=33_000, answer_ms=4200)
    async with house(tmp_path, talk.agent) as home:
        held = await hold(home, talk, limit_s=5000)
        assert len(held.said) > 70 * 60_000 * BYTES_PER_MS
        await check_with_openai(held, replacements=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_thirty_five_minutes_with_gemini(tmp_path: Path) -> None:
    talk = Talk(times=53, rest_ms=33_000, answer_ms=4200)
    async with house(tmp_path, talk.agent, providers=("gemini",)) as home:
        held = await hold(home, talk, limit_s=3000)
        assert len(held.said) > 35 * 60_000 * BYTES_PER_MS
        await check_with_gemini(held, replacements=3)
