"""The serverContents that carry one chunk of the model's speech.

The service puts sound and transcript into one message or into two, in either order, and may put several parts
into one message. Which it is goes round in a fixed order here, so that a client meets every arrangement.

Source: google-genai 3.4.0, `LiveServerContent` ("The transcription is independent to the model turn which
means it doesn't imply any ordering"), read 2026-11.
"""

import base64
from typing import Any

from bench.simulators.speech.speech_plan import Chunk
from bench.sound import mulaw

Json = dict[str, Any]

_MIME = "audio/pcm;rate=24000"


def audio_contents(chunk: Chunk, index: int, transcribed: bool) -> list[Json]:
    """Return the serverContents of a chunk, in order.

    Args:
        chunk: sound and the words that belong to it.
        index: counts the chunks of a response; decides the arrangement.
        transcribed: whether the words are sent.
    """
    words = "".join(chunk.words)
    sound: Json = {"modelTurn": {"role": "model", "parts": _parts(chunk.sound, split=index % 4 == 3)}}
    if not transcribed or not words:
        return [sound]
    written: Json = {"outputTranscription": {"text": words}}
    match index % 3:
        case 0:
            return [{**sound, **written}]
        case 1:
            return [written, sound]
        case _:
            return [sound, written]


def text_content(words: str, thought: bool = False) -> Json:
    """Return the serverContent of some written words."""
    part: Json = {"text": words, "thought": True} if thought else {"text": words}
    return {"modelTurn": {"role": "model", "parts": [part]}}


def _parts(sound: bytes, split: bool) -> list[Json]:
    half = len(sound) // 2 if split else 0
    pieces = [piece for piece in (sound[:half], sound[half:]) if piece]
    return [{"inlineData": {"mimeType": _MIME, "data": _pcm(piece)}} for piece in pieces]


def _pcm(sound: bytes) -> str:
    return base64.b64encode(mulaw.to_pcm24k(sound)).decode()
