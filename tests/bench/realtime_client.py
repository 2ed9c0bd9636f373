"""A client of the simulated Realtime API made of the official SDK, checking every event it is sent."""

import asyncio
import base64
import contextlib
import json
import typing
from collections.abc import AsyncIterator, Callable
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import realtime_server_event
from pydantic import BaseModel

from bench.simulators.openai import OpenAISimulator
from bench.sound import mulaw

MODEL = "gpt-realtime-2.1"
PCMU_SESSION: dict[str, Any] = {
    "type": "realtime",
    "instructions": "Answer for a dentist.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
    },
    "tools": [{"type": "function", "name": "end_call", "description": "Hang up.", "parameters": {}}],
}

# Fields the service sends that the SDK's types do not list, by the model they are in.
_UNLISTED = {
    "RealtimeSessionCreateRequest": {"id", "object", "expires_at"},
    "RealtimeConversationItemFunctionCall": set(),
}


def _event_types() -> dict[str, type[BaseModel]]:
    union = typing.get_args(realtime_server_event.RealtimeServerEvent)[0]
    return {typing.get_args(cls.model_fields["type"].annotation)[0]: cls for cls in typing.get_args(union)}


EVENT_TYPES = _event_types()


def check_strictly(text: str | bytes) -> dict[str, Any]:
    """Validate an event against the SDK's type for it: nothing missing, nothing mistyped, nothing unknown."""
    event = json.loads(text)
    model = EVENT_TYPES[event["type"]].model_validate_json(text, strict=True)
    assert event["event_id"].startswith("event_")
    _check_extras(model, event["type"])
    return typing.cast("dict[str, Any]", event)


def _check_extras(model: BaseModel, path: str) -> None:
    unlisted = set(model.model_extra or {}) - _UNLISTED.get(type(model).__name__, set())
    assert not unlisted, f"{path}: {type(model).__name__} has no {unlisted}"
    for name, value in model:
        for element in value if isinstance(value, list) else [value]:
            if isinstance(element, BaseModel):
                _check_extras(element, f"{path}.{name}")


class Client:
    """One connection through the SDK; keeps what it is sent."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self.times: list[float] = []

    async def next(self) -> dict[str, Any]:
        event = check_strictly(await self.connection.recv_bytes())
        self.events.append(event)
        self.times.append(asyncio.get_running_loop().time())
        return event

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        while len(self.of(kind)) < count:
            await self.next()
        return self.of(kind)[count - 1]

    async def until_that(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not wanted(event := await self.next()):
            pass
        return event

    async def read_on(self) -> None:
        """Read until the connection closes, which is raised."""
        while True:
            await self.next()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def types(self, *ignored: str) -> list[str]:
        return [event["type"] for event in self.events if event["type"] not in ignored]

    def sound(self, item_id: str | None = None) -> bytes:
        return b"".join(
            base64.b64decode(event["delta"])
            for event in self.of("response.output_audio.delta")
            if item_id in (None, event["item_id"])
        )

    def errors(self) -> list[dict[str, Any]]:
        return [event["error"] for event in self.of("error")]

    async def send(self, **event: Any) -> None:
        await self.connection.send_raw(json.dumps(event))

    async def start(self, **changes: Any) -> dict[str, Any]:
        await self.until("session.created")
        await self.connection.session.update(session={**PCMU_SESSION, **changes})  # type: ignore[typeddict-item]
        return await self.until("session.updated")

    async def speak(self, sound: bytes, paced: bool = True) -> None:
        """Append sound in 20 ms frames, in real time."""
        for position in range(0, len(sound), mulaw.FRAME_BYTES):
            frame = sound[position : position + mulaw.FRAME_BYTES]
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(frame).decode())
            if paced:
                await asyncio.sleep(mulaw.FRAME_MS / 1000)


@contextlib.asynccontextmanager
async def connect(simulator: OpenAISimulator, **options: Any) -> AsyncIterator[Client]:
    """Connect through the official SDK."""
    api_key = options.pop("api_key", simulator.config.api_key)
    async with (
        AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key=api_key) as openai,
        openai.realtime.connect(
            model=MODEL, websocket_connection_options={"ping_interval": None}, **options
        ) as connection,
    ):
        yield Client(connection)
