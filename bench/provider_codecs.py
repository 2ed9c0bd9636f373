"""What an audio event costs in each provider's codec, beside the provider's own SDK, in microseconds.

In: a message with 100 ms of the agent's voice becomes what the call core takes, base64 of mu-law. Out: a 20
ms frame of the caller becomes a message. Sockets are left out on both sides: the SDKs get one that has its
message ready. What an SDK hands over is not the same everywhere: a typed event with base64 in it (openai), or
decoded bytes (google-genai, elevenlabs); so `_sdk_transcoded` adds our conversion to and from mu-law where
the wire is something else. An SDK that is not installed is not measured.
"""

import asyncio
import base64
import importlib
import json
import warnings
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.interleaved import Item, measure
from media import mulaw
from media.resample import Resampler
from providers.codec import Codec
from providers.elevenlabs.codec import ElevenLabsCodec
from providers.gemini.codec import GeminiCodec
from providers.openai.codec import OpenAICodec
from providers.session import SessionConfig

_CONFIG = SessionConfig("", "")
_NOISE = np.random.default_rng(21).normal(0, 3000, 2400).astype("<i2").tobytes()
_VOICE_24K, _VOICE = _NOISE, mulaw.encode(_NOISE[: 2 * 800])
_FRAME = _VOICE[:160]
_FRAME_16K = Resampler(8000, 16_000).push(mulaw.decode(_FRAME))


def run_provider_codecs() -> dict[str, float]:
    """Measure all codecs and what there is of SDKs, in one run.

    Returns:
        Microseconds per audio event: `{provider}_{in,out}`, with `_sdk` or `_sdk_transcoded` for the SDK's.
    """
    return asyncio.run(_measure())


async def _measure() -> dict[str, float]:  # some SDKs want a running loop around them
    return measure({**_openai(), **_gemini(), **_elevenlabs()})


def _openai() -> dict[str, Item]:
    ids = {"event_id": "event_1", "response_id": "resp_1", "item_id": "item_1"}
    place = {"output_index": 0, "content_index": 0}
    message = {"type": "response.output_audio.delta", **ids, **place, "delta": _base64(_VOICE)}
    items = _ours("openai", OpenAICodec(_CONFIG, api_key="k"), message)
    if sdk := _sdk("openai.resources.realtime.realtime"):
        connection = sdk.AsyncRealtimeConnection(_ReadySocket(message))
        frame = _base64(_FRAME)
        append = connection.input_audio_buffer.append
        items["openai_in_sdk"] = (_driven(connection.recv), 1)
        items["openai_out_sdk"] = (_driven(lambda: append(audio=frame)), 1)
    return items


def _gemini() -> dict[str, Item]:
    blob = {"mimeType": "audio/pcm;rate=24000", "data": _base64(_VOICE_24K)}
    message = {"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}}
    items = _ours("gemini", GeminiCodec(_CONFIG, api_key="k"), message)
    if sdk := _sdk("google.genai.live"):
        session = sdk.AsyncSession(SimpleNamespace(vertexai=False), _ReadySocket(message))
        receive = _driven(session._receive)  # what `receive` yields, without its end after each turn
        down, up = Resampler(24_000, 8000), Resampler(8000, 16_000)

        def send(pcm16: bytes) -> Coroutine[Any, Any, Any]:
            return session.send_realtime_input(audio={"data": pcm16, "mime_type": "audio/pcm;rate=16000"})  # type: ignore[no-any-return]

        items["gemini_in_sdk"] = (receive, 1)
        items["gemini_out_sdk"] = (_driven(lambda: send(_FRAME_16K)), 1)
        items["gemini_in_sdk_transcoded"] = (
            lambda: _base64(mulaw.encode(down.push(receive().data))),
            1,
        )
        items["gemini_out_sdk_transcoded"] = (
            _driven(lambda: send(up.push(mulaw.decode(base64.b64decode(_FRAME_TEXT))))),
            1,
        )
    return items


def _elevenlabs() -> dict[str, Item]:
    message = {"type": "audio", "audio_event": {"event_id": 1, "audio_base_64": _base64(_VOICE)}}
    items = _ours("elevenlabs", ElevenLabsCodec(_CONFIG, url="wss://x"), message)
    if sdk := _sdk("elevenlabs.conversational_ai.conversation"):
        conversation = sdk.AsyncConversation(
            None, "agent", requires_auth=False, audio_interface=_Sink(), client_tools=_Sink()
        )
        text = json.dumps(message)
        # The body of its receive loop, and of the callback its audio interface sends with.
        items["elevenlabs_in_sdk"] = (
            _driven(lambda: conversation._handle_message(json.loads(text), None)),
            1,
        )
        items["elevenlabs_out_sdk"] = (
            lambda: json.dumps({"user_audio_chunk": base64.b64encode(_FRAME).decode()}),
            1,
        )
    return items


def _ours(name: str, codec: Codec, message: dict[str, Any]) -> dict[str, Item]:
    text = json.dumps(message)
    return {
        f"{name}_in": (lambda: codec.decode(text), 1),
        f"{name}_out": (lambda: codec.encode_audio(_FRAME_TEXT), 1),
    }


def _sdk(module: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # elevenlabs names an old type of websockets
        try:
            return importlib.import_module(module)
        except ImportError:
            return None


class _ReadySocket:
    """A socket on which the same message is always ready, and that takes everything."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._data = json.dumps(message).encode()

    async def recv(self, decode: bool | None = None) -> bytes:  # noqa: ARG002
        return self._data

    async def send(self, data: str | bytes) -> None:
        """Take a message."""


class _Sink:
    """Takes an SDK's audio, and stands in for its tools."""

    def start(self) -> None:
        """Start no thread."""

    async def output(self, audio: bytes) -> None:
        """Take audio."""


def _driven(call: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], Any]:
    """Make a coroutine function that never waits an ordinary one."""

    def run() -> Any:
        coroutine = call()
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        coroutine.close()
        raise RuntimeError("the SDK waits for something")

    return run


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_FRAME_TEXT = _base64(_FRAME)
