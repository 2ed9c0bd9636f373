"""Streaming sample-rate conversion between the telephone's 8 kHz and the 16 or 24 kHz of speech models.

One linear-phase low-pass serves both directions: it passes what a phone line carries (to 3.4 kHz, within
0.02 dB) and suppresses everything from 4 kHz on by 64 dB, so that nothing folds back into the voice. It
delays by 3.25 ms, the same at each rate. docs/decisions/0002-own-resampler.md says why this is our own.

Input of any size may be pushed: after n samples exactly floor(n x ratio) samples have come out, and how the
input was cut does not change a bit of the output. For that the filter's coefficients are rounded to 2^-24:
every product and sum is then an exact double, in whatever order a matrix product adds them up.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from media.errors import MediaError

NARROW_HZ = 8000
DELAY_MS = 3.25
"""Delay of each conversion: 26 samples at 8 kHz, so there and back is 52 samples to the sample."""
CUTOFF_HZ = 3690.0
"""Middle of the transition from 3.4 to 4 kHz, a little low: ripple has more room than aliasing."""
KAISER_BETA = 6.2
"""Window shape: 64 dB of suppression with a transition as short as the delay allows."""
COEFFICIENT_BITS = 24
BLOCK_MS = 1
"""Audio per row of the matrix product; small enough to skip most of the matrix's zeros."""
MAX_ROWS = 128
"""Rows per product: keeps it under the size from which OpenBLAS starts threads."""

PCM16 = np.dtype("<i2")
_LOWEST, _HIGHEST = np.array(-32768.0), np.array(32767.0)

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Kernel:
    """What one conversion needs; shared by all calls.

    Args:
        up: output samples per input sample (1 when going down).
        down: input samples per output sample (1 when going up).
        history: input samples before the current one that still matter.
        block: input samples per row of the product.
        outputs: output samples per row.
        matrix: (history + block) x outputs.
    """

    up: int
    down: int
    history: int
    block: int
    outputs: int
    matrix: Samples


def low_pass(rate_hz: int) -> Samples:
    """Compute the filter at a rate.

    Args:
        rate_hz: 16000 or 24000, the wider of the two rates.

    Returns:
        Its coefficients, symmetrical, with unity gain for direct current.
    """
    half = round(DELAY_MS * rate_hz / 1000)
    index = np.arange(-half, half + 1)
    ideal = np.sinc(2 * CUTOFF_HZ / rate_hz * index) * np.kaiser(2 * half + 1, KAISER_BETA)
    scale = 2.0**COEFFICIENT_BITS
    return np.asarray(np.rint(ideal / ideal.sum() * scale) / scale)


def _kernel(from_hz: int, to_hz: int) -> _Kernel:
    taps = low_pass(max(from_hz, to_hz))
    up, down = max(1, to_hz // from_hz), max(1, from_hz // to_hz)
    history = (len(taps) - 1) // up
    block = from_hz * BLOCK_MS // 1000
    outputs = block * up // down
    # At the wide rate output i lies at i x down, and tap k weighs the sample k before it; going up, only each
    # `up`th of those samples exists, the others are zeros.
    tap, output = np.meshgrid(np.arange(len(taps)), np.arange(outputs), indexing="ij")
    source, between = np.divmod(output * down - tap, up)
    exists = between == 0
    matrix = np.zeros((history + block, outputs))
    matrix[history + source[exists], output[exists]] = taps[tap[exists]] * up
    matrix.flags.writeable = False
    return _Kernel(up, down, history, block, outputs, matrix)


_KERNELS = {
    rates: _kernel(*rates)
    for wide_hz in (16000, 24000)
    for rates in ((NARROW_HZ, wide_hz), (wide_hz, NARROW_HZ))
}


class Resampler:
    """Converts one stream of 16-bit samples from one rate to another.

    Args:
        from_hz: rate of what is pushed.
        to_hz: rate of what comes out. One of the two is 8000, the other 16000 or 24000.

    Raises:
        MediaError: rates we do not convert.
    """

    __slots__ = ("_half_sample", "_held", "_kernel")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        kernel = _KERNELS.get((from_hz, to_hz))
        if kernel is None:
            raise MediaError(f"no conversion from {from_hz} to {to_hz} Hz")
        self._kernel = kernel
        self._reset()

    def _reset(self) -> None:
        self._held: Samples = np.zeros(self._kernel.history)  # history, then input not yet due
        self._half_sample = b""

    def push(self, pcm16: bytes) -> bytes:
        """Take audio and return what it makes due.

        Args:
            pcm16: 16-bit little-endian samples; any number of bytes, half a sample waits for its other half.

        Returns:
            16-bit little-endian samples at the other rate, clipped where the filter overshoots.
        """
        if self._half_sample or len(pcm16) % 2:
            pcm16 = self._half_sample + pcm16
            whole = len(pcm16) & ~1
            pcm16, self._half_sample = pcm16[:whole], pcm16[whole:]
        return self._convert(np.frombuffer(pcm16, PCM16))

    def flush(self) -> bytes:
        """Return the tail still inside the filter; the resampler is then as new.

        Half a sample left over is dropped.
        """
        tail = self._convert(np.zeros(self._kernel.history, PCM16))
        self._reset()
        return tail

    def _convert(self, samples: npt.NDArray[np.int16]) -> bytes:
        kernel = self._kernel
        line: Samples = np.concatenate((self._held, samples))  # the samples become doubles
        due = (len(line) - kernel.history) // kernel.down * kernel.up
        used = due // kernel.up * kernel.down
        self._held = line[used:].copy()
        rows = -(-due // kernel.outputs)
        if missing := max(0, rows * kernel.block - used):
            line = np.concatenate((line, np.zeros(missing)))  # surplus outputs are cut off below
        step = line.itemsize
        shape = (rows, kernel.history + kernel.block)
        windows = np.ndarray(shape, line.dtype, line, 0, (kernel.block * step, step))  # overlapping rows
        if rows <= MAX_ROWS:
            output = windows.copy().dot(kernel.matrix)
        else:
            parts = [windows[row : row + MAX_ROWS].copy() for row in range(0, rows, MAX_ROWS)]
            output = np.concatenate([part.dot(kernel.matrix) for part in parts])
        np.rint(output, output)
        np.maximum(output, _LOWEST, out=output)
        np.minimum(output, _HIGHEST, out=output)
        pcm16: bytes = output.astype(PCM16).tobytes()
        return pcm16[: 2 * due]
