"""The first message of a Gemini Live session: everything it is told before the first word.

Source: google-genai 3.4 `types.LiveClientSetup` and `_live_converters._LiveConnectConfig_to_mldev`, read
2026-11-24; Gemini API, Live API guides "Capabilities", "Session management" and "Tool use".
"""

from typing import Any

from providers.session import SemanticVad, ServerVad, SessionConfig, ToolDefinition, TurnDetection
from providers.voices import voice_for

CENTRE_THRESHOLD = 0.5
"""An energy threshold above this asks for more before noise counts as speech."""

_END_SENSITIVITY = {"low": "END_SENSITIVITY_LOW", "high": "END_SENSITIVITY_HIGH"}


def gives_history(config: SessionConfig) -> bool:
    """Whether the session waits for what was said before it: the provider itself remembers nothing of it."""
    return config.continues and config.resume_handle is None


def setup_message(config: SessionConfig, model: str) -> dict[str, Any]:
    """Write the setup.

    Args:
        config: What the session is told.
        model: The model, without `models/`.
    """
    handle = {"handle": config.resume_handle} if config.resume_handle is not None else {}
    setup: dict[str, Any] = {
        "model": f"models/{model}",
        "generationConfig": _generation(config),
        "systemInstruction": {"role": "user", "parts": [{"text": config.instructions}]},
        "realtimeInputConfig": {
            "automaticActivityDetection": _activity_detection(config.turn_detection),
            "activityHandling": "START_OF_ACTIVITY_INTERRUPTS",
        },
        # A hint to the transcript; the voice chooses its language by itself with current models.
        "inputAudioTranscription": {"languageCodes": [config.language]} if config.language else {},
        "outputAudioTranscription": {},
        "sessionResumption": handle,
        "contextWindowCompression": {"slidingWindow": {}},  # without it 15 minutes of audio are the end
    }
    if config.tools:
        setup["tools"] = [{"functionDeclarations": [_declaration(tool, model) for tool in config.tools]}]
    if gives_history(config):
        setup["historyConfig"] = {"initialHistoryInClientContent": True}
    return {"setup": setup}


def _generation(config: SessionConfig) -> dict[str, Any]:
    voice = {"prebuiltVoiceConfig": {"voiceName": voice_for("gemini", config.voice)}}
    return {"responseModalities": ["AUDIO"], "speechConfig": {"voiceConfig": voice}}


def _activity_detection(detection: TurnDetection) -> dict[str, Any]:
    match detection:
        case ServerVad(threshold=threshold, silence_duration_ms=silence):
            # Our prefix is lead-in that is kept; theirs is how long speech must last before it counts, and
            # would swallow a short "yes".
            wary = (
                {"startOfSpeechSensitivity": "START_SENSITIVITY_LOW"} if threshold > CENTRE_THRESHOLD else {}
            )
            return {"silenceDurationMs": silence, **wary}
        case SemanticVad(eagerness=eagerness):
            sensitivity = _END_SENSITIVITY.get(eagerness)
            return {"endOfSpeechSensitivity": sensitivity} if sensitivity else {}


def _declaration(tool: ToolDefinition, model: str) -> dict[str, Any]:
    declaration: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        # JSON Schema as it is: `parameters` would need another dialect, and refuses additionalProperties
        # (livekit/agents #7302: both fields tried on gemini-3.1-flash-live-preview and gemini-3.8-live).
        "parametersJsonSchema": tool.parameters,
    }
    # From 3.8 on models do not wait for results unless told to, and tell the caller of them before they are
    # there. The extended-thinking ones cannot wait (same thread).
    if "extended-thinking" not in model:
        declaration["behavior"] = "BLOCKING"
    return declaration
