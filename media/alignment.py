"""Finding one piece of sound inside another, to the sample: was what was spoken recorded, and where."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from media.errors import MediaError

QUIET_SHARE = 1e-4
"""Stretches with less than this share of the needle's energy match nothing: dividing by them is noise."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where the needle fits best.

    Args:
        offset_samples: index in the haystack of the needle's first sample.
        similarity: normalised correlation there, -1 to 1; 1 is the same sound at whatever level.
    """

    offset_samples: int
    similarity: float


def find(needle_pcm16: bytes, haystack_pcm16: bytes) -> Match:
    """Find the place where the haystack sounds most like the needle.

    Args:
        needle_pcm16: 16-bit little-endian samples, not silent.
        haystack_pcm16: samples at the same rate, at least as many.

    Returns:
        The best place, whatever its similarity: judge that yourself.

    Raises:
        MediaError: half a sample, a silent needle, or one longer than the haystack.
    """
    needle, haystack = _samples(needle_pcm16), _samples(haystack_pcm16)
    if len(needle) > len(haystack):
        raise MediaError(f"a needle of {len(needle)} samples in a haystack of {len(haystack)}")
    energy = float(needle @ needle)
    if not energy:
        raise MediaError("a silent needle is found everywhere")
    size = 1 << (len(haystack) - 1).bit_length()
    spectrum = np.fft.rfft(haystack, size) * np.conj(np.fft.rfft(needle, size))
    # Only full overlaps: circular wrap-around does not reach them.
    correlation = np.fft.irfft(spectrum, size)[: len(haystack) - len(needle) + 1]
    running = np.concatenate(([0.0], np.cumsum(haystack * haystack)))
    local = running[len(needle) :] - running[: len(running) - len(needle)]
    quiet = local < energy * QUIET_SHARE
    similarity = np.where(quiet, 0.0, correlation / np.sqrt(energy * np.where(quiet, 1.0, local)))
    best = int(np.argmax(similarity))
    return Match(best, float(similarity[best]))


def _samples(pcm16: bytes) -> npt.NDArray[np.float64]:
    if len(pcm16) % 2:
        raise MediaError(f"{len(pcm16)} bytes are not a whole number of 16-bit samples")
    return np.frombuffer(pcm16, "<i2").astype(np.float64)
