"""The simulated Live API at work: greeting, question and answer, barge-in, transcripts, tools."""

from typing import Any

import numpy as np
import pytest

from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.simulators.gemini import GeminiConfig, GeminiSimulator
from bench.sound import mulaw
from tests.bench.live_client import connect
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(900, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "On Saturday we are open from nine to one.")
UTTERANCE = noise(800, 21) + mulaw.silence(400)
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=100), Reply((Speak(ANSWER),))),
    turns=(Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),) * 3,
)


def simulator(script: AgentScript = SCRIPT, **options: Any) -> GeminiSimulator:
    return GeminiSimulator(GeminiConfig(**options), script)


async def test_a_greeting_a_question_and_its_answer() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        assert (await client.start())["sessionId"]
        await client.say("Greet the caller.")
        await client.until("turnComplete")
        assert len(client.sound()) == len(GREETING.sound) * 6
        assert client.words("outputTranscription") == GREETING.text
        await client.speak(UTTERANCE)
        await client.until("turnComplete", 2)
        assert client.words("inputTranscription") == "Are you open on Saturday?"
        assert len(client.sound()) == len(GREETING.sound + ANSWER.sound) * 6
    (log,) = gemini.sessions
    assert np.array_equal(mulaw.decode(bytes(log.audio)), mulaw.decode(UTTERANCE))
    assert log.model == "gemini-3.8-live"
    assert not log.rejections


async def test_speech_cuts_the_answer_short() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("modelTurn")
        await client.speak(UTTERANCE)
        await client.until("interrupted")
        cut = len(client.sound())
        assert 0 < cut < len(ANSWER.sound) * 6
        kinds = client.kinds("interactionStatus", "usageMetadata")
        assert kinds[kinds.index("interrupted") - 1] == "voiceActivity"
        await client.until("turnComplete")
        assert not client.of("generationComplete")
        await client.until("turnComplete", 2)
        assert len(client.of("generationComplete")) == 1
        assert len(client.sound()) == cut + len(ANSWER.sound) * 6
