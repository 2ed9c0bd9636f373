"""Messages of Gemini Live as short as a test wants them, and codecs to read them."""

import base64
import json
from typing import Any

from providers import session as p
from providers.gemini.codec import GeminiCodec

CONFIG = p.SessionConfig("Answer for a dentist.", "Kore")
FRAME = base64.b64encode(bytes(800)).decode()
"""100 ms of caller audio."""


def fresh(config: p.SessionConfig = CONFIG) -> GeminiCodec:
    return GeminiCodec(config, api_key="secret-key")


def opened(config: p.SessionConfig = CONFIG) -> GeminiCodec:
    codec = fresh(config)
    assert list(codec.decode('{"setupComplete":{}}')) == [p.SessionOpened("", "gemini-3.8-live")]
    return codec


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def content(**fields: Any) -> str:
    return json.dumps({"serverContent": fields})


def sound(data: bytes = bytes(480), mime: str | None = "audio/pcm;rate=24000", **fields: Any) -> str:
    blob = {"data": b64(data)} | ({"mimeType": mime} if mime is not None else {})
    return content(modelTurn={"parts": [{"inlineData": blob}]}, **fields)


def activity(kind: str, **fields: Any) -> str:
    return json.dumps({"voiceActivity": {"type": kind, **fields}})


def kinds(events: Any) -> list[str]:
    return [type(event).__name__ for event in events]


START, STOP, DONE = activity("ACTIVITY_START"), activity("ACTIVITY_END"), content(turnComplete=True)
