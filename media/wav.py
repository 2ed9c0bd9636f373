"""WAV files: a stereo mu-law writer for recordings, repair after a crash, and a reader.

The functions work on a binary file object they are given and never open one.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, August 1991), RIFF and
WAVE; RFC 2361 (June 1998) for format tag 7, mu-law. A format other than PCM carries a `cbSize` field and a
`fact` chunk with the number of sample frames.
"""

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

from media.errors import MediaError
from media.mulaw import SAMPLE_RATE_HZ, decode
from media.stereo import StereoTimeline

FORMAT_PCM = 1
FORMAT_MULAW = 7
CHANNELS = 2
MAX_DATA_BYTES = 0xFFFFFFFF - 64
"""RIFF sizes are 32 bits: 74 hours of stereo mu-law."""

SETTLE_STEP_MS = 60_000

_HEADER = struct.Struct("<4sI4s 4sIHHIIHHH 4sII 4sI")
HEADER_BYTES = _HEADER.size


def header(sample_frames: int) -> bytes:
    """Build the header of a stereo 8 kHz mu-law file.

    Args:
        sample_frames: number of sample pairs that follow.

    Returns:
        58 bytes.

    Raises:
        MediaError: more than a WAV file can hold.
    """
    data_bytes = sample_frames * CHANNELS
    if not 0 <= data_bytes <= MAX_DATA_BYTES:
        raise MediaError(f"{sample_frames} sample frames do not fit into a WAV file")
    riff = (b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE")
    fmt = (b"fmt ", 18, FORMAT_MULAW, CHANNELS, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * CHANNELS, CHANNELS, 8, 0)
    return _HEADER.pack(*riff, *fmt, b"fact", 4, sample_frames, b"data", data_bytes)


class StereoWriter:
    """Writes a call's two voices, placed by time, as a stereo mu-law file: left caller, right agent.

    Audio is held back until `settle` says that it can no longer change. The header's sizes are put right by
    `finish`; after a crash `repair` does it from the file's length.

    Args:
        file: binary, readable, writable and seekable; stays open. Empty it is begun, else continued.
        start_ms: time from which on audio will come; a file that ends earlier is filled up with silence.

    Raises:
        MediaError: the file is neither empty nor one of ours.
    """

    __slots__ = ("_file", "_sample_frames", "_timeline")

    def __init__(self, file: BinaryIO, start_ms: float = 0) -> None:
        self._file = file
        if file.seek(0, io.SEEK_END):
            self._sample_frames = _repair(file)
        else:
            self._sample_frames = 0
            file.write(header(0))
        self._timeline = StereoTimeline(self._sample_frames)
        self.settle(start_ms)

    @property
    def dropped_bytes(self) -> int:
        """Audio that came too late or lay too far ahead."""
        return self._timeline.dropped_bytes

    def put_caller(self, mulaw: bytes, at_ms: float) -> None:
        """Place caller audio, see `StereoTimeline.put_caller`."""
        self._timeline.put_caller(mulaw, at_ms)

    def put_agent(self, mulaw: bytes, at_ms: float) -> None:
        """Place agent audio, see `StereoTimeline.put_agent`."""
        self._timeline.put_agent(mulaw, at_ms)

    def cut_agent(self, at_ms: float) -> None:
        """Take back agent audio, see `StereoTimeline.cut_agent`."""
        self._timeline.cut_agent(at_ms)

    def settle(self, until_ms: float) -> None:
        """Write everything up to a time; it can no longer change.

        Args:
            until_ms: the new horizon; one before the last is no work.

        Raises:
            MediaError: more than a WAV file can hold. `repair` saves what is there.
        """
        step_ms = self._timeline.settled_ms
        while step_ms < until_ms:  # a minute at a time: a gap of hours must not become one block of memory
            step_ms = min(until_ms, step_ms + SETTLE_STEP_MS)
            self._write(self._timeline.settle(step_ms))

    def finish(self, at_ms: float) -> int:
        """Write the rest and the final sizes.

        Args:
            at_ms: the end of the call; audio behind it was never heard and is not written.

        Returns:
            Duration of the file in ms.
        """
        self.settle(at_ms)
        self._timeline.finish(at_ms)
        self._file.seek(0)
        self._file.write(header(self._sample_frames))
        self._file.seek(0, io.SEEK_END)
        self._file.flush()
        return self._sample_frames * 1000 // SAMPLE_RATE_HZ

    def _write(self, stereo: bytes) -> None:
        if self._sample_frames * CHANNELS + len(stereo) > MAX_DATA_BYTES:
            raise MediaError("the recording has reached the largest size of a WAV file")
        self._file.write(stereo)
        self._sample_frames += len(stereo) // CHANNELS


def repair(file: BinaryIO) -> int:
    """Make a valid file of one whose writer was killed; a valid file stays as it is.

    Half a sample frame at the end is cut off and the sizes are computed from the length. A file that ends
    inside the header becomes a valid one without samples.

    Args:
        file: binary, readable, writable and seekable; written by `StereoWriter`.

    Returns:
        Duration of the file in ms.

    Raises:
        MediaError: not a file of `StereoWriter`. It is left unchanged.
    """
    return _repair(file) * 1000 // SAMPLE_RATE_HZ


def _repair(file: BinaryIO) -> int:
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    found = file.read(HEADER_BYTES)
    if not _without_sizes(header(0)).startswith(_without_sizes(found)):
        raise MediaError("not a recording of ours")
    sample_frames = max(0, length - HEADER_BYTES) // CHANNELS
    wanted = header(sample_frames)
    if found != wanted:
        file.seek(0)
        file.write(wanted)
    file.truncate(HEADER_BYTES + sample_frames * CHANNELS)
    file.seek(0, io.SEEK_END)
    file.flush()
    return sample_frames


def _without_sizes(data: bytes) -> bytes:
    """The header with its three variable fields left out (RIFF size, sample frames, data size)."""
    return data[:4] + data[8:46] + data[50:54]


@dataclass(frozen=True, slots=True)
class Sound:
    """The content of a WAV file.

    Args:
        rate_hz: samples per second and channel.
        channels: 1 or 2.
        encoding: what `data` holds.
        data: interleaved samples.
    """

    rate_hz: int
    channels: int
    encoding: Literal["mulaw", "pcm16"]
    data: bytes

    @property
    def duration_ms(self) -> int:
        """Length of the sound."""
        sample_bytes = 2 if self.encoding == "pcm16" else 1
        return len(self.data) * 1000 // (sample_bytes * self.channels * self.rate_hz)

    def channel_pcm16(self, channel: int) -> bytes:
        """Return one channel as 16-bit little-endian samples.

        Args:
            channel: 0 for left or mono, 1 for right.

        Raises:
            MediaError: no such channel.
        """
        if not 0 <= channel < self.channels:
            raise MediaError(f"no channel {channel} in {self.channels}")
        pcm16 = decode(self.data) if self.encoding == "mulaw" else self.data
        single = bytearray(len(pcm16) // self.channels)
        single[0::2] = pcm16[2 * channel :: 2 * self.channels]
        single[1::2] = pcm16[2 * channel + 1 :: 2 * self.channels]
        return bytes(single)


def read_wav(file: BinaryIO) -> Sound:
    """Read a WAV file: PCM16 or mu-law, mono or stereo.

    A data chunk that claims more than the file holds (a stream never finished) ends with the file, at a whole
    sample frame.

    Args:
        file: binary and readable, at its beginning.

    Raises:
        MediaError: not such a file.
    """
    start = file.read(12)
    if len(start) < 12 or start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise MediaError("not a WAV file")
    fmt: bytes | None = None
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            if fmt is None:
                raise MediaError("WAV data without a format before it")
            return _sound(fmt, file.read(size))
        body = file.read(size + size % 2)  # chunks are padded to even length
        if name == b"fmt ":
            fmt = body
    raise MediaError("WAV file without data")


def _sound(fmt: bytes, data: bytes) -> Sound:
    if len(fmt) < 16:
        raise MediaError("WAV format chunk too short")
    tag, channels, rate_hz, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", fmt)
    encoding: Literal["mulaw", "pcm16"]
    match (tag, bits):
        case (1, 16):
            encoding = "pcm16"
        case (7, 8):
            encoding = "mulaw"
        case _:
            raise MediaError(f"WAV format tag {tag} with {bits} bits is not supported")
    if channels not in (1, 2) or frame_bytes != channels * bits // 8 or not rate_hz:
        raise MediaError(f"WAV format contradicts itself: {channels} channels, frames of {frame_bytes} bytes")
    return Sound(rate_hz, channels, encoding, data[: len(data) - len(data) % frame_bytes])
