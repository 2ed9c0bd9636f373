"""The caller's audio as the provider takes it: formats, voice activity, activity marked by the client.

Source: Gemini API reference, "BidiGenerateContentRealtimeInput" and "AutomaticActivityDetection", and
google-genai 3.4.0, read 2026-11. The service resamples any rate; here it is 8, 16 or 24 kHz.
"""

import re
from typing import Any

from bench.simulators.gemini.rejection import INVALID, Rejection, invalid_argument
from bench.simulators.gemini.setup import Setup
from bench.simulators.speech.voice_activity import SpeechStarted, SpeechStopped, VoiceActivity
from bench.sound import mulaw
from bench.sound.decimate import RATES_HZ, Decimator

Json = dict[str, Any]
Noticed = list[SpeechStarted | SpeechStopped]

_MIME = re.compile(r"audio/pcm(?:;\s*rate=(\d{1,6}))?")
_DEFAULT_RATE_HZ = 16_000
_MANUAL = "Explicit activity control is not supported when automatic activity detection is enabled."


class InputAudio:
    """One session's input stream.

    Args:
        setup: how speech is found.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._activity = VoiceActivity()
        self._activity.prefix_padding_ms = 0
        self._activity.threshold = setup.detection.threshold
        self._activity.least_speech_ms = setup.detection.least_speech_ms
        self._activity.silence_ms = setup.detection.silence_ms
        self._decimator = Decimator(_DEFAULT_RATE_HZ)
        self._speech_from_ms = 0.0
        self._turn_from_ms = 0.0
        self._marked = False
        self._received_bytes = 0

    @property
    def received_ms(self) -> float:
        """All audio received on this connection."""
        return self._received_bytes / mulaw.BYTES_PER_MS

    @property
    def hears(self) -> bool:
        """Whether audio reaches the model now."""
        return self._setup.detection.automatic or self._marked

    def take(self, blob: Json) -> tuple[bytes, Noticed]:
        """Take some audio.

        Args:
            blob: `mimeType` and decoded `data`.

        Returns:
            The sound as mu-law, and what voice activity noticed (nothing when the client marks activity).

        Raises:
            Rejection: not PCM at a rate known here, or half a sample.
        """
        mime = _MIME.fullmatch(blob.get("mimeType", ""))
        rate_hz = int(mime.group(1) or _DEFAULT_RATE_HZ) if mime else 0
        pcm = blob.get("data", b"")
        if rate_hz not in RATES_HZ or len(pcm) % 2:
            raise invalid_argument()
        if rate_hz != self._decimator.rate_hz:
            self._decimator = Decimator(rate_hz)
        sound = self._decimator.feed(pcm)
        self._received_bytes += len(sound)
        if not self._setup.detection.automatic:
            return sound, []
        noticed = self._activity.feed(sound)
        for each in noticed:
            if isinstance(each, SpeechStarted):
                self._speech_from_ms = each.audio_start_ms
        return sound, noticed

    def end_stream(self) -> Noticed:
        """The microphone is off: speech in progress is over.

        Raises:
            Rejection: the client marks activity by itself.
        """
        if not self._setup.detection.automatic:
            raise invalid_argument()
        speaking = self._activity.speaking
        self._activity.reset()
        return [SpeechStopped(self._activity.heard_ms)] if speaking else []

    def mark_start(self) -> None:
        """The client says that the caller begins to speak.

        Raises:
            Rejection: the server listens by itself, or activity has begun already.
        """
        self._expect_marked(False)
        self._marked = True
        self._speech_from_ms = self.received_ms

    def mark_end(self) -> None:
        """The client says that the caller has spoken.

        Raises:
            Rejection: the server listens by itself, or no activity has begun.
        """
        self._expect_marked(True)
        self._marked = False

    def end_utterance(self) -> float:
        """Return how much audio the utterance that has just ended costs, in milliseconds."""
        from_ms = self._turn_from_ms if self._setup.bills_silence else self._speech_from_ms
        self._turn_from_ms = self.received_ms
        return max(0.0, self.received_ms - from_ms)

    def _expect_marked(self, marked: bool) -> None:
        if self._setup.detection.automatic:
            raise Rejection(INVALID, _MANUAL)
        if self._marked != marked:
            raise invalid_argument()
