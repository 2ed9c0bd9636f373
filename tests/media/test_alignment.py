"""Finding a sound inside another, to the sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import mulaw
from media.alignment import find
from media.errors import MediaError
from tests.media.signals import noise, pcm16, wave


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 2**32 - 1))
def test_a_piece_is_found_where_it_was_cut(length: int, before: int, after: int, seed: int) -> None:
    haystack = pcm16(noise(before + length + 40 + after, seed))
    needle = haystack[2 * before : 2 * (before + length + 40)]
    match = find(needle, haystack)
    assert match.offset_samples == before
    assert match.similarity == pytest.approx(1)


def test_level_and_phone_codec_do_not_matter_but_polarity_does() -> None:
    speech = noise(8000, 1) * np.sin(np.arange(8000) / 500) ** 2
    around = np.concatenate((noise(3000, 2, 50), speech * 0.3, noise(9000, 3, 50)))
    heard = mulaw.decode(mulaw.encode(pcm16(around)))
    match = find(pcm16(speech), heard)
    assert match.offset_samples == 3000
    assert match.similarity > 0.99
    assert find(pcm16(-speech), heard).similarity < 0.2


def test_something_else_is_not_similar() -> None:
    assert find(pcm16(noise(4000, 4)), pcm16(noise(40_000, 5))).similarity < 0.15


def test_digital_silence_around_does_not_win() -> None:
    needle = noise(800, 6)
    haystack = np.concatenate((np.zeros(5000), np.ones(2000), needle, np.zeros(5000)))
    match = find(pcm16(needle), pcm16(haystack))
    assert match.offset_samples == 7000
    assert find(pcm16(needle), bytes(20_000)).similarity == 0


def test_one_sample_off_is_seen() -> None:
    needle = wave(pcm16(noise(4000, 7)))
    haystack = np.concatenate((np.zeros(101), needle, np.zeros(50)))
    assert find(pcm16(needle), pcm16(haystack)).offset_samples == 101


@pytest.mark.parametrize(
    ("needle", "haystack"),
    [
        (b"", b"\1\2" * 10),
        (bytes(20), b"\1\2" * 10),
        (b"\1\2" * 11, b"\1\2" * 10),
        (b"\1", b"\1\2"),
        (b"\1\2", b"\1\2\3"),
    ],
)
def test_what_cannot_be_searched(needle: bytes, haystack: bytes) -> None:
    with pytest.raises(MediaError):
        find(needle, haystack)
