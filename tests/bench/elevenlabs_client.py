"""A plain client of the simulated Agents platform, checking every event it is sent.

The official SDK has no types for what comes over the socket, so what an event may hold is written down here
once more, from the schema of the official JavaScript client.

Source: `elevenlabs/packages`, packages/types/schemas/agent.asyncapi.yaml, read 2026-11; the body of
`agent_response_complete` and `client_tool_call.expects_response` from clients in public repositories.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from bench.simulators.elevenlabs import ElevenLabsSimulator
from bench.simulators.elevenlabs.agent_config import CLIENT_EVENTS
from bench.simulators.elevenlabs.conversation_log import ConversationLog
from bench.sound import mulaw

NUMBER = (int, float)
_ID = {"event_id": int}
_TOOL = {"tool_name": str, "tool_call_id": str, "tool_type": str, **_ID}

# type: (key of the body, required fields, further fields)
EVENTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "conversation_initiation_metadata": (
        "conversation_initiation_metadata_event",
        {"conversation_id": str, "agent_output_audio_format": str, "user_input_audio_format": str},
        {},
    ),
    "audio": ("audio_event", {"audio_base_64": str, **_ID}, {"alignment": dict}),
    "user_transcript": ("user_transcription_event", {"user_transcript": str, **_ID}, {}),
    "tentative_user_transcript": (
        "tentative_user_transcription_event",
        {"user_transcript": str, **_ID},
        {},
    ),
    "agent_response": ("agent_response_event", {"agent_response": str, **_ID}, {"response_id": str}),
    "agent_response_correction": (
        "agent_response_correction_event",
        {"original_agent_response": str, "corrected_agent_response": str, **_ID},
        {"response_id": str},
    ),
    "agent_chat_response_part": (
        "text_response_part",
        {"text": str, "type": str, **_ID},
        {"response_id": str},
    ),
    "agent_response_complete": ("agent_response_complete_event", _ID, {}),
    "interruption": ("interruption_event", _ID, {}),
    "client_tool_call": (
        "client_tool_call",
        {"tool_name": str, "tool_call_id": str, "parameters": dict, **_ID},
        {"expects_response": bool},
    ),
    "agent_tool_request": ("agent_tool_request", _TOOL, {}),
    "agent_tool_response": ("agent_tool_response", {**_TOOL, "is_error": bool, "is_called": bool}, {}),
    "vad_score": ("vad_score_event", {"vad_score": NUMBER}, {}),
    "ping": ("ping_event", _ID, {"ping_ms": (int, type(None))}),
    "error": ("error_event", {"code": int}, {"message": str, "error_type": str, "reason": str}),
}


def check_strictly(text: str | bytes) -> dict[str, Any]:
    """Validate an event: nothing missing, nothing mistyped, nothing unknown."""
    assert isinstance(text, str)
    event: dict[str, Any] = json.loads(text)
    key, required, further = EVENTS[event["type"]]
    assert set(event) == {"type", key}, event
    body = event[key]
    assert set(required) <= set(body) <= set(required) | set(further), event
    for name, value in body.items():
        assert isinstance(value, {**required, **further}[name]), (event["type"], name, value)
    if "alignment" in body:
        alignment = body["alignment"]
        assert set(alignment) == {"chars", "char_start_times_ms", "char_durations_ms"}
        assert len({len(values) for values in alignment.values()}) == 1
    return event


class Client:
    """One connection; keeps what it is sent, and answers pings."""

    def __init__(self, connection: ClientConnection, answers_pings: bool = True) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self.answers_pings = answers_pings

    async def next(self) -> dict[str, Any]:
        event = check_strictly(await self.connection.recv())
        self.events.append(event)
        if event["type"] == "ping" and self.answers_pings:
            await self.send(type="pong", event_id=event["ping_event"]["event_id"])
        return event

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Read until the `count`-th event of a type, and return its body."""
        while len(self.of(kind)) < count:
            await self.next()
        return self.of(kind)[count - 1]

    async def read_on(self) -> None:
        """Read until the connection closes, which is raised."""
        while True:
            await self.next()

    async def read_for(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.read_on()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event[EVENTS[kind][0]] for event in self.events if event["type"] == kind]

    def types(self, *ignored: str) -> list[str]:
        return [event["type"] for event in self.events if event["type"] not in ignored]

    def sound(self, event_id: int | None = None) -> bytes:
        return b"".join(
            base64.b64decode(audio["audio_base_64"])
            for audio in self.of("audio")
            if event_id in (None, audio["event_id"])
        )

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def start(self, **initiation: Any) -> dict[str, Any]:
        await self.send(type="conversation_initiation_client_data", **initiation)
        return await self.until("conversation_initiation_metadata")

    async def speak(self, sound: bytes, paced: bool = True) -> None:
        """Send sound in 20 ms frames, in real time, reading what comes meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self.read_on(), name="reading")
            for position in range(0, len(sound), mulaw.FRAME_BYTES):
                await self.audio(sound[position : position + mulaw.FRAME_BYTES])
                if paced:
                    await asyncio.sleep(mulaw.FRAME_MS / 1000)
            reading.cancel()

    async def audio(self, data: bytes) -> None:
        await self.send(user_audio_chunk=base64.b64encode(data).decode())


def agent(
    simulator: ElevenLabsSimulator,
    *,
    first_message: str = "Hello!",
    formats: tuple[str, str] = ("ulaw_8000", "ulaw_8000"),
    tools: Sequence[dict[str, Any]] = (),
    events: Sequence[str] = CLIENT_EVENTS,
    overrides: dict[str, Any] | None = None,
    auth: bool = False,
    **parts: dict[str, Any],
) -> str:
    """Make an agent; `parts` are sections of its configuration."""
    config: dict[str, Any] = {
        "asr": {"user_input_audio_format": formats[0]},
        "tts": {"agent_output_audio_format": formats[1], **parts.pop("tts", {})},
        "turn": {"turn_timeout": -1, **parts.pop("turn", {})},
        "conversation": {"client_events": list(events), **parts.pop("conversation", {})},
        "agent": {
            "first_message": first_message,
            "prompt": {"tools": list(tools), **parts.pop("prompt", {})},
            **parts.pop("agent", {}),
        },
    }
    settings = {
        "auth": {"enable_auth": auth},
        "overrides": {"conversation_config_override": overrides or {}},
    }
    return simulator.add_agent({**config, **parts}, name="Front desk", platform_settings=settings)


def client_tool(name: str, expects_response: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "type": "client",
        "name": name,
        "description": "Does it.",
        "expects_response": expects_response,
        **more,
    }


@contextlib.asynccontextmanager
async def connect(
    simulator: ElevenLabsSimulator, agent_id: str = "", url: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[Client]:
    """Connect as anybody may: to an agent without authorization, made here unless given, or a signed URL."""
    if not url:
        base = simulator.url.replace("http", "ws", 1)
        url = f"{base}/v1/convai/conversation?agent_id={agent_id or agent(simulator)}"
    async with websockets.connect(url, additional_headers=headers, ping_interval=None) as connection:
        yield Client(connection)


def talk(simulator: ElevenLabsSimulator, **options: Any) -> contextlib.AbstractAsyncContextManager[Client]:
    """Connect to an agent made for it; `options` are those of `agent`."""
    return connect(simulator, agent(simulator, **options))


def log_of(simulator: ElevenLabsSimulator, number: int = 1) -> ConversationLog:
    """Return what happened in one conversation."""
    log = simulator.sessions[number - 1]
    assert isinstance(log, ConversationLog)
    return log


def now() -> float:
    return asyncio.get_running_loop().time()


async def gone(client: Client) -> ConnectionClosed:
    """Read until the connection is gone, and say how it went."""
    with pytest.raises(ConnectionClosed) as caught:
        await client.read_on()
    return caught.value


async def closed(client: Client) -> tuple[int, str]:
    """Read until the connection is closed, and say with what code and reason."""
    error = await gone(client)
    assert error.rcvd is not None
    return error.rcvd.code, error.rcvd.reason
