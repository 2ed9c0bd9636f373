"""The caller's audio as the provider takes it: decoding, voice activity, the buffer since the last commit."""

import base64
import binascii

from bench.simulators.openai.rejection import Rejection
from bench.simulators.openai.settings import SessionSettings
from bench.simulators.speech.voice_activity import SpeechStarted, SpeechStopped, VoiceActivity
from bench.sound import mulaw

_MAX_APPEND_BYTES = 15 * 1024 * 1024
_LEAST_COMMIT_MS = 100
_PCM_GROUP_BYTES = 6


class InputAudio:
    """One session's input buffer.

    Args:
        settings: format and turn detection.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._activity = VoiceActivity()
        self._pcm_rest = b""
        self._received_bytes = 0
        self._buffered_from_ms = 0.0
        self._speech_from_ms: float | None = None
        self.item_id: str | None = None
        """Id of the user item being spoken, once speech has started."""
        self.configure()

    @property
    def received_ms(self) -> float:
        """All audio written so far, in milliseconds."""
        return self._received_bytes / mulaw.BYTES_PER_MS

    @property
    def speaking(self) -> bool:
        """Whether the caller is taken to be speaking."""
        return self._activity.speaking

    def configure(self) -> None:
        """Take over the turn detection from the settings."""
        detection = self._settings.turn_detection or {}
        self._activity.threshold = float(detection.get("threshold", 0.5))
        self._activity.prefix_padding_ms = int(detection.get("prefix_padding_ms", 300))
        self._activity.silence_ms = self._settings.silence_ms

    def append(self, audio: str) -> tuple[bytes, list[SpeechStarted | SpeechStopped]]:
        """Take an append.

        Args:
            audio: base64 in the session's input format.

        Returns:
            The sound as mu-law, and what voice activity noticed (nothing when turn detection is off).

        Raises:
            Rejection: not base64, or too much at once.
        """
        try:
            data = base64.b64decode(audio, validate=True)
        except binascii.Error as error:
            message = "Invalid 'audio'. Expected base64-encoded audio bytes."
            raise Rejection("invalid_value", message, "audio") from error
        if len(data) > _MAX_APPEND_BYTES:
            raise Rejection("string_above_max_length", "Invalid 'audio': larger than 15 MiB.", "audio")
        sound = self._to_mulaw(data)
        self._received_bytes += len(sound)
        noticed = self._activity.feed(sound)
        return sound, noticed if self._settings.turn_detection is not None else []

    def buffered_ms(self) -> float:
        """Return how much audio the buffer holds."""
        return self.received_ms - self._buffered_from_ms

    def name_utterance(self, item_id: str, start_ms: int) -> str:
        """Speech has begun: keep the id its item will have, and return it."""
        self.item_id = item_id
        self._speech_from_ms = start_ms
        return item_id

    def commit(self) -> float:
        """Take the buffer as the caller's utterance.

        Returns:
            How long it is in milliseconds; silence before detected speech does not count.

        Raises:
            Rejection: there is less than 100 ms in it.
        """
        held_ms = self.buffered_ms()
        if held_ms < _LEAST_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
                f"but buffer only has {held_ms:.2f}ms of audio."
            )
            raise Rejection("input_audio_buffer_commit_empty", message)
        speech_ms = held_ms if self._speech_from_ms is None else self.received_ms - self._speech_from_ms
        self.clear()
        return speech_ms

    def clear(self) -> None:
        """Empty the buffer."""
        self._buffered_from_ms = self.received_ms
        self._activity.reset()
        self.item_id = None
        self._speech_from_ms = None

    def _to_mulaw(self, data: bytes) -> bytes:
        if self._settings.input_format != "audio/pcm":
            return data
        data = self._pcm_rest + data
        whole = len(data) // _PCM_GROUP_BYTES * _PCM_GROUP_BYTES
        self._pcm_rest = data[whole:]
        return mulaw.from_pcm24k(data[:whole])
