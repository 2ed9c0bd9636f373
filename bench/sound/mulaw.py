"""G.711 mu-law as numbers: tables, levels, and the two sample-rate changes a simulator needs.

The tables are built from the definition (sign, three-bit exponent, four-bit mantissa, bias 132) rather than
taken from a library.

Source: ITU-T G.711 (11/88), tables 2a and 2b.
"""

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 8000
BYTES_PER_MS = 8
FRAME_MS = 20
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
SILENCE_BYTE = 0xFF
PCM24_PER_SAMPLE = 3

_BIAS = 0x84
_CLIP = 32635

Pcm = npt.NDArray[np.int16]


def _build_decode_table() -> Pcm:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent = (code >> 4) & 0x07
    magnitude = (((code & 0x0F) << 3) + _BIAS << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _build_encode_table() -> npt.NDArray[np.uint8]:
    sample = np.arange(65536, dtype=np.int32)
    sample = np.where(sample >= 32768, sample - 65536, sample)
    magnitude = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    table: npt.NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return table


_DECODE = _build_decode_table()
_ENCODE = _build_encode_table()


def decode(mulaw: bytes) -> Pcm:
    """Return the 16-bit samples of mu-law bytes.

    Args:
        mulaw: any number of mu-law bytes, one sample each.
    """
    return _DECODE[np.frombuffer(mulaw, dtype=np.uint8)]


def encode(pcm: Pcm) -> bytes:
    """Return the mu-law bytes of 16-bit samples (loud samples are clipped as G.711 says)."""
    return _ENCODE[pcm.astype(np.int16, copy=False).view(np.uint16)].tobytes()


def silence(duration_ms: int) -> bytes:
    """Return mu-law silence of `duration_ms` milliseconds."""
    return bytes([SILENCE_BYTE]) * (duration_ms * BYTES_PER_MS)


def level(mulaw: bytes) -> float:
    """Return the root mean square of the samples, 0 (silence) to 32767; 0 for no samples."""
    if not mulaw:
        return 0.0
    samples = decode(mulaw).astype(np.float64)
    return float(np.sqrt(np.mean(samples * samples)))


def window_levels(mulaw: bytes, window_bytes: int) -> npt.NDArray[np.float64]:
    """Return the level of each window of `window_bytes`; a shorter last window counts as its own."""
    samples = decode(mulaw).astype(np.float64)
    windows = -(-len(samples) // window_bytes)
    padded = np.zeros(windows * window_bytes)
    padded[: len(samples)] = samples * samples
    levels: npt.NDArray[np.float64] = np.sqrt(padded.reshape(windows, window_bytes).mean(axis=1))
    return levels


def to_pcm24k(mulaw: bytes) -> bytes:
    """Return the sound as little-endian 16-bit PCM at 24 kHz (linear interpolation: will do to listen to)."""
    samples = decode(mulaw).astype(np.float64)
    if not len(samples):
        return b""
    positions = np.arange(len(samples) * PCM24_PER_SAMPLE) / PCM24_PER_SAMPLE
    stretched = np.interp(positions, np.arange(len(samples)), samples)
    return np.round(stretched).astype("<i2").tobytes()


def from_pcm24k(pcm: bytes) -> bytes:
    """Return 24 kHz little-endian PCM as mu-law: the mean of every three samples (a remainder is dropped)."""
    samples = np.frombuffer(pcm[: len(pcm) // 6 * 6], dtype="<i2").astype(np.float64)
    return encode(np.round(samples.reshape(-1, PCM24_PER_SAMPLE).mean(axis=1)).astype(np.int16))
