"""Audio between the interface's 8 kHz mu-law and the 16-bit linear samples some providers speak.

Both directions take and give base64 text. Any number of bytes may come at a time: half a sample waits for its
other half, and how the audio was cut does not change what comes out. Source of the mu-law: see `media.mulaw`.
"""

import binascii

from media import mulaw
from media.resample import Resampler
from providers.errors import ProtocolError, ProviderError

RATES_HZ = (8000, 16_000, 24_000)
"""Rates of linear samples we convert from and to."""


class ToPcm:
    """Converts one stream of mu-law to linear samples.

    Args:
        rate_hz: Rate of the samples that come out; at 8000 they are only expanded.

    Raises:
        ProviderError: `format_mismatch`, a rate we do not convert to.
    """

    __slots__ = ("_resampler",)

    def __init__(self, rate_hz: int) -> None:
        _check(rate_hz)
        self._resampler = (
            None if rate_hz == mulaw.SAMPLE_RATE_HZ else Resampler(mulaw.SAMPLE_RATE_HZ, rate_hz)
        )

    def convert(self, payload: str) -> str:
        """Take audio and return what it makes due.

        Args:
            payload: base64 of mu-law, any number of bytes.

        Returns:
            base64 of 16-bit little-endian samples.

        Raises:
            ProviderError: `format_mismatch`, the payload is not base64.
        """
        try:
            pcm16 = mulaw.decode(binascii.a2b_base64(payload))
        except ValueError as error:
            raise ProviderError("format_mismatch", "caller audio is not base64", retryable=False) from error
        return _to_base64(pcm16 if self._resampler is None else self._resampler.push(pcm16))


class ToMulaw:
    """Converts one stream of linear samples to mu-law.

    Args:
        rate_hz: Rate of the samples that go in; at 8000 they are only compressed.

    Raises:
        ProviderError: `format_mismatch`, a rate we do not convert from.
    """

    __slots__ = ("_half_sample", "_resampler")

    def __init__(self, rate_hz: int) -> None:
        _check(rate_hz)
        self._resampler = (
            None if rate_hz == mulaw.SAMPLE_RATE_HZ else Resampler(rate_hz, mulaw.SAMPLE_RATE_HZ)
        )
        self._half_sample = b""

    def convert(self, payload: str) -> str:
        """Take audio and return what it makes due.

        Args:
            payload: base64 of 16-bit little-endian samples, any number of bytes.

        Returns:
            base64 of mu-law; empty when nothing is due.

        Raises:
            ProtocolError: The payload is not base64.
        """
        try:
            pcm16 = binascii.a2b_base64(payload, strict_mode=True)
        except ValueError as error:
            raise ProtocolError("the provider sent audio that is not base64") from error
        if self._resampler is not None:
            return _to_base64(mulaw.encode(self._resampler.push(pcm16)))
        pcm16 = self._half_sample + pcm16
        whole = len(pcm16) & ~1
        self._half_sample = pcm16[whole:]
        return _to_base64(mulaw.encode(pcm16[:whole]))

    def flush(self) -> str:
        """Return the tail still inside the filter; the converter is then as new.

        Half a sample left over is dropped.

        Returns:
            base64 of mu-law; empty at 8000 Hz, where nothing is held back.
        """
        self._half_sample = b""
        return "" if self._resampler is None else _to_base64(mulaw.encode(self._resampler.flush()))


def _check(rate_hz: int) -> None:
    if rate_hz not in RATES_HZ:
        raise ProviderError("format_mismatch", f"no conversion for audio at {rate_hz} Hz", retryable=False)


def _to_base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
