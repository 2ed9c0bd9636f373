"""Stamped frames that survive a change of sampling rate: the stamp is drawn as a wave, slow enough to pass.

Each of its 32 bits is four samples of one sign at 8 kHz, far below where a converter's low-pass filter cuts,
so its middle keeps its sign at any rate. A converter delays; what it delays by is known, and so short that a
frame's stamp still lies within the frame: 26 + 128 of its 160 samples.

Source: the delay is that of docs/decisions/0002-own-resampler.md; a converter with another one is noticed,
because four of the bits check the others.
"""

import base64
import binascii

from bench.load.frames import FRAME_BYTES
from bench.sound import mulaw

DELAY_MS = 3.25
LEVEL = 4000
"""-18 dBFS: as loud as a person on a phone, and below the highest level a flow can demand of a barge-in."""

LANE_BITS, FRAME_BITS, CHECK_BITS = 11, 17, 4
_BITS = LANE_BITS + FRAME_BITS + CHECK_BITS
_BIT_SAMPLES = 4
_STAMP_SAMPLES = _BITS * _BIT_SAMPLES
_CHECK = 15


class ShapedFrames:
    """Recorded speech behind drawn stamps, as mu-law at 8 kHz and as linear samples at 24 kHz.

    Args:
        sound: mu-law, 8 kHz mono, at least one frame.
    """

    def __init__(self, sound: bytes) -> None:
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._tails = tails = [
            sound[at + _STAMP_SAMPLES : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)
        ]
        self._pcm24_tails = [mulaw.to_pcm24k(tail) for tail in tails]
        pcm24 = [
            level.to_bytes(2, "little", signed=True) * (_BIT_SAMPLES * mulaw.PCM24_PER_SAMPLE)
            for level in (-LEVEL, LEVEL)
        ]
        levels = [mulaw.from_pcm24k(wave) for wave in pcm24]
        self._bytes = [b"".join(levels[byte >> bit & 1] for bit in range(8)) for byte in range(256)]
        self._pcm24_bytes = [b"".join(pcm24[byte >> bit & 1] for bit in range(8)) for byte in range(256)]

    def payload(self, lane: int, frame: int) -> str:
        """The base64 of one stamped frame, mu-law at 8 kHz.

        Args:
            lane: number of the call or the session, 0 to 2047.
            frame: number of the frame in it, 0 to 131071: 43 minutes.
        """
        stamp = b"".join(self._bytes[byte] for byte in _stamp(lane, frame))
        return base64.b64encode(stamp + self._tails[frame % len(self._tails)]).decode()

    def payload_pcm24k(self, lane: int, frame: int) -> str:
        """The base64 of one stamped frame, 16-bit little-endian samples at 24 kHz."""
        stamp = b"".join(self._pcm24_bytes[byte] for byte in _stamp(lane, frame))
        return base64.b64encode(stamp + self._pcm24_tails[frame % len(self._pcm24_tails)]).decode()

    def read(self, payload: str) -> list[tuple[int, int]]:
        """Read the stamps of whole frames, mu-law at 8 kHz that has been through one converter.

        Raises:
            ValueError: what stands there is no stamp.
        """
        sound = binascii.a2b_base64(payload)
        first = round(DELAY_MS * mulaw.BYTES_PER_MS) + _BIT_SAMPLES // 2
        starts = range(first, len(sound) - FRAME_BYTES + first + 1, FRAME_BYTES)
        return [
            _read([code >= 0x80 for code in sound[at : at + _STAMP_SAMPLES - 1 : _BIT_SAMPLES]])
            for at in starts
        ]

    def read_pcm16k(self, payload: str) -> list[tuple[int, int]]:
        """Read the stamps of whole frames, linear samples at 16 kHz that have been through one converter.

        Raises:
            ValueError: what stands there is no stamp.
        """
        samples = memoryview(binascii.a2b_base64(payload)).cast("h")
        first = 2 * round(DELAY_MS * mulaw.BYTES_PER_MS) + _BIT_SAMPLES
        starts = range(first, len(samples) - 2 * FRAME_BYTES + first + 1, 2 * FRAME_BYTES)
        step = 2 * _BIT_SAMPLES
        return [_read([value > 0 for value in samples[at : at + step * _BITS : step]]) for at in starts]


def _stamp(lane: int, frame: int) -> bytes:
    number = (frame & (1 << FRAME_BITS) - 1) << LANE_BITS | lane
    return (number << CHECK_BITS | _CHECK - number % _CHECK).to_bytes(4, "little")


def _read(bits: list[bool]) -> tuple[int, int]:
    stamp = sum(1 << place for place, bit in enumerate(bits) if bit)
    number, check = stamp >> CHECK_BITS, stamp & (1 << CHECK_BITS) - 1
    if check != _CHECK - number % _CHECK:
        raise ValueError("no stamp")
    return number & (1 << LANE_BITS) - 1, number >> LANE_BITS
