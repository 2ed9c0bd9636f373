"""Whole calls over loopback, in virtual time: the service between a simulated carrier and provider."""

from pathlib import Path

import pytest

from bench.scenarios.agent import (
    AgentScript,
    CallTool,
    CloseSocket,
    Delay,
    Fault,
    FaultAction,
    Moment,
    Refuse,
    Reply,
    ResetConnection,
    SendError,
    Speak,
    Stall,
    StayMute,
    Turn,
)
from bench.scenarios.caller import BargeIn, DialOutcome, HangUp, HangUpMidWord, Listen, Press, Say, Wait
from media.alignment import find
from media.mulaw import decode
from store import call_events as e
from store.flows import FlowFields
from tests.bench.sounds import clip
from tests.gateway.whole_call import (
    ANSWER,
    CHAT,
    GOODBYE,
    GREETING,
    POLITE_CALLER,
    QUESTION,
    THANKS,
    agent,
    caller,
    house,
    says,
)

pytestmark = [pytest.mark.virtual_time, pytest.mark.whole_call]


async def test_a_call_from_greeting_to_goodbye(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await home.dial_in(POLITE_CALLER)
        row = await home.call_over(call)
        log = await home.log(row)
        assert (row.status, row.disposition) == ("completed", "agent_hangup")
        assert home.transcript(log) == [
            ("agent", GREETING.text),
            ("caller", QUESTION.text),
            ("agent", ANSWER.text),
            ("caller", THANKS.text),
            ("agent", GOODBYE.text),
        ]
        assert [x.seq for x in log] == list(range(1, len(log) + 1))
        assert log[-1].type == "call.ended"
        assert call.codes == [], call.notes


async def test_the_recording_holds_both_voices_sample_aligned(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await home.dial_in(POLITE_CALLER)
        row = await home.call_over(call)
        left, right = await home.lanes(row)
        stream = call.streams[0]
        for sound, lane, truth in (
            (GREETING, right, stream.heard_sound()),
            (QUESTION, left, stream.said_sound()),
            (ANSWER, right, stream.heard_sound()),
            (THANKS, left, stream.said_sound()),
            (GOODBYE, right, stream.heard_sound()),
        ):
            recorded = find(decode(sound.sound), lane)
            real = find(decode(sound.sound), decode(truth))
            assert recorded.similarity > 0.999, (
                "every sample of it is there, in its place relative to the rest"
            )
            assert abs(recorded.offset_samples - real.offset_samples) <= 160, (
                "within a frame of the real moment"
            )
        assert len(left) == len(right)


async def test_the_greeting_starts_with_the_stream(tmp_path: Path) -> None:
    async with house(tmp_path, twilio=None) as home:
        call = await home.dial_in(caller(Listen(), HangUp()))
        await home.call_over(call)
        assert call.streams[0].arrivals[0].at_ms < 600


async def test_barge_in_stops_the_agent_and_the_rest_is_neither_heard_nor_remembered(tmp_path: Path) -> None:
    story = clip(6000, 7, "A very long story.")
    script = agent(says(story), says(ANSWER))
    steps = (Listen(), Say(QUESTION), BargeIn(THANKS, after_ms=1500), Listen(), HangUp())
    async with house(tmp_path, script) as home:
        call = await home.dial_in(caller(*steps))
        row = await home.call_over(call)
        log = await home.log(row)
        (cut,) = [x.event for x in log if isinstance(x.event, e.BargeIn)]
        stream = call.streams[0]
        heard_ms = stream.clears[0].heard_ms if hasattr(stream.clears[0], "heard_ms") else None
        final = next(x.event for x in log if isinstance(x.event, e.TranscriptFinal) if x.event.interrupted)
        assert final.heard_ms == cut.heard_ms
        (truncated,) = home.openai.sessions[0].received_of("conversation.item.truncate")
        assert truncated["audio_end_ms"] == cut.heard_ms
        assert home.openai.sessions[0].rejections == []
        assert heard_ms is None or abs(heard_ms - cut.heard_ms) <= 100
        _, right = await home.lanes(row)
        at = find(decode(story.sound[: 8 * 1000]), right)
        assert at.similarity > 0.999
        after = decode(story.sound)[2 * 8 * (cut.heard_ms + 200) : 2 * 8 * (cut.heard_ms + 1200)]
        assert find(after, right).similarity < 0.5, "what was cut is not in the recording"


async def test_caller_hangs_up_in_mid_word(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await home.dial_in(caller(Listen(), HangUpMidWord(QUESTION, after_ms=500)))
        row = await home.call_over(call)
        log = await home.log(row)
        assert (row.status, row.disposition) == ("completed", "caller_hangup")
        assert home.transcript(log) == [("agent", GREETING.text), ("caller", QUESTION.text)]
        assert {"stream.ended", "recording.finished"} <= {x.type for x in log}
        assert log[-1].type == "call.ended"


async def test_keys_reach_the_log(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await home.dial_in(caller(Listen(), Press("42#"), HangUp()))
        log = await home.log(await home.call_over(call))
        assert "".join(x.event.digit for x in log if isinstance(x.event, e.DigitPressed)) == "42#"


FAULTS: list[tuple[Moment, FaultAction]] = [
    ("upgrade", Refuse(401, code="invalid_api_key")),
    ("upgrade", Refuse(503)),
    ("upgrade", ResetConnection()),
    ("upgrade", Stall()),
    ("session", StayMute()),
    ("session", CloseSocket(1011)),
    ("session", Delay(9000)),
    ("session", SendError(code="insufficient_quota")),
    ("greeting", CloseSocket(1011)),
    ("greeting", ResetConnection()),
    ("answer", SendError(code="insufficient_quota")),
]


@pytest.mark.parametrize(
    ("at", "action"), FAULTS, ids=lambda x: x if isinstance(x, str) else type(x).__name__
)
async def test_a_provider_that_fails_is_never_dead_air(
    tmp_path: Path, at: Moment, action: FaultAction
) -> None:
    script = AgentScript(
        CHAT.prompted,
        CHAT.turns,
        faults=(Fault(at, action, after_ms=200 if at in ("greeting", "answer") else 0),),
    )
    async with house(tmp_path, script) as home:
        call = await home.dial_in(caller(Listen(limit_ms=12_000), Say(QUESTION), Listen(limit_ms=20_000)))
        row = await home.call_over(call)
        log = await home.log(row)
        assert any("something went wrong" in said for said in call.heard_say)
        assert (row.status, row.disposition) == ("failed", "provider_failed")
        assert row.disposition_reason
        assert {"provider.failed", "provider.closed"} & {x.type for x in log}
        assert log[-1].type == "call.ended"


async def test_a_refused_key_is_told_in_the_log(tmp_path: Path) -> None:
    async with house(tmp_path, openai_key="sk-wrong") as home:
        call = await home.dial_in(caller())
        row = await home.call_over(call)
        failed = [x.event for x in await home.log(row) if isinstance(x.event, e.ProviderFailed)]
        assert [(x.code, x.retryable, x.fatal) for x in failed] == [("invalid_api_key", False, True)]
        assert row.disposition_reason == "invalid_api_key"


async def test_a_call_without_a_configured_provider_is_apologised_for(tmp_path: Path) -> None:
    async with house(tmp_path, openai_key="") as home:
        call = await home.dial_in(caller())
        row = await home.call_over(call)
        assert row.disposition_reason == "not_configured"
        assert call.heard_say


async def test_taking_a_message(tmp_path: Path) -> None:
    script = agent(says(ANSWER, CallTool("take_voicemail")))
    steps = (Listen(), Say(QUESTION), Listen(), Wait(9000), Say(THANKS), Wait(500), HangUp())
    async with house(tmp_path, script) as home:
        call = await home.dial_in(caller(*steps))
        row = await home.call_over(call)
        log = await home.log(row)
        assert any("after the tone" in said for said in call.heard_say)
        assert row.disposition == "voicemail"
        (left,) = [x.event for x in log if isinstance(x.event, e.VoicemailReceived)]
        assert left.duration_s >= 1
        assert row.voicemail["carrier_recording_sid"] == left.carrier_recording_sid


@pytest.mark.parametrize(
    ("outcome", "disposition", "said"),
    [("completed", "transferred", ""), ("busy", "voicemail", "nobody can take your call")],
)
async def test_passing_the_caller_on(tmp_path: Path, outcome: str, disposition: str, said: str) -> None:
    script = agent(says(ANSWER, CallTool("transfer_call", {"target": "front_desk"})))
    steps = (Listen(), Say(QUESTION), Listen(), Wait(12_000), Say(THANKS), HangUp())
    dial = DialOutcome(status=outcome)  # type: ignore[arg-type]
    async with house(tmp_path, script) as home:
        call = await home.dial_in(caller(*steps, dials=(dial,)))
        row = await home.call_over(call)
        log = await home.log(row)
        assert call.dials[0].target == "+15550001111"
        ended = next(x.event for x in log if isinstance(x.event, e.TransferEnded))
        assert (ended.target, ended.status) == ("front_desk", outcome)
        assert row.disposition == disposition
        assert not said or any(said in words for words in call.heard_say)


async def test_a_recorded_call_is_announced_before_the_stream(tmp_path: Path) -> None:
    flow = FlowFields(name="Announced", greeting=GREETING.text, announce_recording=1)
    async with house(tmp_path, flow=flow) as home:
        call = await home.dial_in(caller(Listen(), HangUp()))
        await home.call_over(call)
        assert call.heard_say == ["This call may be recorded."]


async def test_the_agent_is_told_the_flow(tmp_path: Path) -> None:
    flow = FlowFields(
        name="F", greeting="Hi.", system_prompt="Sell teeth.", voice="marin", announce_recording=0
    )
    async with house(tmp_path, flow=flow) as home:
        await home.call_over(await home.dial_in(caller()))
        session = home.openai.sessions[0].received_of("session.update")[0]["session"]
        assert session["instructions"].startswith("Sell teeth.")
        assert session["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "marin"}
        assert [tool["name"] for tool in session["tools"]] == ["end_call", "take_voicemail"]
        greeting = home.openai.sessions[0].received_of("response.create")[0]
        assert "Hi." in greeting["response"]["instructions"]


async def test_transcripts_come_in_the_order_spoken_however_late(tmp_path: Path) -> None:
    replies = Reply((Speak(ANSWER),))
    script = AgentScript(CHAT.prompted, (Turn(QUESTION.text, replies, transcript="after"),))
    async with house(tmp_path, script) as home:
        call = await home.dial_in(caller(Listen(), Say(QUESTION), Listen(), Wait(1000), HangUp()))
        log = await home.log(await home.call_over(call))
        assert [party for party, _ in home.transcript(log)] == ["agent", "caller", "agent"]
