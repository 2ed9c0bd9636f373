"""The caller's audio as the agent takes it: decoding, voice activity, how much it sounds like a voice."""

from typing import Any

from bench.simulators.elevenlabs.resampling import SoundReader
from bench.simulators.speech.voice_activity import SpeechStarted, SpeechStopped, VoiceActivity
from bench.sound import mulaw

Json = dict[str, Any]

SILENCE_MS = {"patient": 1000, "normal": 500, "eager": 300}
"""How long the caller is silent before it is the agent's turn, by `turn_eagerness`."""

_SCORE_BYTES = 100 * mulaw.BYTES_PER_MS
_SURE_LEVEL = 1200.0


class Hearing:
    """One conversation's ear.

    Args:
        settings: the agent's conversation config.
    """

    def __init__(self, settings: Json) -> None:
        self._reader = SoundReader(settings["asr"]["user_input_audio_format"])
        self._activity = VoiceActivity()
        self._activity.silence_ms = SILENCE_MS[settings["turn"]["turn_eagerness"]]
        self._scores_voice = "vad_score" in settings["conversation"]["client_events"]
        self._unscored = b""
        self._received_bytes = 0

    @property
    def heard_ms(self) -> float:
        """How much audio has come."""
        return self._received_bytes / mulaw.BYTES_PER_MS

    def take(self, data: bytes) -> tuple[bytes, list[SpeechStarted | SpeechStopped]]:
        """Take audio in the agent's input format.

        Returns:
            It as mu-law, and what voice activity noticed.
        """
        sound = self._reader.read(data)
        self._received_bytes += len(sound)
        if self._scores_voice:
            self._unscored += sound
        return sound, self._activity.feed(sound)

    def scores(self) -> list[float]:
        """Return how much each 100 ms since the last time sounded like a voice, 0 to 1, if asked for."""
        scores = []
        while len(self._unscored) >= _SCORE_BYTES:
            window, self._unscored = self._unscored[:_SCORE_BYTES], self._unscored[_SCORE_BYTES:]
            scores.append(round(min(1.0, mulaw.level(window) / _SURE_LEVEL), 3))
        return scores
