"""Is somebody speaking? A level gate over mu-law frames, with timestamps.

Levels are relative to full scale: 0 dBFS is a square wave of full amplitude, a full-scale sine is -3 dBFS,
speech on a phone line lies around -30 to -15, line noise below -50. The gate decides from levels alone; it is
for accounting and for barge-in while no better detector has spoken, not for telling speech from music.
"""

import math
from dataclasses import dataclass

from media.errors import MediaError
from media.mulaw import BYTES_PER_MS, FRAME_BYTES, decode, rms

FULL_SCALE = 32768
FLOOR_DBFS = -96.0
"""Level reported for digital silence."""


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The level rose over the threshold at `at_ms` and stayed there for the minimum time."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechCeased:
    """The last audio over the threshold ended at `at_ms`; the hangover has passed since."""

    at_ms: int


SpeechEdge = SpeechBegan | SpeechCeased


def level_dbfs(mulaw: bytes) -> float:
    """Measure the level of some audio.

    Args:
        mulaw: any number of mu-law bytes.

    Returns:
        RMS level in dBFS, -96 to 0.
    """
    value = rms(decode(mulaw))
    return max(FLOOR_DBFS, 20 * math.log10(value / FULL_SCALE)) if value else FLOOR_DBFS


class EnergyGate:
    """Tells when speech begins and ends.

    Speech begins when frames over the threshold follow each other for `min_speech_ms`; it is dated back to
    the first of them. It ends when nothing has been over the threshold for `hangover_ms`; it is dated back to
    the end of the last frame that was. Time missing between frames counts as quiet.

    Args:
        threshold_dbfs: level from which a frame is loud, -96 to 0.
        min_speech_ms: how long it must be loud, so that a click is no speech; 0 decides on the first frame.
        hangover_ms: how long it must be quiet, so that a pause for breath is no end.
        gap_ms: how long it may be quiet in between while it has not begun yet, so that a dip is no new start.

    Raises:
        MediaError: a value outside its range.
    """

    __slots__ = (
        "_gap_ms",
        "_hangover_ms",
        "_loud_from_ms",
        "_loud_until_ms",
        "_min_rms",
        "_min_speech_ms",
        "_speaking",
    )

    def __init__(
        self,
        threshold_dbfs: float = -38.0,
        min_speech_ms: int = 60,
        hangover_ms: int = 400,
        gap_ms: int = 0,
    ) -> None:
        if not FLOOR_DBFS <= threshold_dbfs <= 0 or min_speech_ms < 0 or hangover_ms < 0:
            raise MediaError("threshold must be -96 to 0 dBFS, minimum and hangover not negative")
        self._min_rms = FULL_SCALE * 10 ** (threshold_dbfs / 20)
        self._min_speech_ms = min_speech_ms
        self._hangover_ms = hangover_ms
        self._gap_ms = gap_ms
        self._speaking = False
        self._loud_from_ms: int | None = None  # start of the loud run, while nobody speaks yet
        self._loud_until_ms = 0  # end of the last loud frame

    @property
    def speaking(self) -> bool:
        """Whether speech has begun and not ended."""
        return self._speaking

    def feed(self, mulaw: bytes, at_ms: int) -> tuple[SpeechEdge, ...]:
        """Take audio in order and return what changed, oldest first.

        Args:
            mulaw: audio of any length; judged in frames of 20 ms, the last one possibly shorter.
            at_ms: when it begins, on the stream's clock. Time that runs backwards is taken as it comes.

        Returns:
            Usually nothing.
        """
        if len(mulaw) <= FRAME_BYTES:
            return self._feed_frame(mulaw, at_ms, at_ms + len(mulaw) // BYTES_PER_MS)
        edges: tuple[SpeechEdge, ...] = ()
        for start in range(0, len(mulaw), FRAME_BYTES):
            frame = mulaw[start : start + FRAME_BYTES]
            begin_ms = at_ms + start // BYTES_PER_MS
            edges += self._feed_frame(frame, begin_ms, begin_ms + len(frame) // BYTES_PER_MS)
        return edges

    def _feed_frame(self, frame: bytes, begin_ms: int, end_ms: int) -> tuple[SpeechEdge, ...]:
        return self.feed_rms(rms(decode(frame)), begin_ms, end_ms)

    def feed_rms(self, level: float, begin_ms: int, end_ms: int) -> tuple[SpeechEdge, ...]:
        """Take one frame whose level somebody has measured already.

        Args:
            level: RMS of its samples, 0 to 32768.
            begin_ms: when it begins, on the stream's clock.
            end_ms: when it ends.

        Returns:
            As `feed`.
        """
        ceased = self.advance(begin_ms)
        if level < self._min_rms:
            if not self._speaking and end_ms - self._loud_until_ms > self._gap_ms:
                self._loud_from_ms = None
            return ceased + self.advance(end_ms)
        if self._speaking:
            self._loud_until_ms = end_ms
            return ceased
        if self._loud_from_ms is None or begin_ms > self._loud_until_ms + self._gap_ms:
            self._loud_from_ms = begin_ms
        self._loud_until_ms = end_ms
        if end_ms - self._loud_from_ms < self._min_speech_ms:
            return ceased
        self._speaking = True
        return (*ceased, SpeechBegan(self._loud_from_ms))

    def advance(self, now_ms: int) -> tuple[SpeechEdge, ...]:
        """Let time pass without audio (the caller's stream may have gone quiet).

        Args:
            now_ms: the time now, on the same clock as the frames.

        Returns:
            The end of speech, if the hangover has passed.
        """
        if self._speaking and now_ms - self._loud_until_ms >= self._hangover_ms:
            self._speaking = False
            self._loud_from_ms = None
            return (SpeechCeased(self._loud_until_ms),)
        return ()
