"""Gemini Live as far as load needs it: linear samples, 16 kHz in and 24 kHz out.

Source: Gemini API reference, "Live API - WebSockets API reference", read 2026-11; `bench.simulators.gemini`
is the thorough reading.
"""

import json
from collections.abc import Sequence

from aiohttp import web

from bench.load.shaped_frames import ShapedFrames
from bench.load.wire import Reaction, Stamp

_AUDIO = '{"realtimeInput":{"audio":{"data":"'
_SPEECH = (
    '{"serverContent":{"modelTurn":{"role":"model","parts":[{"inlineData":'
    '{"mimeType":"audio/pcm;rate=24000","data":"%s"}}]}}}'
)


class GeminiWire:
    """Sessions that answer the first text.

    Args:
        sound: what callers and agents say, mu-law.
    """

    socket_path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"

    def __init__(self, sound: bytes) -> None:
        self.frames = ShapedFrames(sound)

    def add_to(self, app: web.Application) -> None:
        """See `ProviderWire`: nothing beside the socket."""

    def opening(self) -> Sequence[str]:
        """See `ProviderWire`: the client speaks first."""
        return ()

    def heard(self, text: str) -> Sequence[Stamp] | None:
        """See `ProviderWire`."""
        if not text.startswith(_AUDIO):
            return None
        return self.frames.read_pcm16k(text[len(_AUDIO) : text.index('"', len(_AUDIO))])

    def react(self, number: int, text: str) -> Reaction:
        """See `ProviderWire`."""
        message = json.loads(text)
        match message:
            case {"setup": _}:
                return Reaction((json.dumps({"setupComplete": {"sessionId": f"sess_{number}"}}),))
            case {"realtimeInput": {"text": _}}:
                return Reaction(speaks=True)
            case _:
                return Reaction(unexpected=",".join(message))

    def speech(self, number: int, frame: int) -> str:
        """See `ProviderWire`."""
        return _SPEECH % self.frames.payload_pcm24k(number, frame)
