"""The simulated Live API in detail: bundling, activity, transcripts, tools, the client's words."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from bench.scenarios.agent import AgentScript, Reply, Speak, TranscriptTiming, Turn
from bench.simulators.gemini import GeminiConfig, GeminiSimulator
from bench.sound import mulaw
from tests.bench.live_client import Client, connect, to_pcm
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(300, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "On Saturday we are open from nine to one.")
SPEECH = noise(800, 21)
UTTERANCE = SPEECH + mulaw.silence(400)
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=100), Reply((Speak(ANSWER),))),
    turns=(Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),) * 3,
)
MANUAL = {"automaticActivityDetection": {"disabled": True}}


def simulator(script: AgentScript = SCRIPT, **options: Any) -> GeminiSimulator:
    return GeminiSimulator(GeminiConfig(**options), script)


async def closed(client: Client) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(300):
            await client.read_on()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


# ---- the model's turn


async def test_a_turn_is_complete_only_when_it_has_been_played() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        at = {kind: client.times[index] for index, kind in reversed([*enumerate(first_kinds(client))])}
        assert at["generationComplete"] - at["modelTurn"] < 0.6
        assert at["turnComplete"] - at["modelTurn"] == pytest.approx(2.0, abs=0.01)
        assert client.of("interactionStatus") == ["IDLE"]
    assert gemini.sessions[0].ended_by == "client"


def first_kinds(client: Client) -> list[str]:
    return [next(iter(m.get("serverContent", m))) for m in client.messages]


async def test_what_older_models_do_not_say() -> None:
    options = {"voice_activity": False, "interaction_status": False, "binary_frames": False}
    async with simulator(**options) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        assert not client.of("voiceActivity")
        assert not client.of("interactionStatus")


@pytest.mark.parametrize("binary", [True, False])
async def test_json_comes_in_frames_of_either_kind(binary: bool) -> None:
    async with simulator(binary_frames=binary) as gemini, connect(gemini) as client:
        await client.send(setup={"model": "models/gemini-3.8-live"})
        assert isinstance(await client.connection.recv(), bytes if binary else str)


async def test_transcripts_come_only_if_asked_for() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(inputAudioTranscription=None, outputAudioTranscription=None)
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        assert not client.of("inputTranscription")
        assert not client.of("outputTranscription")
        assert len(client.sound()) == len(ANSWER.sound) * 6


async def test_sound_and_transcript_are_bundled_in_every_way() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        for turn in (1, 2):
            await client.speak(UTTERANCE)
            await client.until("turnComplete", turn)
        await client.until("usageMetadata", 2)
        kinds = client.kinds("interactionStatus")
        assert {"modelTurn", "outputTranscription", "modelTurn+outputTranscription"} <= set(kinds)
        assert {"generationComplete", "outputTranscription+generationComplete"} <= set(kinds)
        assert {"turnComplete+usageMetadata", "turnComplete", "usageMetadata"} <= set(kinds)
        assert {len(turn["parts"]) for turn in client.of("modelTurn")} == {1, 2}
        finished = [each for each in client.of("outputTranscription") if each.get("finished")]
        assert len(finished) == 2
        heard = np.frombuffer(client.sound(), dtype="<i2")
        assert np.array_equal(heard[::3][:300], mulaw.decode(ANSWER.sound)[:300])


async def test_words_instead_of_sound_and_thoughts_before_them() -> None:
    generation = {"responseModalities": ["TEXT"], "thinkingConfig": {"includeThoughts": True}}
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(generationConfig=generation)
        await client.say("Greet the caller.")
        usage = await client.until("usageMetadata")
        parts = [part for turn in client.of("modelTurn") for part in turn["parts"]]
        assert parts[0]["thought"] is True
        assert "".join(part["text"] for part in parts[1:]) == GREETING.text
        assert usage["thoughtsTokenCount"] > 0
        assert [each["modality"] for each in usage["responseTokensDetails"]] == ["TEXT"]


async def test_a_response_ends_at_its_token_limit() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(generationConfig={"maxOutputTokens": 15})
        await client.speak(UTTERANCE)
        usage = await client.until("usageMetadata")
        assert 15 <= usage["responseTokenCount"] <= 21
        assert client.of("generationComplete")
        assert len(client.sound()) == pytest.approx(600 * 48, abs=240 * 48)


async def test_usage_bills_the_whole_context_every_time() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        for turn in (1, 2):
            await client.speak(UTTERANCE)
            await client.until("turnComplete", turn)
        await client.until("usageMetadata", 2)
        first, second = client.of("usageMetadata")
        audio = [
            {d["modality"]: d["tokenCount"] for d in usage["promptTokensDetails"]}["AUDIO"]
            for usage in (first, second)
        ]
        assert first["responseTokensDetails"] == [{"modality": "AUDIO", "tokenCount": 50}]
        assert audio[0] == 1100 // 40
        assert audio[1] == 50 + 2 * audio[0]
        for usage in (first, second):
            assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["responseTokenCount"]


async def test_a_compressed_context_is_billed_less() -> None:
    compression = {"triggerTokens": 60, "slidingWindow": {"targetTokens": 10}}
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(contextWindowCompression=compression, systemInstruction=None, tools=None)
        for turn in (1, 2):
            await client.speak(UTTERANCE)
            await client.until("turnComplete", turn)
        await client.until("usageMetadata", 2)
        assert client.of("usageMetadata")[1]["promptTokenCount"] == 10 + 1100 // 40


# ---- the caller's voice


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
async def test_sound_at_every_rate_is_kept_as_telephone_sound(rate_hz: int) -> None:
    sound = mulaw.silence(1000) + UTTERANCE
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(sound, rate_hz)
        await client.until("turnComplete")
        assert [each["audioOffset"] for each in client.of("voiceActivity")] == ["1.000s", "2.100s"]
        assert np.array_equal(mulaw.decode(bytes(gemini.sessions[0].audio)), mulaw.decode(sound))


async def test_pieces_of_odd_sizes_lose_no_sample() -> None:
    pcm = to_pcm(UTTERANCE, 3)
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        for position in range(0, len(pcm), 1002 + 2):
            data = base64.urlsafe_b64encode(pcm[position : position + 1004]).decode().rstrip("=")
            audio = {"data": data, "mime_type": "audio/pcm;rate=24000"}
            await client.send(realtime_input={"audio": audio})
        await client.until("turnComplete")
        assert np.array_equal(mulaw.decode(bytes(gemini.sessions[0].audio)), mulaw.decode(UTTERANCE))


async def test_silence_is_not_speech_and_a_longer_start_is_waited_for() -> None:
    detection = {
        "prefixPaddingMs": 500,
        "silenceDurationMs": 200,
        "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
    }
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(realtimeInputConfig={"automaticActivityDetection": detection})
        await client.speak(noise(400, 5) + mulaw.silence(600) + noise(2000, 6, amplitude=900))
        await client.speak(noise(700, 7) + mulaw.silence(300))
        await client.until("turnComplete")
        assert [each["audioOffset"] for each in client.of("voiceActivity")] == ["3.000s", "3.900s"]


async def test_the_stream_ends_in_mid_speech() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(SPEECH)
        await client.send(realtimeInput={"audioStreamEnd": True})
        await client.until("turnComplete")
        assert [each["type"] for each in client.of("voiceActivity")] == ["ACTIVITY_START", "ACTIVITY_END"]
        await client.send(realtimeInput={"audioStreamEnd": True})  # nothing is being said: no turn
        await client.speak(UTTERANCE)
        await client.until("turnComplete", 2)
        assert len(client.of("generationComplete")) == 2


async def test_the_client_marks_activity_itself() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(realtimeInputConfig=MANUAL)
        await client.speak(UTTERANCE)
        assert gemini.sessions[0].unheard_ms == 1200
        await client.send(realtimeInput={"activityStart": {}})
        await client.speak(SPEECH)
        await client.send(realtime_input={"activity_end": {}})
        await client.until("modelTurn")
        await client.send(realtimeInput={"activityStart": {}})
        await client.until("interrupted")
        await client.send(realtimeInput={"activityEnd": {}})
        await client.until("turnComplete", 2)
        assert not client.of("voiceActivity")
        assert gemini.sessions[0].unheard_ms == 1200


async def test_an_answer_nobody_may_interrupt() -> None:
    realtime = {
        "automaticActivityDetection": {"silenceDurationMs": 300},
        "activityHandling": "NO_INTERRUPTION",
    }
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(realtimeInputConfig=realtime)
        await client.speak(UTTERANCE)
        await client.until("modelTurn")
        await client.speak(UTTERANCE)
        await client.until("turnComplete", 2)
        assert not client.of("interrupted")
        assert len(client.sound()) == 2 * len(ANSWER.sound) * 6


async def test_speech_while_the_answer_is_assumed_to_be_playing() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("generationComplete")
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        order = client.kinds("interactionStatus", "usageMetadata", "inputTranscription")
        assert order[order.index("generationComplete") :] == [
            "generationComplete",
            "voiceActivity",
            "interrupted",
            "turnComplete",
        ]


@pytest.mark.parametrize(
    ("timing", "text"), [("before", "Yes or no?"), ("after", "Yes or no?"), ("fail", ""), ("never", None)]
)
async def test_when_the_transcript_comes(timing: TranscriptTiming, text: str | None) -> None:
    script = AgentScript(turns=(Turn("Yes or no?", Reply((Speak(GREETING),)), timing),))
    async with simulator(script) as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        early = client.of("inputTranscription")
        if timing == "after":
            assert not early
            await client.until_that(lambda m: m["serverContent"]["inputTranscription"].get("finished"))
        assert bool(early) == (timing in ("before", "fail"))
        pieces = client.of("inputTranscription")
        assert [bool(each.get("finished")) for each in pieces].count(True) == (text is not None)
        assert "".join(each.get("text", "") for each in pieces) == (text or "")


# ---- the client's words


async def test_history_is_read_and_not_answered() -> None:
    turns = [
        {"role": "user", "parts": [{"text": "I want to come on Saturday."}]},
        {"role": "model", "parts": [{"text": "At what time?"}]},
    ]
    async with simulator() as gemini, connect(gemini) as client:
        await client.start(history_config={"initial_history_in_client_content": True})
        await client.send(clientContent={"turns": turns[:1]})
        await client.send(client_content={"turns": turns[1:], "turn_complete": True})
        await client.speak(UTTERANCE)
        await client.until("turnComplete")
        assert len(client.sound()) == len(ANSWER.sound) * 6
        assert gemini.sessions[0].history == turns
        await client.send(clientContent={"turnComplete": True})
        await client.until("turnComplete", 2)
        assert len(client.sound()) == len(ANSWER.sound + GREETING.sound) * 6


@pytest.mark.parametrize("how", ["clientContent", "realtimeInput"])
async def test_words_interrupt_and_are_answered(how: str) -> None:
    words = {
        "clientContent": {
            "turns": [{"role": "user", "parts": [{"text": "Say goodbye."}]}],
            "turnComplete": True,
        },
        "realtimeInput": {"text": "Say goodbye."},
    }
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("modelTurn")
        await client.send(**{how: words[how]})
        await client.until("interrupted")
        cut = len(client.sound())
        await client.until("turnComplete", 2)
        assert len(client.sound()) == cut + len(GREETING.sound) * 6
        assert client.of("interrupted") == [True]


async def test_unfinished_words_only_interrupt() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        await client.speak(UTTERANCE)
        await client.until("modelTurn")
        await client.send(clientContent={"turnComplete": False})
        await client.until("turnComplete")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.read_on(), 60)
        assert len(client.of("turnComplete")) == 1


async def test_instructions_and_tools_change_in_mid_session() -> None:
    async with simulator() as gemini, connect(gemini) as client:
        await client.start()
        tools = {"tools": [{"functionDeclarations": [{"name": "end_call"}]}]}
        await client.send(
            contextUpdate={"systemInstruction": {"parts": [{"text": "Hurry."}]}, "tools": tools}
        )
        await client.say("Greet the caller.")
        await client.until("turnComplete")
        assert len(gemini.sessions[0].received_of("contextUpdate")) == 1
