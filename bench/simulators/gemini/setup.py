"""What the client's setup message asks for.

Source: Gemini API reference, "BidiGenerateContentSetup" and "RealtimeInputConfig", and google-genai 3.4.0,
read 2026-11. A start sensitivity of LOW and an end sensitivity of LOW are stood in for by a higher level and
a longer silence.
"""

from dataclasses import dataclass
from typing import Any

from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.rejection import INVALID, POLICY, Rejection, invalid_argument

Json = dict[str, Any]

_PREFIX = "models/"
_THRESHOLD = 0.5
_LOW_START_THRESHOLD = 0.7
_LEAST_SPEECH_MS = 60
_LOW_END_FACTOR = 2


@dataclass(frozen=True, slots=True)
class Detection:
    """How the caller's speech is found.

    Args:
        automatic: the server listens; otherwise the client marks activity.
        threshold: 0 to 1, as `VoiceActivity` has it.
        least_speech_ms: so much speech before a start is committed.
        silence_ms: so much silence before an end is committed.
        interrupts: speech cuts an answer short.
    """

    automatic: bool = True
    threshold: float = _THRESHOLD
    least_speech_ms: int = _LEAST_SPEECH_MS
    silence_ms: int = 500
    interrupts: bool = True


@dataclass(frozen=True, slots=True)
class Setup:
    """One session's configuration.

    Args:
        model: without `models/`.
        modality: `AUDIO` or `TEXT`.
        detection: how speech is found.
        bills_silence: all audio is input to the model, not only speech.
        transcribes_input: the caller's words are sent.
        transcribes_output: the model's words are sent beside its voice.
        resumable: the client wants handles.
        handle: of the session to be continued.
        compresses: (trigger, target) tokens of the context; None: it is not compressed.
        seeds_history: the first client content is history.
        thinks_aloud: thoughts are sent.
        max_output_tokens: where a response is cut off; None: nowhere.
        instruction: text of the system instruction.
        tools: as given; they count as input.
    """

    model: str
    modality: str
    detection: Detection
    bills_silence: bool
    transcribes_input: bool
    transcribes_output: bool
    resumable: bool
    handle: str | None
    compresses: tuple[int, int] | None
    seeds_history: bool
    thinks_aloud: bool
    max_output_tokens: int | None
    instruction: str
    tools: str


def read_setup(body: Json, config: GeminiConfig) -> Setup:
    """Make sense of a checked setup.

    Args:
        body: of the message.
        config: the models there are, and defaults.

    Raises:
        Rejection: no such model, or one of the fields cannot be honoured.
    """
    generation = body.get("generationConfig", {})
    realtime = body.get("realtimeInputConfig", {})
    resumption = body.get("sessionResumption", {})
    check_tools(body.get("tools", []))
    if resumption.get("handle") == "":
        raise invalid_argument()
    return Setup(
        model=_model(body.get("model", ""), config),
        modality=_modality(generation.get("responseModalities", ["AUDIO"])),
        detection=_detection(realtime, config),
        bills_silence=realtime.get("turnCoverage") == "TURN_INCLUDES_ALL_INPUT",
        transcribes_input="inputAudioTranscription" in body,
        transcribes_output="outputAudioTranscription" in body,
        resumable="sessionResumption" in body,
        handle=resumption.get("handle"),
        compresses=_compression(body.get("contextWindowCompression")),
        seeds_history=body.get("historyConfig", {}).get("initialHistoryInClientContent", False),
        thinks_aloud=generation.get("thinkingConfig", {}).get("includeThoughts", False),
        max_output_tokens=generation.get("maxOutputTokens"),
        instruction=words_of(body.get("systemInstruction", {})),
        tools=str(body.get("tools", "")),
    )


def words_of(content: Json) -> str:
    """Return the text of a content's parts."""
    return " ".join(part["text"] for part in content.get("parts", []) if "text" in part)


def check_tools(tools: list[Json]) -> None:
    """Refuse what the simulated models cannot do.

    Raises:
        Rejection: a function without a name, one that shall not block, or two of one name.
    """
    functions = [function for tool in tools for function in tool.get("functionDeclarations", [])]
    names = [function.get("name", "") for function in functions]
    if "" in names or len(set(names)) < len(names):
        raise invalid_argument()
    if any(function.get("behavior") == "NON_BLOCKING" for function in functions):
        raise Rejection(POLICY, "Operation is not implemented, or supported, or enabled.")


def _model(name: str, config: GeminiConfig) -> str:
    if not name.startswith(_PREFIX):
        raise Rejection(INVALID, "* BidiGenerateContentRequest.setup.model: unexpected model name format")
    if name.removeprefix(_PREFIX) not in config.models:
        message = f"{name} is not found for API version v1, or is not supported for bidiGenerateContent."
        raise Rejection(POLICY, message)
    return name.removeprefix(_PREFIX)


def _modality(asked: list[str]) -> str:
    if asked not in (["AUDIO"], ["TEXT"]):
        raise invalid_argument()
    return asked[0]


def _detection(realtime: Json, config: GeminiConfig) -> Detection:
    asked = realtime.get("automaticActivityDetection", {})
    patient = asked.get("endOfSpeechSensitivity") == "END_SENSITIVITY_LOW"
    deaf = asked.get("startOfSpeechSensitivity") == "START_SENSITIVITY_LOW"
    silence_ms = config.silence_ms * (_LOW_END_FACTOR if patient else 1)
    return Detection(
        automatic=not asked.get("disabled", False),
        threshold=_LOW_START_THRESHOLD if deaf else _THRESHOLD,
        least_speech_ms=max(_LEAST_SPEECH_MS, asked.get("prefixPaddingMs", 0)),
        silence_ms=asked.get("silenceDurationMs", silence_ms),
        interrupts=realtime.get("activityHandling") != "NO_INTERRUPTION",
    )


def _compression(asked: Json | None) -> tuple[int, int] | None:
    if asked is None:
        return None
    trigger = asked.get("triggerTokens", 104_857)
    return trigger, asked.get("slidingWindow", {}).get("targetTokens", trigger // 2)
