"""The telephone's sample format: 8 kHz mu-law, one byte per sample.

The codec is the standard library's (`audioop`, or its continuation `audioop-lts` from Python 3.13 on): it is
the fastest there is for frames of 20 ms, see docs/decisions/0002-own-resampler.md for figures.

Source: ITU-T G.711 (11/1988), mu-law; Twilio Media Streams, `mediaFormat` (`audio/x-mulaw`, 8000, 1 channel).
"""

import warnings

from media.errors import MediaError

with warnings.catch_warnings():
    # Python 3.11 and 3.12 announce that audioop leaves the standard library; audioop-lts takes over in 3.13.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SAMPLE_RATE_HZ = 8000
"""Samples, and so bytes, per second."""
BYTES_PER_MS = 8
"""Bytes of mu-law per millisecond."""
FRAME_MS = 20
"""Duration of one frame, the unit the carrier sends."""
FRAME_BYTES = 160
"""Size of one frame."""
SILENCE = 0xFF
"""The byte for a sample of zero."""


def decode(mulaw: bytes) -> bytes:
    """Expand mu-law to linear samples.

    Args:
        mulaw: any number of mu-law bytes.

    Returns:
        16-bit little-endian samples, two bytes for each byte given.
    """
    return audioop.ulaw2lin(mulaw, 2)


def encode(pcm16: bytes) -> bytes:
    """Compress linear samples to mu-law.

    Args:
        pcm16: 16-bit little-endian samples at 8 kHz.

    Returns:
        One mu-law byte for each sample.

    Raises:
        MediaError: half a sample at the end.
    """
    if len(pcm16) % 2:
        raise MediaError(f"{len(pcm16)} bytes are not a whole number of 16-bit samples")
    return audioop.lin2ulaw(pcm16, 2)


def rms(pcm16: bytes) -> int:
    """Root mean square of linear samples.

    Args:
        pcm16: 16-bit little-endian samples, a whole number of them.

    Returns:
        0 (silence, or nothing given) to 32768.
    """
    return audioop.rms(pcm16, 2)
