"""Hears when the caller speaks: an energy detector over the audio received, on the audio's own clock.

Source: OpenAI API reference, "input_audio_buffer.speech_started / speech_stopped", read 2026-11: times are
milliseconds of all audio written so far; the start includes the prefix padding, the end the silence waited.
"""

from dataclasses import dataclass

from bench.sound import mulaw

_WINDOW_BYTES = 160
_WINDOW_MS = 20
# A threshold of 0.5 means speech of about -34 dBFS.
_FULL_THRESHOLD_LEVEL = 1200.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began; the time includes the prefix padding."""

    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Speech ended; the time includes the silence waited for."""

    audio_end_ms: int


class VoiceActivity:
    """The detector of one session."""

    def __init__(self) -> None:
        self.threshold = 0.5
        self.prefix_padding_ms = 300
        self.silence_ms = 500
        self.least_speech_ms = 60
        """Shorter sounds are clicks, not speech."""
        self.speaking = False
        self._rest = b""
        self._windows = 0
        self._loud_run = 0
        self._quiet_run = 0
        self._last_end_ms = 0

    @property
    def heard_ms(self) -> int:
        """How much audio has been judged so far."""
        return self._windows * _WINDOW_MS

    def reset(self) -> None:
        """Forget speech in progress (the buffer was cleared or committed by the client)."""
        self.speaking = False
        self._loud_run = self._quiet_run = 0
        self._last_end_ms = self.heard_ms

    def feed(self, sound: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Judge mu-law and return what was noticed, in order."""
        sound = self._rest + sound
        whole = len(sound) // _WINDOW_BYTES * _WINDOW_BYTES
        self._rest = sound[whole:]
        if not whole:
            return []
        noticed: list[SpeechStarted | SpeechStopped] = []
        for level in mulaw.window_levels(sound[:whole], _WINDOW_BYTES):
            self._windows += 1
            event = self._judge(bool(level > self.threshold * _FULL_THRESHOLD_LEVEL))
            if event is not None:
                noticed.append(event)
        return noticed

    def _judge(self, loud: bool) -> SpeechStarted | SpeechStopped | None:
        self._loud_run = self._loud_run + 1 if loud else 0
        self._quiet_run = 0 if loud else self._quiet_run + 1
        if not self.speaking and self._loud_run * _WINDOW_MS >= self.least_speech_ms:
            self.speaking = True
            first_ms = self.heard_ms - self._loud_run * _WINDOW_MS
            return SpeechStarted(max(first_ms - self.prefix_padding_ms, self._last_end_ms, 0))
        if self.speaking and self._quiet_run * _WINDOW_MS >= max(self.silence_ms, _WINDOW_MS):
            self.speaking = False
            self._last_end_ms = self.heard_ms
            return SpeechStopped(self.heard_ms)
        return None
