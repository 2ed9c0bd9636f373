"""Made-up sounds: loud enough to be heard, different enough to be told apart."""

import numpy as np

from bench.scenarios.clip import Clip
from bench.sound import mulaw


def tone(duration_ms: int, hz: float = 440.0, amplitude: int = 8000) -> bytes:
    """Return a mu-law sine."""
    time = np.arange(duration_ms * mulaw.BYTES_PER_MS) / mulaw.SAMPLE_RATE_HZ
    return mulaw.encode((amplitude * np.sin(2 * np.pi * hz * time)).astype(np.int16))


def noise(duration_ms: int, seed: int = 1, amplitude: int = 6000) -> bytes:
    """Return mu-law noise that no other seed resembles."""
    source = np.random.default_rng(seed)
    samples = source.integers(-amplitude, amplitude, duration_ms * mulaw.BYTES_PER_MS)
    return mulaw.encode(samples.astype(np.int16))


def clip(duration_ms: int, seed: int = 1, text: str = "words") -> Clip:
    """Return a clip of noise."""
    return Clip(f"noise-{seed}", text, noise(duration_ms, seed))
