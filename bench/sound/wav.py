"""WAV files in and out: mono 8 kHz, mu-law or 16-bit PCM in; either out.

The standard library's `wave` refuses mu-law, so the few RIFF chunks needed are read here.

Source: Microsoft "Multiple channel audio data and WAVE files"; RFC 2361 (format tags 1 and 7).
"""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.sound import mulaw
from bench.sound.errors import AudioFileError

_PCM = 1
_MULAW = 7
_MAX_BYTES = 64 * 1024 * 1024


class _Format(NamedTuple):
    tag: int
    channels: int
    rate_hz: int
    bits: int


def read_file(path: Path) -> bytes:
    """Return the sound in a WAV file as mu-law, 8 kHz mono.

    Args:
        path: a WAV file of one channel at 8 kHz, mu-law or 16-bit PCM, at most 64 MiB.

    Raises:
        AudioFileError: the file is missing, too large, or not such a WAV.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise AudioFileError(f"{path}: larger than {_MAX_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise AudioFileError(f"{path}: {error.strerror or error}") from error
    return read_bytes(data, str(path))


def read_bytes(data: bytes, name: str) -> bytes:
    """Return the sound in the bytes of a WAV file as mu-law, 8 kHz mono; `name` is for the error message.

    Raises:
        AudioFileError: not a WAV of one channel at 8 kHz, mu-law or 16-bit PCM.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise AudioFileError(f"{name}: not a WAV file")
    chunks = _chunks(data)
    if b"fmt " not in chunks or b"data" not in chunks or len(chunks[b"fmt "]) < 16:
        raise AudioFileError(f"{name}: a WAV file without a format or without data")
    tag, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    found = _Format(tag, channels, rate_hz, bits)
    sound = chunks[b"data"]
    match found:
        case _Format(tag=7, channels=1, rate_hz=8000):
            return sound
        case _Format(tag=1, channels=1, rate_hz=8000, bits=16):
            return mulaw.encode(np.frombuffer(sound[: len(sound) // 2 * 2], dtype="<i2"))
        case _:
            raise AudioFileError(
                f"{name}: expected 8000 Hz mono mu-law or 16-bit PCM, "
                f"found format {tag}, {channels} channel(s), {rate_hz} Hz, {bits} bits"
            )


def _chunks(data: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        chunks.setdefault(name, data[position + 8 : position + 8 + size])
        position += 8 + size + (size & 1)
    return chunks


def mulaw_file(sound: bytes) -> bytes:
    """Return the bytes of a mono mu-law WAV file."""
    header = struct.pack("<HHIIHHH", _MULAW, 1, mulaw.SAMPLE_RATE_HZ, mulaw.SAMPLE_RATE_HZ, 1, 8, 0)
    fact = struct.pack("<I", len(sound))
    return _riff((b"fmt ", header), (b"fact", fact), (b"data", sound))


def pcm_file(channels: list[bytes]) -> bytes:
    """Return the bytes of a 16-bit PCM WAV file.

    Args:
        channels: mu-law sound, one entry per channel; shorter ones are padded with silence.
    """
    samples = max((len(channel) for channel in channels), default=0)
    frames = np.zeros((samples, len(channels)), dtype="<i2")
    for index, channel in enumerate(channels):
        frames[: len(channel), index] = mulaw.decode(channel)
    step = 2 * len(channels)
    header = struct.pack(
        "<HHIIHH", _PCM, len(channels), mulaw.SAMPLE_RATE_HZ, mulaw.SAMPLE_RATE_HZ * step, step, 16
    )
    return _riff((b"fmt ", header), (b"data", frames.tobytes()))


def _riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WAVE"
    for name, content in chunks:
        body += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body
