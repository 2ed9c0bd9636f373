"""Audio in the formats of the wire, to and from the mu-law the simulators think in.

Linear interpolation: will do to listen to and to hear whether somebody speaks.
"""

import numpy as np

from bench.sound import mulaw

SAMPLE_RATES_HZ = {
    "ulaw_8000": 8000,
    "pcm_8000": 8000,
    "pcm_16000": 16_000,
    "pcm_22050": 22_050,
    "pcm_24000": 24_000,
    "pcm_44100": 44_100,
    "pcm_48000": 48_000,
}
"""Every audio format and its rate; `pcm` is 16 bit, little-endian, mono."""

_MULAW = "ulaw_8000"


class Resampler:
    """Changes the rate of one stream, piece by piece; no sample is lost between pieces.

    Args:
        from_hz: rate of what is fed.
        to_hz: rate of what comes out.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz = from_hz
        self._to_hz = to_hz
        self._taken = 0
        self._given = 0

    def feed(self, samples: mulaw.Pcm) -> mulaw.Pcm:
        """Take the next samples and return those that follow from them."""
        if self._from_hz == self._to_hz or not len(samples):
            return samples
        first = self._taken
        self._taken += len(samples)
        upto = -(-self._taken * self._to_hz // self._from_hz)
        # Behind a piece's last sample, where the next one is not known yet, the last one holds.
        positions = np.arange(self._given, upto) * self._from_hz / self._to_hz - first
        self._given = upto
        return np.round(np.interp(positions, np.arange(len(samples)), samples)).astype(np.int16)


class SoundReader:
    """Turns received audio into mu-law.

    Args:
        audio_format: one of `SAMPLE_RATES_HZ`.
    """

    def __init__(self, audio_format: str) -> None:
        self._is_mulaw = audio_format == _MULAW
        self._resampler = Resampler(SAMPLE_RATES_HZ[audio_format], mulaw.SAMPLE_RATE_HZ)
        self._odd_byte = b""

    def read(self, data: bytes) -> bytes:
        """Return the mu-law of the next bytes; a sample cut in two waits for its other half."""
        if self._is_mulaw:
            return data
        data = self._odd_byte + data
        whole = len(data) // 2 * 2
        self._odd_byte = data[whole:]
        samples = np.frombuffer(data[:whole], dtype="<i2").astype(np.int16)
        return mulaw.encode(self._resampler.feed(samples))


class SoundWriter:
    """Turns mu-law into audio to be sent.

    Args:
        audio_format: one of `SAMPLE_RATES_HZ`.
    """

    def __init__(self, audio_format: str) -> None:
        self._is_mulaw = audio_format == _MULAW
        self._resampler = Resampler(mulaw.SAMPLE_RATE_HZ, SAMPLE_RATES_HZ[audio_format])

    def write(self, sound: bytes) -> bytes:
        """Return the next mu-law in the format."""
        if self._is_mulaw:
            return sound
        return self._resampler.feed(mulaw.decode(sound)).astype("<i2").tobytes()
