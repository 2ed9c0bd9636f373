"""OpenAI Realtime as far as load needs it.

Source: OpenAI Realtime GA, server and client events, read 2026-11; `bench.simulators.openai` is the thorough
reading.
"""

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from bench.load.frames import SpeechFrames
from bench.load.wire import Reaction, Stamp

_APPEND = '{"type":"input_audio_buffer.append"'
_SESSION: dict[str, Any] = {"id": "sess_bench", "type": "realtime", "model": "bench"}
_AUDIO_MARK = '"audio":"'
_DELTA = (
    '{"type":"response.output_audio.delta","event_id":"event_%d","response_id":"resp_%d",'
    '"item_id":"item_%d","output_index":0,"content_index":0,"delta":"%s"}'
)


class OpenAIWire:
    """Sessions that answer the first `response.create`.

    Args:
        sound: what callers and agents say, mu-law.
    """

    socket_path = "/v1/realtime"

    def __init__(self, sound: bytes) -> None:
        self.frames = SpeechFrames(sound)

    def add_to(self, app: web.Application) -> None:
        """See `ProviderWire`: nothing beside the socket."""

    def opening(self) -> Sequence[str]:
        """See `ProviderWire`."""
        return (_event("session.created", session=_SESSION),)

    def heard(self, text: str) -> Sequence[Stamp] | None:
        """See `ProviderWire`."""
        if not text.startswith(_APPEND):
            return None
        return (self.frames.read_one(text, text.index(_AUDIO_MARK) + len(_AUDIO_MARK)),)

    def react(self, number: int, text: str) -> Reaction:
        """See `ProviderWire`."""
        event = json.loads(text)
        match event["type"]:
            case "session.update":
                updated = _event("session.updated", session=_SESSION | event["session"])
                return Reaction((updated,))
            case "response.create":
                return Reaction(_begun(number), speaks=True)
            case kind:
                return Reaction(unexpected=kind)

    def speech(self, number: int, frame: int) -> str:
        """See `ProviderWire`."""
        return _DELTA % (frame, number, number, self.frames.payload(number, frame))


def _begun(number: int) -> tuple[str, str]:
    item = {"id": f"item_{number}", "type": "message", "role": "assistant", "status": "in_progress"}
    return (
        _event("response.created", response={"id": f"resp_{number}", "status": "in_progress"}),
        _event("conversation.item.added", item=item, previous_item_id=None),
    )


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "event_id": "event_x", **fields})
