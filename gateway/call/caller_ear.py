"""What the caller's sound alone says: when it is loud, and which of it has not been answered yet."""

import binascii
from collections import deque

from gateway.call.inputs import CallerAudio
from media.energy import EnergyGate, SpeechEdge
from media.mulaw import BYTES_PER_MS, decode, rms

AUDIBLE_RMS = 104.0
"""From this level on (-50 dBFS) a frame may hold speech, however soft."""

DIP_MS = 10
"""A dip of one half frame is no end of the sound before it."""

LEAD_IN_FRAMES = 25
"""Quiet kept ahead of the first sound: 500 ms, what a provider wants to hear before speech."""

MEMORY_FRAMES = 1_500
"""Caller audio kept while nothing answers it: 30 s, then the oldest goes."""


class CallerEar:
    """Judges and remembers the caller's audio.

    Args:
        threshold_dbfs: Level from which a frame counts as speech that may cut the agent off.
        min_speech_ms: How long it must last.
    """

    __slots__ = ("_frames", "_gate", "_sounded", "has_speech", "loud_ms", "quiet_ms")

    def __init__(self, threshold_dbfs: float, min_speech_ms: int) -> None:
        self._gate = EnergyGate(threshold_dbfs, min_speech_ms, gap_ms=DIP_MS)
        self._frames: deque[CallerAudio] = deque(maxlen=MEMORY_FRAMES)
        self._sounded = False
        self.has_speech = False
        """Whether there is speech, by level, in what nothing has answered yet."""
        self.loud_ms = 0
        """How much speech there was since it last began, by level."""
        self.quiet_ms = 0
        """How long nothing has been audible."""

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking, by level."""
        return self._gate.speaking

    def hear(self, audio: CallerAudio) -> tuple[SpeechEdge, ...]:
        """Take a frame; returns where speech began or ceased, usually nothing."""
        try:
            frame = binascii.a2b_base64(audio.payload)
        except binascii.Error:
            frame = b""  # the carrier's fault; the provider will say what it thinks of it
        pcm16 = decode(frame)
        middle = len(frame) // 2
        halves = ((0, middle), (middle, len(frame)))  # a whole frame would find speech 10 ms later
        levels = [rms(pcm16[2 * begin : 2 * end]) for begin, end in halves]
        audible = max(levels) >= AUDIBLE_RMS
        self._remember(audio, audible=audible)
        edges: tuple[SpeechEdge, ...] = ()
        for level, (begin, end) in zip(levels, halves, strict=True):
            at_ms = audio.timestamp_ms
            edges += self._gate.feed_rms(level, at_ms + begin // BYTES_PER_MS, at_ms + end // BYTES_PER_MS)
        length_ms = len(frame) // BYTES_PER_MS
        self.quiet_ms = 0 if audible else self.quiet_ms + length_ms
        self.has_speech = self.has_speech or self._gate.speaking
        if audible and self._gate.speaking:
            self.loud_ms += length_ms
        return edges

    def _remember(self, audio: CallerAudio, *, audible: bool) -> None:
        self._frames.append(audio)
        if audible:
            self._sounded = True
        elif not self._sounded and len(self._frames) > LEAD_IN_FRAMES:
            self._frames.popleft()

    def begin_speech(self) -> None:
        """Count `loud_ms` from here."""
        self.loud_ms = 0

    def keep(self) -> None:
        """The provider hears speech, however soft: keep all from the last moment on."""
        self._sounded = True

    def answered(self) -> None:
        """What was said so far has been answered: only the last moment is still worth keeping."""
        while len(self._frames) > LEAD_IN_FRAMES:
            self._frames.popleft()
        self._sounded = self.has_speech = self._gate.speaking

    def unanswered(self) -> tuple[CallerAudio, ...]:
        """The caller's audio nothing has answered yet, oldest first."""
        return tuple(self._frames)
