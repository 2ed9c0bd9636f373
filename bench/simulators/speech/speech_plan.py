"""Cuts a clip into the audio chunks and transcript words a response sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from bench.sound import mulaw


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of audio and the words that go out just before it.

    Args:
        sound: mu-law, 8 kHz.
        duration_ms: how long it plays.
        words: pieces of the transcript; the model writes a little ahead of its voice.
    """

    sound: bytes
    duration_ms: float
    words: tuple[str, ...]


def plan_speech(text: str, sound: bytes, sizes: Sequence[int]) -> list[Chunk]:
    """Return the pieces of a clip.

    Args:
        text: the words spoken.
        sound: mu-law, 8 kHz.
        sizes: of the pieces in mu-law bytes, used in turn.
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
        chunks.append(Chunk(piece, len(piece) / mulaw.BYTES_PER_MS, tuple(words[sent:upto])))
        sent = upto
    return chunks


def split_words(text: str, pieces: int) -> list[str]:
    """Return a text cut between words into at most so many pieces, which joined give it again."""
    words = text.split(" ") if text else []
    size = max(1, -(-len(words) // max(1, pieces)))
    groups = [" ".join(words[i : i + size]) for i in range(0, len(words), size)]
    return [group if index == 0 else f" {group}" for index, group in enumerate(groups)]
