"""Soft tones: as long, as high and as quiet as asked for, fading in and out."""

import numpy as np
import pytest

from media.energy import level_dbfs
from media.errors import MediaError
from media.mulaw import SAMPLE_RATE_HZ, decode
from media.tones import soft_tones


def samples(sound: bytes) -> np.ndarray:
    return np.frombuffer(decode(sound), "<i2").astype(float)


def test_tones_and_gaps_are_as_long_as_asked_for() -> None:
    assert len(soft_tones((440.0, 550.0), each_ms=160, gap_ms=80)) == (160 + 80 + 160) * 8
    assert soft_tones((), each_ms=160, gap_ms=20) == b"\xff" * 160


@pytest.mark.parametrize("pitch_hz", [300.0, 440.0, 3400.0])
def test_a_tone_has_its_pitch(pitch_hz: float) -> None:
    wave = samples(soft_tones((pitch_hz,), each_ms=500, gap_ms=0))
    strongest = np.argmax(np.abs(np.fft.rfft(wave))) * SAMPLE_RATE_HZ / len(wave)
    assert strongest == pytest.approx(pitch_hz, abs=4)


def test_a_tone_is_soft_and_begins_and_ends_with_silence() -> None:
    sound = soft_tones((440.0,), each_ms=200, gap_ms=0)
    assert -45 < level_dbfs(sound) < -26
    assert np.abs(samples(sound)).max() <= 0.05 * 32768 * 1.05
    assert np.abs(samples(sound)[[0, 1, -2, -1]]).max() < 20


def test_the_gap_is_silent() -> None:
    sound = soft_tones((440.0, 550.0), each_ms=100, gap_ms=50)
    assert set(sound[100 * 8 : 150 * 8]) <= {0xFF, 0x7F}


@pytest.mark.parametrize(
    ("pitch_hz", "each_ms", "gap_ms"), [(299.0, 100, 0), (3401.0, 100, 0), (440.0, 0, 0), (440.0, 100, -1)]
)
def test_what_a_telephone_does_not_carry_is_refused(pitch_hz: float, each_ms: int, gap_ms: int) -> None:
    with pytest.raises(MediaError):
        soft_tones((pitch_hz,), each_ms=each_ms, gap_ms=gap_ms)
