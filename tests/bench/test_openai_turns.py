"""The simulated Realtime API at work: the caller's voice, transcripts, responses, tools."""

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest

from bench.scenarios.agent import AgentScript, CallTool, Reply, Speak, Turn
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from bench.sound import mulaw
from tests.bench.realtime_client import Client, connect
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(900, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(2000, 12, "On Saturday we are open from nine to one.")
SPEECH = noise(800, 21)
QUIET = mulaw.silence(400)
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=100), Reply((Speak(ANSWER),))),
    turns=(Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),) * 3,
)


def simulator(script: AgentScript = SCRIPT, **options: Any) -> OpenAISimulator:
    return OpenAISimulator(OpenAIConfig(**options), script)


def vad(**changes: Any) -> dict[str, Any]:
    """A session change to the turn detection alone."""
    return {"type": "realtime", "audio": {"input": {"turn_detection": changes or None}}}


async def refused(client: Client, event: dict[str, Any] | str) -> dict[str, Any]:
    """Send an event and return the error it gets."""
    before = len(client.errors())
    if isinstance(event, str):
        await client.connection.send_raw(event)
    else:
        await client.send(**event)
    await client.until("error", before + 1)
    return client.errors()[-1]


# ---- the caller's voice


async def test_voice_activity_is_timed_on_the_audio_received() -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.speak(mulaw.silence(1000) + SPEECH + QUIET + mulaw.silence(300))
        stopped = await client.until("input_audio_buffer.speech_stopped")
        (started,) = client.of("input_audio_buffer.speech_started")
        committed = await client.until("input_audio_buffer.committed")
        assert started["audio_start_ms"] == 1000 - 300
        assert stopped["audio_end_ms"] == 1800 + 300
        assert started["item_id"] == stopped["item_id"] == committed["item_id"]
        assert committed["previous_item_id"] is None
        await client.until("response.done")
        kinds = client.types("response.output_audio.delta", "response.output_audio_transcript.delta")
        assert kinds[2:] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "rate_limits.updated",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        deltas = client.of("conversation.item.input_audio_transcription.delta")
        assert "".join(d["delta"] for d in deltas) == "Are you open on Saturday?"
        assistant = client.of("conversation.item.added")[1]
        assert assistant["previous_item_id"] == committed["item_id"]


@pytest.mark.parametrize("level", [0, 300])
async def test_silence_and_a_quiet_line_are_not_speech(level: int) -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.speak(noise(3000, 5, amplitude=level or 1))
        await client.speak(noise(40, 6) + mulaw.silence(1000))  # a click
        await client.send(type="input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        assert not client.of("input_audio_buffer.speech_started")


async def test_frames_of_any_size_are_the_same_to_voice_activity() -> None:
    sound = mulaw.silence(500) + SPEECH + QUIET
    times = []
    for size in (1, 159, 160, 4001):
        async with simulator() as openai, connect(openai) as client:
            await client.start()
            for position in range(0, len(sound), size if size > 1 else len(sound)):
                piece = sound[position : position + (size if size > 1 else len(sound))]
                await client.send(type="input_audio_buffer.append", audio=base64.b64encode(piece).decode())
            stopped = await client.until("input_audio_buffer.speech_stopped")
            (started,) = client.of("input_audio_buffer.speech_started")
            times.append((started["audio_start_ms"], stopped["audio_end_ms"]))
            assert bytes(openai.sessions[0].audio) == sound
    assert set(times) == {(200, 1600)}


async def test_pcm_at_24_khz_in_both_directions() -> None:
    audio = {
        "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": {"type": "server_vad"}},
        "output": {"format": {"type": "audio/pcm", "rate": 24000}},
    }
    async with simulator() as openai, connect(openai) as client:
        await client.start(audio=audio)
        pcm = mulaw.to_pcm24k(SPEECH + mulaw.silence(700))
        for position in range(0, len(pcm), 1001):  # odd on purpose
            piece = pcm[position : position + 1001]
            await client.send(type="input_audio_buffer.append", audio=base64.b64encode(piece).decode())
        await client.until("response.done")
        heard = np.frombuffer(client.sound(), dtype="<i2")
        assert len(heard) == 3 * len(ANSWER.sound)
        assert np.array_equal(heard[::3][:100], mulaw.decode(ANSWER.sound)[:100])
        assert len(openai.sessions[0].audio) == len(SPEECH) + 8 * 700


async def test_the_client_commits_by_itself_without_turn_detection() -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.send(type="session.update", session=vad())
        await client.speak(SPEECH + QUIET)
        await client.send(type="input_audio_buffer.commit")
        committed = await client.until("input_audio_buffer.committed")
        assert not client.of("input_audio_buffer.speech_started")
        assert (await refused(client, {"type": "input_audio_buffer.commit"}))["code"] == (
            "input_audio_buffer_commit_empty"
        )
        await client.until("conversation.item.input_audio_transcription.completed")
        assert not client.of("response.created")
        await client.connection.response.create()
        done = await client.until("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == ANSWER.text
        await client.send(type="conversation.item.retrieve", item_id=committed["item_id"])
        item = (await client.until("conversation.item.retrieved"))["item"]
        assert item["content"][0]["transcript"] == "Are you open on Saturday?"


@pytest.mark.parametrize("timing", ["after", "fail", "never"])
async def test_transcripts_that_come_late_fail_or_never_come(timing: Any) -> None:
    script = AgentScript(turns=(Turn("Hello?", Reply((Speak(ANSWER),)), timing),))
    async with simulator(script) as openai, connect(openai) as client:
        await client.start()
        await client.speak(SPEECH + QUIET)
        await client.until("response.done")
        await client.speak(mulaw.silence(1000))
        await client.send(type="input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
    kinds = client.types()
    prefix = "conversation.item.input_audio_transcription"
    if timing == "after":
        assert kinds.index(f"{prefix}.completed") > kinds.index("response.done")
    elif timing == "fail":
        assert client.of(f"{prefix}.failed")[0]["error"]["type"] == "transcription_error"
    assert not client.of(f"{prefix}.completed") or timing == "after"


async def test_an_idle_caller_is_prompted() -> None:
    script = AgentScript(prompted=SCRIPT.prompted, on_idle=(Reply((Speak(clip(500, 31, "Hello?")),)),))
    async with simulator(script) as openai, connect(openai) as client:
        await client.start()
        detection = vad(type="server_vad", silence_duration_ms=300, idle_timeout_ms=5000)
        await client.send(type="session.update", session=detection)
        await client.connection.response.create()
        await client.until("response.done")
        await client.speak(mulaw.silence(7000))
        triggered = await client.until("input_audio_buffer.timeout_triggered")
        done = await client.until("response.done", 2)
        waited_ms = triggered["audio_end_ms"] - triggered["audio_start_ms"]
        assert 5000 <= waited_ms <= 5020
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Hello?"
        assert client.of("input_audio_buffer.committed")[0]["item_id"] == triggered["item_id"]


# ---- responses


async def test_audio_comes_faster_than_real_time_in_odd_pieces() -> None:
    async with simulator(speed=4.0) as openai, connect(openai) as client:
        await client.start()
        before = asyncio.get_running_loop().time()
        await client.connection.response.create()
        await client.until("response.done")
    at = [
        t - before
        for t, e in zip(client.times, client.events, strict=True)
        if e["type"] == "response.output_audio.delta"
    ]
    sizes = [len(base64.b64decode(e["delta"])) for e in client.of("response.output_audio.delta")]
    assert any(size % 160 for size in sizes)
    assert any(size % 2 for size in sizes)
    due = [0.1 + sum(sizes[:i]) / 8000 / 4 for i in range(len(sizes))]
    assert at == pytest.approx(due, abs=1e-6)
    words = "".join(e["delta"] for e in client.of("response.output_audio_transcript.delta"))
    assert words == GREETING.text
    assert client.of("response.output_audio_transcript.done")[0]["transcript"] == GREETING.text


async def test_usage_grows_with_the_conversation() -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        for turn in range(1, 4):
            await client.speak(SPEECH + QUIET)
            await client.until("response.done", turn)
    usages = [done["response"]["usage"] for done in client.of("response.done")]
    for usage in usages:
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        details = usage["input_token_details"]
        assert usage["input_tokens"] == details["text_tokens"] + details["audio_tokens"]
        assert usage["output_token_details"]["audio_tokens"] == 40  # 2 s, one per 50 ms
        assert details["cached_tokens"] <= usage["input_tokens"]
    assert usages[0]["input_tokens"] < usages[1]["input_tokens"] < usages[2]["input_tokens"]


async def test_one_response_at_a_time() -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.connection.response.create()
        active = (await client.until("response.created"))["response"]["id"]
        error = await refused(client, {"type": "response.create"})
        assert error["code"] == "conversation_already_has_active_response"
        assert active in error["message"]
        error = await refused(client, {"type": "response.cancel", "response_id": "resp_0"})
        assert error["code"] == "response_cancel_not_active"
        await client.send(type="response.cancel", response_id=active)
        done = (await client.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert done["output"] == []


async def test_interruption_can_be_turned_off() -> None:
    async with simulator(speed=0.5) as openai, connect(openai) as client:
        await client.start()
        await client.send(
            type="session.update",
            session=vad(type="server_vad", interrupt_response=False, create_response=False),
        )
        await client.connection.response.create()
        await client.until("response.output_audio.delta")
        await client.speak(SPEECH)
        done = await client.until("response.done")
        assert client.of("input_audio_buffer.speech_started")
        assert done["response"]["status"] == "completed"
        assert client.sound() == GREETING.sound


@pytest.mark.parametrize("modality", ["text", "audio"])
async def test_a_limit_and_a_modality_for_one_response(modality: str) -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        asked = {"output_modalities": [modality], "metadata": {"for": "test"}, "max_output_tokens": 9}
        await client.send(type="response.create", response=asked)
        done = (await client.until("response.done"))["response"]
    assert (done["metadata"], done["output_modalities"], done["max_output_tokens"]) == (
        {"for": "test"},
        [modality],
        9,
    )
    if modality == "text":
        assert not client.sound()
        assert client.of("response.output_text.done")[0]["text"] == GREETING.text
    else:
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert done["output"][0]["status"] == "incomplete"
        assert 450 <= len(client.sound()) / 8 < 700


async def test_a_response_outside_the_conversation_leaves_no_item() -> None:
    async with simulator() as openai, connect(openai) as client:
        await client.start()
        await client.send(type="response.create", response={"conversation": "none"})
        done = (await client.until("response.done"))["response"]
        assert done["conversation_id"] is None
        assert not client.of("conversation.item.added")
        error = await refused(
            client, {"type": "conversation.item.retrieve", "item_id": done["output"][0]["id"]}
        )
        assert error["code"] == "item_retrieve_invalid_item_id"


async def test_a_tool_is_called_and_its_result_answered() -> None:
    follow = Reply((Speak(GREETING),))
    first = Reply((Speak(ANSWER), CallTool("look_up", {"day": "Saturday"})), then=follow)
    script = AgentScript(turns=(Turn("Saturday?", first),))
    async with simulator(script) as openai, connect(openai) as client:
        await client.start()
        await client.speak(SPEECH + QUIET)
        done = (await client.until("response.done"))["response"]
        call = done["output"][1]
        assert (call["type"], call["name"]) == ("function_call", "look_up")
        pieces = client.of("response.function_call_arguments.delta")
        assert json.loads("".join(p["delta"] for p in pieces)) == {"day": "Saturday"}
        assert {p["call_id"] for p in pieces} == {call["call_id"]}
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"open": true}'}
        await client.send(type="conversation.item.create", item=output)
        await client.connection.response.create()
        answered = (await client.until("response.done", 2))["response"]
        assert answered["output"][0]["content"][0]["transcript"] == GREETING.text
        await client.connection.response.create()
        assert (await client.until("response.done", 3))["response"]["output"] == []
