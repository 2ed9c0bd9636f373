"""The client messages of the Live API: which fields each may have.

Source: Gemini API reference, "Live API - WebSockets API reference", and google-genai 3.4.0 (`types.py`,
`_live_converters.py`, the `_to_mldev` functions), read 2026-11.
"""

from typing import Any

import msgspec

from bench.simulators.gemini.checking import (
    Check,
    anything,
    array,
    binary,
    boolean,
    integer,
    later,
    literal,
    mapping,
    number,
    one_of,
    record,
    struct,
    text,
)
from bench.simulators.gemini.rejection import INVALID, Rejection, invalid_argument

Json = dict[str, Any]

_COUNT = integer(0, 2**31 - 1)
_BLOB = record({"mimeType": text, "data": binary, "displayName": text})
_FUNCTION_RESPONSE = record(
    {
        "id": text,
        "name": text,
        "response": struct,
        "scheduling": one_of("SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"),
        "willContinue": boolean,
        "parts": array(anything),
    }
)
_PART = record(
    {
        "text": text,
        "thought": boolean,
        "thoughtSignature": binary,
        "inlineData": _BLOB,
        "fileData": record({"fileUri": text, "mimeType": text, "displayName": text}),
        "functionCall": record({"id": text, "name": text, "args": struct}),
        "functionResponse": _FUNCTION_RESPONSE,
    }
)
_ROLE = literal("Please use a valid role: user, model.", "user", "model")
_CONTENT = record({"role": _ROLE, "parts": array(_PART)})
_INSTRUCTION = record({"role": anything, "parts": array(_PART)})
_SCHEMA: Check = record(
    {
        "type": one_of("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"),
        **dict.fromkeys(("format", "title", "description", "pattern"), text),
        **dict.fromkeys(("example", "default"), anything),
        "nullable": boolean,
        **dict.fromkeys(("enum", "required", "propertyOrdering"), array(text)),
        **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength"), _COUNT),
        **dict.fromkeys(("minProperties", "maxProperties"), _COUNT),
        **dict.fromkeys(("minimum", "maximum"), number(-1e308, 1e308)),
        "items": later(lambda: _SCHEMA),
        "anyOf": array(later(lambda: _SCHEMA)),
        "properties": mapping(later(lambda: _SCHEMA)),
    }
)
_FUNCTION = record(
    {
        "name": text,
        "description": text,
        "parameters": _SCHEMA,
        "parametersJsonSchema": anything,
        "response": _SCHEMA,
        "responseJsonSchema": anything,
        "behavior": one_of("UNSPECIFIED", "BLOCKING", "NON_BLOCKING"),
    }
)
_TOOL = record(
    {
        "functionDeclarations": array(_FUNCTION),
        **dict.fromkeys(("googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext"), struct),
        **dict.fromkeys(("googleMaps", "computerUse", "fileSearch"), struct),
        "mcpServers": array(struct),
    }
)
_TRANSCRIPTION = record(
    {
        **dict.fromkeys(("languageCodes", "customVocabulary", "adaptationPhrases"), array(text)),
        **dict.fromkeys(("languageAuto", "languageHints"), struct),
        **dict.fromkeys(("wordTimestamp", "diarization"), boolean),
        "mode": one_of("MODE_UNSPECIFIED", "VERBATIM", "SMART"),
        "sourceText": text,
    }
)
_SPEECH = record(
    {
        "voiceConfig": record(
            {
                "prebuiltVoiceConfig": record({"voiceName": text}),
                "replicatedVoiceConfig": struct,
                "voice": text,
            }
        ),
        "multiSpeakerVoiceConfig": struct,
        "languageCode": text,
    }
)
_GENERATION = record(
    {
        "responseModalities": array(one_of("TEXT", "AUDIO", "IMAGE", "VIDEO")),
        "speechConfig": _SPEECH,
        "thinkingConfig": record(
            {
                "includeThoughts": boolean,
                "thinkingBudget": integer(-1, 2**31 - 1),
                "thinkingLevel": one_of(
                    "THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"
                ),
            }
        ),
        "temperature": number(0, 2),
        "topP": number(0, 1),
        "topK": number(0, 1000),
        "maxOutputTokens": integer(1, 2**31 - 1),
        "candidateCount": integer(1, 1),
        "seed": integer(-(2**31), 2**31 - 1),
        **dict.fromkeys(("presencePenalty", "frequencyPenalty"), number(-2, 2)),
        "mediaResolution": text,
        "enableAffectiveDialog": boolean,
        "translationConfig": struct,
    }
)
_DETECTION = record(
    {
        "disabled": boolean,
        "startOfSpeechSensitivity": one_of(
            "START_SENSITIVITY_UNSPECIFIED", "START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"
        ),
        "endOfSpeechSensitivity": one_of(
            "END_SENSITIVITY_UNSPECIFIED", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"
        ),
        **dict.fromkeys(("prefixPaddingMs", "silenceDurationMs"), _COUNT),
    }
)
_REALTIME_CONFIG = record(
    {
        "automaticActivityDetection": _DETECTION,
        "activityHandling": one_of(
            "ACTIVITY_HANDLING_UNSPECIFIED", "START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"
        ),
        "turnCoverage": one_of(
            "TURN_COVERAGE_UNSPECIFIED",
            "TURN_INCLUDES_ONLY_ACTIVITY",
            "TURN_INCLUDES_ALL_INPUT",
            "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
        ),
        "interimTranscriptTimestampEnabled": boolean,
    }
)
_SETUP = record(
    {
        "model": text,
        "generationConfig": _GENERATION,
        "systemInstruction": _INSTRUCTION,
        "tools": array(_TOOL),
        "realtimeInputConfig": _REALTIME_CONFIG,
        "sessionResumption": record({"handle": text}),
        "contextWindowCompression": record(
            {"triggerTokens": _COUNT, "slidingWindow": record({"targetTokens": _COUNT})}
        ),
        "inputAudioTranscription": _TRANSCRIPTION,
        "outputAudioTranscription": _TRANSCRIPTION,
        "proactivity": record({"proactiveAudio": boolean, "proactiveVideo": boolean}),
        "historyConfig": record({"initialHistoryInClientContent": boolean}),
        "avatarConfig": struct,
        "safetySettings": array(struct),
        "labels": mapping(text),
    }
)
_REALTIME_INPUT = record(
    {
        **dict.fromkeys(("audio", "video"), _BLOB),
        "mediaChunks": array(_BLOB),
        "text": text,
        "audioStreamEnd": boolean,
        **dict.fromkeys(("activityStart", "activityEnd"), record({})),
    }
)
_MESSAGE = record(
    {
        "setup": _SETUP,
        "clientContent": record({"turns": array(_CONTENT), "turnComplete": boolean}),
        "realtimeInput": _REALTIME_INPUT,
        "toolResponse": record({"functionResponses": array(_FUNCTION_RESPONSE)}),
        "contextUpdate": record(
            {"systemInstruction": _INSTRUCTION, "tools": record({"tools": array(_TOOL)})}
        ),
    }
)


def read_message(data: str | bytes) -> tuple[str, Json]:
    """Check a client message strictly.

    Args:
        data: of a text or a binary frame; the service takes both.

    Returns:
        Which message it is, in lowerCamelCase, and its body in canonical spelling, blobs decoded.

    Raises:
        Rejection: no JSON object, not exactly one message, or a field is unknown or wrong.
    """
    try:
        decoded = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejection(INVALID, f"Invalid JSON payload received. {error}") from error
    message = _MESSAGE(decoded, "")
    if len(message) > 1:
        raise Rejection(INVALID, f"oneof field 'message_type' is already set. Cannot set '{[*message][1]}'")
    if not message:
        raise invalid_argument()
    kind: str = next(iter(message))
    body: Json = message[kind]
    return kind, body
