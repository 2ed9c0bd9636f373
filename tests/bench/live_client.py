"""Clients of the simulated Live API: plain websockets, with every message checked against the SDK's types."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import numpy as np
from google.genai import types
from google.genai._live_converters import _LiveServerMessage_from_mldev
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as ws_connect

from bench.simulators.gemini import GeminiSimulator
from bench.sound import mulaw

MODEL = "models/gemini-3.8-live"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SETUP: dict[str, Any] = {
    "model": MODEL,
    "generationConfig": {"responseModalities": ["AUDIO"]},
    "systemInstruction": {"parts": [{"text": "Answer for a dentist."}]},
    "tools": [{"functionDeclarations": [{"name": "look_up", "parameters": {"type": "OBJECT"}}]}],
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
    "realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": 300}},
}


def check_strictly(data: bytes | str) -> dict[str, Any]:
    """Validate a message as the SDK reads it: nothing unknown, nothing lost, nothing mistyped."""
    message = cast("dict[str, Any]", json.loads(data))
    # The SDK's own converter; it also renames what is called otherwise on the wire.
    converted = _LiveServerMessage_from_mldev(message)
    assert len(converted) == len(message), f"the SDK drops {set(message)}"
    parsed = types.LiveServerMessage.model_validate(converted)
    kept = parsed.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if "voiceActivity" in kept:
        kept["voiceActivity"]["type"] = kept["voiceActivity"].pop("voiceActivityType")
    assert _standard_base64(kept) == message
    return message


def _standard_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [_standard_base64(element) for element in value]
    if isinstance(value, dict):
        return {
            name: base64.b64encode(base64.urlsafe_b64decode(each)).decode()
            if name == "data"
            else _standard_base64(each)
            for name, each in value.items()
        }
    return value


def to_pcm(sound: bytes, factor: int = 2) -> bytes:
    """Return mu-law as PCM16LE at 8 kHz times `factor`, every sample repeated."""
    return np.repeat(mulaw.decode(sound), factor).astype("<i2").tobytes()


class Client:
    """One connection; keeps what it is sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.messages: list[dict[str, Any]] = []
        self.times: list[float] = []

    async def next(self) -> dict[str, Any]:
        message = check_strictly(await self.connection.recv())
        self.messages.append(message)
        self.times.append(asyncio.get_running_loop().time())
        return message

    async def until(self, kind: str, count: int = 1) -> Any:
        """Read until so many messages or serverContents have a field, and return the last one's."""
        while len(self.of(kind)) < count:
            await self.next()
        return self.of(kind)[count - 1]

    async def until_that(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not wanted(message := await self.next()):
            pass
        return message

    async def read_on(self) -> None:
        """Read until the connection closes, which is raised."""
        while True:
            await self.next()

    def of(self, kind: str) -> list[Any]:
        return [
            holder[kind]
            for message in self.messages
            for holder in (message, message.get("serverContent", {}))
            if kind in holder
        ]

    def kinds(self, *ignored: str) -> list[str]:
        """The names of everything received, bundled ones joined by `+`."""
        found = []
        for message in self.messages:
            names = [*message.get("serverContent", {}), *(n for n in message if n != "serverContent")]
            shown = "+".join(name for name in names if name not in ignored)
            if shown:
                found.append(shown)
        return found

    def sound(self) -> bytes:
        """The model's voice so far, PCM16LE at 24 kHz."""
        parts = [part["inlineData"] for turn in self.of("modelTurn") for part in turn["parts"]]
        assert all(part["mimeType"] == "audio/pcm;rate=24000" for part in parts)
        return b"".join(base64.b64decode(part["data"]) for part in parts)

    def words(self, kind: str) -> str:
        return "".join(each.get("text", "") for each in self.of(kind))

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def start(self, **changes: Any) -> dict[str, Any]:
        """Set up; a change to None leaves the field out."""
        setup = {name: value for name, value in {**SETUP, **changes}.items() if value is not None}
        await self.send(setup=setup)
        return cast("dict[str, Any]", await self.until("setupComplete"))

    async def say(self, text: str) -> None:
        await self.send(realtimeInput={"text": text})

    async def speak(self, sound: bytes, rate_hz: int = 16_000, paced: bool = True) -> None:
        """Send mu-law as PCM in 20 ms frames, in real time."""
        for position in range(0, len(sound), mulaw.FRAME_BYTES):
            pcm = to_pcm(sound[position : position + mulaw.FRAME_BYTES], rate_hz // 8000)
            data = base64.b64encode(pcm).decode()
            audio = {"data": data, "mimeType": f"audio/pcm;rate={rate_hz}"}
            await self.send(realtimeInput={"audio": audio})
            if paced:
                await asyncio.sleep(mulaw.FRAME_MS / 1000)


@contextlib.asynccontextmanager
async def connect(
    simulator: GeminiSimulator, path: str = PATH, api_key: str | None = None
) -> AsyncIterator[Client]:
    """Connect with plain websockets."""
    headers = {"x-goog-api-key": simulator.config.api_key if api_key is None else api_key}
    uri = simulator.url.replace("http", "ws", 1) + path
    async with ws_connect(uri, additional_headers=headers, compression=None, ping_interval=None) as ws:
        yield Client(ws)
