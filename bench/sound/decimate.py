"""Linear sound at 8, 16 or 24 kHz made into telephone sound.

Every output sample is the mean of the input samples it stands for. That is a poor filter for music but no
sound is lost, added or moved: what is heard at a moment of the input is heard at that moment of the output.
"""

import numpy as np

from bench.sound import mulaw

RATES_HZ = (8000, 16_000, 24_000)


class Decimator:
    """Makes one stream of 16-bit samples into mu-law; samples that do not fill an output sample yet are kept.

    Args:
        rate_hz: of the input; one of `RATES_HZ`.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._factor = rate_hz // mulaw.SAMPLE_RATE_HZ
        self._rest = np.empty(0, dtype="<i2")

    def feed(self, pcm: bytes) -> bytes:
        """Return the mu-law of some more sound.

        Args:
            pcm: little-endian 16-bit samples, whole ones.
        """
        samples = np.concatenate((self._rest, np.frombuffer(pcm, dtype="<i2")))
        whole = len(samples) // self._factor * self._factor
        self._rest = samples[whole:]
        means = samples[:whole].astype(np.float64).reshape(-1, self._factor).mean(axis=1)
        return mulaw.encode(np.round(means).astype(np.int16))
