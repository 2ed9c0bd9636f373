"""Soft tones, for moments when the line must not be silent."""

from collections.abc import Sequence

import numpy as np

from media.errors import MediaError
from media.mulaw import SAMPLE_RATE_HZ, encode

LEVEL = 0.05
"""Peak amplitude relative to full scale, -26 dBFS: audible and never startling."""


def soft_tones(pitches_hz: Sequence[float], *, each_ms: int, gap_ms: int) -> bytes:
    """Make tones that follow each other, each fading in and out.

    Args:
        pitches_hz: One sine each, 300 to 3400.
        each_ms: Length of a tone, > 0.
        gap_ms: Silence behind each but the last.

    Returns:
        8 kHz mu-law.

    Raises:
        MediaError: A pitch no telephone carries, or no length.
    """
    if each_ms <= 0 or gap_ms < 0 or not all(300 <= pitch <= 3400 for pitch in pitches_hz):
        raise MediaError("tones need a length and pitches of 300 to 3400 Hz")
    samples = each_ms * SAMPLE_RATE_HZ // 1000
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    envelope = np.sin(np.pi * np.arange(samples) / samples) ** 2
    gap = np.zeros(gap_ms * SAMPLE_RATE_HZ // 1000)
    parts: list[np.ndarray] = []
    for pitch in pitches_hz:
        parts += [gap] if parts else []
        parts.append(LEVEL * envelope * np.sin(2 * np.pi * pitch * time_s))
    sound = np.concatenate(parts) if parts else gap
    return encode(np.rint(sound * 32767).astype("<i2").tobytes())
