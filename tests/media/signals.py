"""Sounds made for tests: tones, noise, mu-law of a level."""

import numpy as np
import numpy.typing as npt

from media import mulaw

Wave = npt.NDArray[np.float64]


def tone(frequency_hz: float, rate_hz: int, duration_s: float, amplitude: float = 30_000) -> Wave:
    """A sine of full samples, starting at phase zero."""
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * rate_hz)) / rate_hz)


def noise(samples: int, seed: int, amplitude: float = 8000) -> Wave:
    """Gaussian noise, the same for the same seed."""
    return np.random.default_rng(seed).normal(0, amplitude, samples)


def pcm16(wave: Wave) -> bytes:
    """Samples as 16-bit little-endian bytes, clipped."""
    return np.clip(np.rint(wave), -32768, 32767).astype("<i2").tobytes()


def wave(data: bytes) -> Wave:
    """16-bit little-endian bytes as samples."""
    return np.frombuffer(data, "<i2").astype(np.float64)


def mulaw_tone(duration_ms: int, amplitude: float = 8000, frequency_hz: float = 400) -> bytes:
    """A tone as the telephone carries it."""
    return mulaw.encode(pcm16(tone(frequency_hz, 8000, duration_ms / 1000, amplitude)))


def rms(values: Wave) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values * values)))
