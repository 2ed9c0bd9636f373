"""Cuts a clip into the audio deltas and transcript words a response sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from bench.sound import mulaw


@dataclass(frozen=True, slots=True)
class Chunk:
    """One audio delta and the words that go out just before it.

    Args:
        sound: in the session's output format.
        duration_ms: how long it plays.
        words: pieces of the transcript; the model writes a little ahead of its voice.
    """

    sound: bytes
    duration_ms: float
    words: tuple[str, ...]


def plan_speech(text: str, sound: bytes, sizes: Sequence[int], output_format: dict[str, Any]) -> list[Chunk]:
    """Return the deltas of a clip.

    Args:
        text: the words spoken.
        sound: mu-law, 8 kHz.
        sizes: delta sizes in mu-law bytes, used in turn.
        output_format: the session's `audio.output.format`; `audio/pcm` is made 24 kHz, 16 bit.
    """
    pieces: list[bytes] = []
    position = 0
    for size in cycle(sizes):
        if position >= len(sound):
            break
        pieces.append(sound[position : position + size])
        position += size
    spaced = text.split(" ")
    words = [word if index == 0 else f" {word}" for index, word in enumerate(spaced)] if text else []
    chunks = []
    sent = 0
    for index, piece in enumerate(pieces):
        upto = len(words) if index == len(pieces) - 1 else -(-len(words) * (index + 1) // len(pieces))
        payload = mulaw.to_pcm24k(piece) if output_format["type"] == "audio/pcm" else piece
        chunks.append(Chunk(payload, len(piece) / mulaw.BYTES_PER_MS, tuple(words[sent:upto])))
        sent = upto
    return chunks
