"""How the simulated agent talks: whose turn it is, and how it is interrupted."""

from typing import Any

import pytest

from bench.scenarios.agent import AgentScript, Reply, Speak, TranscriptTiming, Turn
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.sound import mulaw
from tests.bench.elevenlabs_client import agent, connect, now, talk
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(700, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "Yes, on Saturday we are open from nine to one.")
GOODBYE = clip(600, 13, "Goodbye and thank you!")
CALLER = noise(600, 21)
PAUSE = mulaw.silence(700)
QUESTION = Turn("Are you open on Saturday?", Reply((Speak(ANSWER),), thinks_ms=100))


def script(*turns: Turn, **more: Any) -> AgentScript:
    return AgentScript(prompted=(Reply((Speak(GREETING),), thinks_ms=50),), turns=turns, **more)


def simulator(played: AgentScript, **options: Any) -> ElevenLabsSimulator:
    return ElevenLabsSimulator(ElevenLabsConfig(**options), played)


# ---- turns


async def test_a_question_and_its_answer() -> None:
    async with simulator(script(QUESTION)) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        await client.read_for(1)
        await client.speak(CALLER + PAUSE)
        await client.until("agent_response_complete")
        assert client.types("ping", "vad_score", "audio")[2:] == [
            "tentative_user_transcript",
            "tentative_user_transcript",
            "user_transcript",
            "agent_response",
            "agent_response_complete",
        ]
        tentative = [each["user_transcript"] for each in client.of("tentative_user_transcript")]
        assert tentative == ["Are you", "Are you open on"]
        transcript, answer = client.of("user_transcript")[0], client.of("agent_response")[1]
        assert transcript["user_transcript"] == "Are you open on Saturday?"
        assert answer["agent_response"] == ANSWER.text
        assert client.of("agent_response_complete") == [{"event_id": answer["event_id"]}]
        assert client.sound(answer["event_id"]) == ANSWER.sound
        ids = [client.of("agent_response")[0]["event_id"], transcript["event_id"], answer["event_id"]]
        assert ids == sorted(set(ids))


@pytest.mark.parametrize(("eagerness", "silence_ms"), [("patient", 1000), ("normal", 500), ("eager", 300)])
async def test_how_long_a_pause_may_be(eagerness: str, silence_ms: int) -> None:
    async with simulator(script(QUESTION), transcribe_ms=0) as elevenlabs:
        agent_id = agent(elevenlabs, first_message="", turn={"turn_eagerness": eagerness})
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            await client.speak(CALLER)
            before = now()
            await client.speak(mulaw.silence(silence_ms - 20))
            assert not client.of("user_transcript")
            await client.speak(mulaw.silence(20))
            await client.until("user_transcript")
            assert now() - before == pytest.approx(silence_ms / 1000, abs=0.03)


@pytest.mark.parametrize(
    ("timing", "kinds"),
    [
        ("before", ["user_transcript", "agent_response"]),
        ("after", ["agent_response", "user_transcript"]),
        ("fail", ["agent_response"]),
        ("never", ["agent_response"]),
    ],
)
async def test_when_the_transcript_comes(timing: TranscriptTiming, kinds: list[str]) -> None:
    turn = Turn(QUESTION.hears, QUESTION.reply, timing)
    async with simulator(script(turn)) as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start()
        await client.speak(CALLER + PAUSE)
        await client.read_for(2)
        assert [k for k in client.types() if k in ("user_transcript", "agent_response")] == kinds


async def test_after_the_last_turn_the_agent_has_nothing_to_say() -> None:
    async with simulator(script()) as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start()
        await client.speak(CALLER + PAUSE)
        await client.read_for(2)
        assert not client.of("agent_response")
        assert client.of("user_transcript")[0]["user_transcript"] == ""


async def test_two_clips_are_one_response() -> None:
    reply = Reply((Speak(GOODBYE), Speak(GREETING)), thinks_ms=0)
    async with (
        simulator(script(Turn("Bye.", reply))) as elevenlabs,
        talk(elevenlabs, first_message="") as client,
    ):
        await client.start()
        await client.speak(CALLER + PAUSE)
        await client.until("agent_response_complete")
        (response,) = client.of("agent_response")
        assert response["agent_response"] == f"{GOODBYE.text} {GREETING.text}"
        assert client.sound() == GOODBYE.sound + GREETING.sound
        chars = [c for a in client.of("audio") for c in a.get("alignment", {"chars": []})["chars"]]
        assert "".join(chars) == response["agent_response"]


async def test_a_text_message_is_answered() -> None:
    async with simulator(script(QUESTION)) as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start()
        await client.send(type="user_message", text="Say hello.")
        response = await client.until("agent_response")
        assert response["agent_response"] == GREETING.text
        await client.send(type="multimodal_message", text={"type": "user_message", "text": "And?"})
        await client.until("interruption")
        await client.read_for(1)
        assert not client.of("user_transcript")


async def test_text_only_has_no_audio() -> None:
    async with simulator(script()) as elevenlabs:
        agent_id = agent(elevenlabs, conversation={"text_only": True})
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            assert (await client.until("agent_response"))["agent_response"] == GREETING.text
            parts = client.of("agent_chat_response_part")
            assert [part["type"] for part in parts] == ["start", *["delta"] * 4, "stop"]
            assert "".join(part["text"] for part in parts) == GREETING.text
            assert not client.of("audio")


async def test_a_voice_has_a_score() -> None:
    async with simulator(script()) as elevenlabs, talk(elevenlabs, first_message="") as client:
        await client.start()
        await client.speak(CALLER + mulaw.silence(300))
        await client.until("vad_score", 9)
        scores = [each["vad_score"] for each in client.of("vad_score")]
        assert scores == [1.0] * 6 + [0.0] * 3


# ---- interruptions


async def test_the_caller_interrupts_while_the_agent_is_heard() -> None:
    async with (
        simulator(script(QUESTION, QUESTION), speed=20, chunk_bytes=(800,)) as elevenlabs,
        talk(elevenlabs, first_message="") as client,
    ):
        await client.start()
        await client.speak(CALLER + PAUSE)
        await client.until("agent_response_complete")
        assert client.sound() == ANSWER.sound
        heard_from = now() - 0.1  # twenty times faster than it plays
        await client.speak(mulaw.silence(880) + CALLER[: 8 * 100])
        heard_ms = (now() - heard_from) * 1000
        interruption = await client.until("interruption")
        correction = await client.until("agent_response_correction")
        response = client.of("agent_response")[0]
        assert interruption["event_id"] == correction["event_id"] == response["event_id"]
        assert correction["response_id"] == response["response_id"]
        assert correction["original_agent_response"] == ANSWER.text
        corrected = correction["corrected_agent_response"]
        assert corrected.endswith("...")
        words = corrected.removesuffix("...")
        assert ANSWER.text.startswith(words)
        share = len(words.split()) / len(ANSWER.text.split())
        assert share == pytest.approx(heard_ms / ANSWER.duration_ms, abs=0.15)


async def test_the_rest_of_an_interrupted_answer_is_never_sent() -> None:
    async with (
        simulator(script(QUESTION, QUESTION), speed=1) as elevenlabs,
        talk(elevenlabs, first_message="") as client,
    ):
        await client.start()
        await client.speak(CALLER + PAUSE)
        await client.until("audio", 5)
        await client.speak(CALLER + PAUSE)
        await client.until("agent_response", 2)
        first, second = client.of("agent_response")
        sent = client.sound(first["event_id"])
        assert 0 < len(sent) < len(ANSWER.sound)
        assert ANSWER.sound.startswith(sent)
        kinds = client.types("ping", "vad_score", "tentative_user_transcript")
        cut = kinds.index("interruption")
        assert kinds[cut:] == [
            "interruption",
            "agent_response_correction",
            "user_transcript",
            "agent_response",
        ]
        assert second["event_id"] > client.of("interruption")[0]["event_id"]
        assert client.of("agent_response_complete") == []


async def test_a_caller_who_speaks_after_the_agent_interrupts_nothing() -> None:
    async with simulator(script(QUESTION), speed=20) as elevenlabs, connect(elevenlabs) as client:
        await client.start()
        await client.speak(mulaw.silence(1000) + CALLER + PAUSE)
        await client.until("agent_response", 2)
        assert not client.of("interruption")


async def test_a_caller_who_goes_on_before_the_answer_is_answered_once() -> None:
    slow = Turn("Are you", Reply((Speak(GOODBYE),), thinks_ms=5000))
    async with (
        simulator(script(slow, QUESTION)) as elevenlabs,
        talk(elevenlabs, first_message="") as client,
    ):
        await client.start()
        await client.speak(CALLER + PAUSE + CALLER + PAUSE)
        await client.until("agent_response_complete")
        assert [each["agent_response"] for each in client.of("agent_response")] == [ANSWER.text]
        assert [each["user_transcript"] for each in client.of("user_transcript")] == [
            "Are you",
            "Are you open on Saturday?",
        ]
        assert not client.of("interruption")


async def test_a_first_message_that_may_not_be_interrupted() -> None:
    async with simulator(script(QUESTION)) as elevenlabs:
        agent_id = agent(elevenlabs, agent={"disable_first_message_interruptions": True})
        async with connect(elevenlabs, agent_id) as client:
            await client.start()
            await client.until("audio")
            await client.speak(noise(300, 5) + PAUSE)
            assert client.sound() == GREETING.sound
            assert not client.of("interruption")
            await client.speak(CALLER + PAUSE)
            await client.until("agent_response", 2)
            assert [each["user_transcript"] for each in client.of("user_transcript")] == [QUESTION.hears]
