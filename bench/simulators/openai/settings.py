"""A session's effective configuration: defaults, updates, and the view sent back to the client.

Source: OpenAI API reference, "Realtime session", and openai-python 3.54.0, read 2026-11: only fields present
in an update change; null turns turn detection, transcription and noise reduction off; the voice cannot change
once there has been audio; the model never.
"""

import copy
from typing import Any

from bench.simulators.openai.rejection import Rejection

Json = dict[str, Any]

_SERVER_VAD: Json = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: Json = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_SILENCE_MS = {"low": 1200, "medium": 700, "auto": 700, "high": 400}
_PCM: Json = {"type": "audio/pcm", "rate": 24000}


class SessionSettings:
    """One session's configuration.

    Args:
        session_id: `sess_…`.
        model: from the URL.
        expires_at: Unix time at which the session will end.
    """

    def __init__(self, session_id: str, model: str, expires_at: int) -> None:
        self._session: Json = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model,
            "output_modalities": ["audio"],
            "instructions": "You are a helpful assistant.",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "expires_at": expires_at,
            "include": None,
            "audio": {
                "input": {
                    "format": dict(_PCM),
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": dict(_SERVER_VAD),
                },
                "output": {"format": dict(_PCM), "voice": "marin", "speed": 1.0},
            },
        }

    def view(self) -> Json:
        """Return the whole configuration as sent in session.created and session.updated."""
        return copy.deepcopy(self._session)

    def update(self, change: Json, audio_was_sent: bool) -> None:
        """Apply a checked session.update.

        Args:
            change: the event's `session`.
            audio_was_sent: whether the model has spoken yet.

        Raises:
            Rejection: the model or, too late, the voice would change.
        """
        merged = copy.deepcopy(self._session)
        audio = change.get("audio", {})
        if change.get("model", merged["model"]) != merged["model"]:
            raise Rejection("invalid_value", "The model of a session cannot be changed.", "session.model")
        voice = audio.get("output", {}).get("voice", self.voice)
        if voice != self.voice and audio_was_sent:
            raise Rejection(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                "session.audio.output.voice",
            )
        merged.update({name: value for name, value in change.items() if name != "audio"})
        for side in ("input", "output"):
            merged["audio"][side].update(copy.deepcopy(audio.get(side, {})))
        merged["audio"]["input"]["turn_detection"] = _whole(merged["audio"]["input"]["turn_detection"])
        for side in ("input", "output"):
            if merged["audio"][side]["format"].get("type") == "audio/pcm":
                merged["audio"][side]["format"].setdefault("rate", 24000)
        self._session = merged

    @property
    def model(self) -> str:
        """The model from the URL."""
        return str(self._session["model"])

    @property
    def voice(self) -> Any:
        """The voice: a name, or an object with an id."""
        return self._session["audio"]["output"]["voice"]

    @property
    def modality(self) -> str:
        """`audio` or `text`."""
        return str(self._session["output_modalities"][0])

    @property
    def input_format(self) -> str:
        """`audio/pcm`, `audio/pcmu` or `audio/pcma`."""
        return str(self._session["audio"]["input"]["format"]["type"])

    @property
    def output_format(self) -> Json:
        """The output format as configured."""
        return dict(self._session["audio"]["output"]["format"])

    @property
    def transcribes(self) -> bool:
        """Whether the caller's speech is transcribed."""
        return self._session["audio"]["input"]["transcription"] is not None

    @property
    def turn_detection(self) -> Json | None:
        """The turn detection in force, with defaults filled in; None when the client commits itself."""
        found = self._session["audio"]["input"]["turn_detection"]
        return None if found is None else dict(found)

    @property
    def silence_ms(self) -> int:
        """How long the caller must be silent for a turn to be over.

        Semantic detection is stood in for by a silence that depends on the eagerness.
        """
        detection = self.turn_detection or {}
        if detection.get("type") == "semantic_vad":
            return _SEMANTIC_SILENCE_MS[detection["eagerness"]]
        return int(detection.get("silence_duration_ms", 0))


def _whole(detection: Json | None) -> Json | None:
    match detection:
        case None:
            return None
        case {"type": "semantic_vad"}:
            return {**_SEMANTIC_VAD, **detection}
        case _:
            return {**_SERVER_VAD, **detection}
