"""The resampler's promises, measured: ripple, aliases, images, delay, and the same bits however it is cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import resample
from media.errors import MediaError
from media.resample import DELAY_MS, Resampler, low_pass
from tests.media.signals import noise, pcm16, rms, tone, wave

PAIRS = [(8000, 16_000), (8000, 24_000), (16_000, 8000), (24_000, 8000)]
UP, DOWN = PAIRS[:2], PAIRS[2:]
PASSED_HZ = [*range(50, 3400, 150), 3400]


def convert(from_hz: int, to_hz: int, data: bytes) -> bytes:
    resampler = Resampler(from_hz, to_hz)
    return resampler.push(data) + resampler.flush()


def steady(from_hz: int, to_hz: int, frequency_hz: float, amplitude: float = 30_000) -> np.ndarray:
    """The middle of a converted tone, where the filter is full: exactly one second, whole periods of it."""
    output = wave(convert(from_hz, to_hz, pcm16(tone(frequency_hz, from_hz, 1.1, amplitude))))
    return output[to_hz // 50 : to_hz // 50 + to_hz]


def db(ratio: float) -> float:
    return 20 * float(np.log10(max(ratio, 1e-9)))


# ---- quality, measured through the front door


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_ripple_to_3400_hz_is_within_a_twentieth_of_a_decibel(from_hz: int, to_hz: int) -> None:
    for frequency_hz in PASSED_HZ:
        spectrum = np.abs(np.fft.rfft(steady(from_hz, to_hz, frequency_hz))) * 2 / to_hz
        assert abs(db(spectrum[frequency_hz] / 30_000)) <= 0.05, frequency_hz


@pytest.mark.parametrize(("from_hz", "to_hz"), DOWN)
def test_aliases_are_64_db_down_from_4000_hz_on(from_hz: int, to_hz: int) -> None:
    reference = rms(tone(1000, 8000, 1))
    for frequency_hz in [*range(4000, 4400, 20), *range(4400, from_hz // 2, 170)]:
        assert db(rms(steady(from_hz, to_hz, frequency_hz)) / reference) <= -64, frequency_hz


@pytest.mark.parametrize(("from_hz", "to_hz"), UP)
def test_images_are_64_db_down(from_hz: int, to_hz: int) -> None:
    # A tone of f has its images at 8000 k - f and 8000 k + f.
    for frequency_hz in [*PASSED_HZ, 3900, 3990]:
        output = steady(from_hz, to_hz, frequency_hz)
        spectrum = np.abs(np.fft.rfft(output)) * 2 / to_hz
        assert db(spectrum[4000:].max() / 30_000) <= -64, frequency_hz
        assert db(np.sqrt((spectrum[4000:] ** 2).sum()) / 30_000) <= -60, frequency_hz


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_delay_is_exactly_what_is_said_at_every_frequency(from_hz: int, to_hz: int) -> None:
    assert DELAY_MS <= 3.5
    for frequency_hz in (100, 1000, 2500, 3300):
        output = steady(from_hz, to_hz, frequency_hz)
        phase = float(np.angle(np.fft.rfft(output)[frequency_hz]))
        # `steady` starts 20 ms into the output; a sine's own phase is -90 degrees.
        turns = (-np.pi / 2 - phase) / (2 * np.pi) + frequency_hz * 0.02
        error_ms = 1000 * ((turns - frequency_hz * DELAY_MS / 1000 + 0.5) % 1 - 0.5) / frequency_hz
        assert abs(error_ms) < 0.002, frequency_hz


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_an_impulse_comes_out_in_its_place(from_hz: int, to_hz: int) -> None:
    impulse = np.zeros(from_hz // 10)
    impulse[from_hz // 50] = 30_000  # at 20 ms
    output = wave(convert(from_hz, to_hz, pcm16(impulse)))
    assert int(np.argmax(output)) == round(to_hz * (0.020 + DELAY_MS / 1000))


@pytest.mark.parametrize("wide_hz", [16_000, 24_000])
def test_there_and_back_is_the_same_speech_52_samples_later(wide_hz: int) -> None:
    spectrum = np.fft.rfft(noise(8000, 1, 5000))
    spectrum[3400:] = 0  # what a phone line carries
    speech = np.fft.irfft(spectrum)
    back = wave(convert(wide_hz, 8000, convert(8000, wide_hz, pcm16(speech))))
    error = back[52 : 52 + 8000] - speech
    assert db(rms(error[200:-200]) / rms(speech)) < -45
    shifted = [rms(back[52 + d : 7052 + d] - speech[:7000]) for d in (-1, 0, 1)]
    assert shifted[1] < shifted[0]
    assert shifted[1] < shifted[2]


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
def test_the_filter_itself(rate_hz: int) -> None:
    taps = low_pass(rate_hz)
    assert (taps == taps[::-1]).all()  # linear phase: one delay for all
    assert (len(taps) - 1) / 2 / rate_hz * 1000 == DELAY_MS
    response = np.abs(np.fft.rfft(taps, 1 << 16))
    frequency_hz = np.fft.rfftfreq(1 << 16, 1 / rate_hz)
    assert np.abs(20 * np.log10(response[frequency_hz <= 3400])).max() <= 0.02
    assert db(response[frequency_hz >= 4000].max()) <= -64
    # Exactness: coefficients are whole multiples of 2^-24 and every sum of products stays below 2^53.
    scaled = taps * 2**resample.COEFFICIENT_BITS
    assert (scaled == np.rint(scaled)).all()
    assert np.abs(scaled).sum() * 3 * 32_768 < 2**53


# ---- behaviour


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2000), max_size=20), st.integers(0, 2**32 - 1))
def test_how_the_input_is_cut_changes_no_bit(from_hz: int, to_hz: int, sizes: list[int], seed: int) -> None:
    data = pcm16(noise(sum(sizes) // 2 + 1, seed, amplitude=20_000))[: sum(sizes)]
    resampler = Resampler(from_hz, to_hz)
    pieces: list[bytes] = []
    starts = [0, *itertools.accumulate(sizes)]
    for start, end in itertools.pairwise(starts):
        pieces.append(resampler.push(data[start:end]))
        assert sum(map(len, pieces)) == end // 2 * to_hz // from_hz * 2  # never waits for more than it must
    assert b"".join(pieces) + resampler.flush() == convert(from_hz, to_hz, data)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_like_the_textbook(from_hz: int, to_hz: int) -> None:
    # Zero-stuff, filter at the wide rate, pick: written down directly.
    samples = wave(pcm16(noise(3000, 3, 15_000)))
    wide_hz = max(from_hz, to_hz)
    stuffed = np.zeros(len(samples) * (wide_hz // from_hz))
    stuffed[:: wide_hz // from_hz] = samples * (wide_hz // from_hz)
    filtered = np.convolve(stuffed, low_pass(wide_hz))[:: wide_hz // to_hz]
    expected = np.clip(np.rint(filtered), -32768, 32767)
    output = wave(convert(from_hz, to_hz, pcm16(samples)))
    assert len(output) - len(expected) in (-2, -1, 0, 1, 2)
    common = min(len(output), len(expected))
    assert (output[:common] == expected[:common]).all()


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_long_input_is_like_its_frames(from_hz: int, to_hz: int) -> None:
    data = pcm16(noise(from_hz * 2, 5))
    frames = Resampler(from_hz, to_hz)
    step = from_hz // 50 * 2
    parts = [frames.push(data[start : start + step]) for start in range(0, len(data), step)]
    assert {len(part) for part in parts} == {to_hz // 50 * 2}
    assert b"".join(parts) == Resampler(from_hz, to_hz).push(data)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_overshoot_is_clipped_not_wrapped(from_hz: int, to_hz: int) -> None:
    square = np.where(np.arange(from_hz) // (from_hz // 400) % 2, 32767, -32768)
    output = wave(convert(from_hz, to_hz, pcm16(square)))
    middle = output[to_hz // 10 : -to_hz // 10]
    assert middle.max() == 32767
    assert middle.min() == -32768
    # A wrapped sample would have the sign of the other half-wave.
    half = wave(convert(from_hz, to_hz, pcm16(square * 0.5)))[to_hz // 10 : -to_hz // 10]
    assert (np.sign(middle) == np.sign(half)).all()


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_constant_stays_constant_and_silence_silent(from_hz: int, to_hz: int) -> None:
    assert not any(convert(from_hz, to_hz, bytes(4000)))
    output = wave(Resampler(from_hz, to_hz).push(pcm16(np.full(from_hz // 10, 12_345.0))))
    settled = output[to_hz // 100 :]
    assert np.abs(settled - 12_345).max() <= 12_345 * 10 ** (-64 / 20)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_flush_gives_the_tail_and_begins_anew(from_hz: int, to_hz: int) -> None:
    data = pcm16(noise(from_hz // 10, 9))
    resampler = Resampler(from_hz, to_hz)
    first = resampler.push(data + b"\x01") + resampler.flush()  # half a sample is dropped
    assert len(first) == len(data) * to_hz // from_hz + 2 * round(2 * DELAY_MS * to_hz / 1000)
    assert resampler.push(data) + resampler.flush() == first
    assert not any(resampler.push(bytes(from_hz // 10)))


def test_streams_do_not_share_state() -> None:
    one, other = Resampler(24_000, 8000), Resampler(24_000, 8000)
    data = pcm16(noise(4800, 2))
    one.push(data)
    assert other.push(data) == Resampler(24_000, 8000).push(data)


@pytest.mark.parametrize(
    "rates", [(8000, 8000), (8000, 48_000), (16_000, 24_000), (0, 8000), (8000, -16_000)]
)
def test_rates_we_do_not_convert(rates: tuple[int, int]) -> None:
    with pytest.raises(MediaError):
        Resampler(*rates)
