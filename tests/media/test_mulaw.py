"""The mu-law codec against the standard's own formula."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import mulaw
from media.errors import MediaError


def expand(code: int) -> int:
    """G.711 mu-law expansion, written from the standard rather than taken from a library."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def test_every_code_expands_as_the_standard_says() -> None:
    pcm16 = mulaw.decode(bytes(range(256)))
    samples = [int.from_bytes(pcm16[i : i + 2], "little", signed=True) for i in range(0, 512, 2)]
    assert samples == [expand(code) for code in range(256)]


def test_every_code_survives_the_round_trip() -> None:
    # 0x7F is negative zero; it comes back as positive zero.
    codes = bytes(code for code in range(256) if code != 0x7F)
    assert mulaw.encode(mulaw.decode(codes)) == codes
    assert mulaw.encode(mulaw.decode(b"\x7f")) == b"\xff"


def test_silence_is_zero() -> None:
    assert mulaw.decode(bytes([mulaw.SILENCE])) == b"\x00\x00"


@given(st.lists(st.integers(-32768, 32767), max_size=400))
def test_encoding_is_within_half_a_step(samples: list[int]) -> None:
    pcm16 = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    codes = mulaw.encode(pcm16)
    assert len(codes) == len(samples)
    for sample, code in zip(samples, codes, strict=True):
        step = 8 << (~code >> 4 & 7)
        clipped = max(-32124, min(32124, sample))
        assert abs(expand(code) - clipped) <= step


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(MediaError, match="3 bytes"):
        mulaw.encode(b"\x00\x00\x00")


def test_rms_of_a_square_wave_is_its_amplitude() -> None:
    assert (
        mulaw.rms((1000).to_bytes(2, "little") * 80 + (-1000).to_bytes(2, "little", signed=True) * 80) == 1000
    )
    assert mulaw.rms(b"") == 0


def test_sizes_agree() -> None:
    assert mulaw.FRAME_BYTES == mulaw.FRAME_MS * mulaw.BYTES_PER_MS
    assert mulaw.SAMPLE_RATE_HZ == 1000 * mulaw.BYTES_PER_MS
    assert math.gcd(mulaw.FRAME_BYTES, 3) == 1


def test_importing_warns_nobody_and_silences_nobody_else() -> None:
    # With every warning an error the import works; afterwards the same category still warns.
    code = (
        "import warnings; before = warnings.filters[:]\n"
        "import media.mulaw; assert before == warnings.filters\n"
        "try: warnings.warn('x', DeprecationWarning)\n"
        "except DeprecationWarning: print('still an error')"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "still an error"
