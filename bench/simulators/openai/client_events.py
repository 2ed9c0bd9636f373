"""The client events of the GA Realtime API: which fields each may have.

Source: OpenAI API reference, "Realtime client events", and the types of openai-python 3.54.0
(`types/realtime`), read 2026-11.
"""

from typing import Any

from bench.simulators.openai.checking import (
    Check,
    anything,
    array,
    boolean,
    either,
    integer,
    nullable,
    number,
    one_of,
    record,
    tagged,
    text,
    within,
)
from bench.simulators.openai.rejection import missing_parameter, not_supported

VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")

_TYPE = {"type": text}
_FORMAT = tagged(
    "type",
    {
        "audio/pcm": record(
            {**_TYPE, "rate": within(integer(1, 192_000), lambda r: r == 24_000, "rate must be 24000.")}
        ),
        "audio/pcmu": record(_TYPE),
        "audio/pcma": record(_TYPE),
    },
)
_TURN_DETECTION = nullable(
    tagged(
        "type",
        {
            "server_vad": record(
                {
                    **_TYPE,
                    "threshold": number(0, 1),
                    "prefix_padding_ms": integer(0, 5000),
                    "silence_duration_ms": integer(0, 10_000),
                    "idle_timeout_ms": nullable(integer(5000, 30_000)),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
            "semantic_vad": record(
                {
                    **_TYPE,
                    "eagerness": one_of("low", "medium", "high", "auto"),
                    "create_response": boolean,
                    "interrupt_response": boolean,
                }
            ),
        },
    )
)
_TRANSCRIPTION = nullable(
    record(
        {
            "model": text,
            "language": text,
            "languages": array(text),
            "prompt": text,
            "keywords": array(text),
            "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
        }
    )
)
_VOICE = either(record({"id": text}, "id"), one_of(*VOICES))
_AUDIO_OUTPUT = record({"format": _FORMAT, "voice": _VOICE, "speed": number(0.25, 1.5)})
_AUDIO = record(
    {
        "input": record(
            {
                "format": _FORMAT,
                "noise_reduction": nullable(
                    record({"type": one_of("near_field", "far_field"), "strength": number(0, 1)})
                ),
                "transcription": _TRANSCRIPTION,
                "turn_detection": _TURN_DETECTION,
            }
        ),
        "output": _AUDIO_OUTPUT,
    }
)
_TOOL = tagged(
    "type",
    {
        "function": record(
            {**_TYPE, "name": text, "description": text, "parameters": anything}, "type", "name"
        ),
        "mcp": record(
            {
                **_TYPE,
                "server_label": text,
                "server_url": text,
                "connector_id": text,
                "tunnel_id": text,
                "authorization": text,
                "headers": nullable(anything),
                "server_description": text,
                "allowed_tools": nullable(anything),
                "allowed_callers": nullable(array(text)),
                "require_approval": nullable(anything),
                "defer_loading": boolean,
            },
            "server_label",
        ),
    },
)
_TOOL_CHOICE = either(
    tagged(
        "type",
        {
            "function": record({**_TYPE, "name": text}, "name"),
            "mcp": record({**_TYPE, "server_label": text, "name": nullable(text)}, "server_label"),
        },
    ),
    one_of("auto", "none", "required"),
)
_MAX_TOKENS = either(integer(1, 4096), one_of("inf"))
_MODALITIES = within(
    array(one_of("audio", "text")),
    lambda m: len(m) == 1,
    "Supported combinations are: ['text'] and ['audio'].",
)
_GENERATION: dict[str, Check] = {
    "instructions": text,
    "max_output_tokens": _MAX_TOKENS,
    "output_modalities": _MODALITIES,
    "parallel_tool_calls": boolean,
    "prompt": nullable(anything),
    "reasoning": nullable(record({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})),
    "tool_choice": _TOOL_CHOICE,
    "tools": array(_TOOL),
}
_SESSION = record(
    {
        **_GENERATION,
        "type": one_of("realtime"),
        "model": text,
        "audio": _AUDIO,
        "include": nullable(array(one_of("item.input_audio_transcription.logprobs"))),
        "tracing": nullable(anything),
        "truncation": anything,
    },
    "type",
)
_ITEM_COMMON: dict[str, Check] = {
    "id": text,
    "type": text,
    "object": one_of("realtime.item"),
    "status": one_of("completed", "incomplete", "in_progress"),
}


def _message(*kinds: str) -> Check:
    parts: dict[str, Check] = {
        "input_text": record({**_TYPE, "text": text}, "text"),
        "output_text": record({**_TYPE, "text": text}, "text"),
        "input_audio": record({**_TYPE, "audio": text, "transcript": nullable(text)}, "audio"),
        "input_image": record({**_TYPE, "image_url": text, "detail": text}, "image_url"),
    }
    content = array(tagged("type", {kind: parts[kind] for kind in kinds}))
    return record({**_ITEM_COMMON, "role": text, "content": content}, "content")


_ITEM = tagged(
    "type",
    {
        "message": tagged(
            "role",
            {
                "user": _message("input_text", "input_audio", "input_image"),
                "assistant": _message("output_text"),
                "system": _message("input_text"),
            },
        ),
        "function_call": record(
            {**_ITEM_COMMON, "call_id": text, "name": text, "arguments": text}, "name", "arguments"
        ),
        "function_call_output": record(
            {**_ITEM_COMMON, "call_id": text, "output": text}, "call_id", "output"
        ),
        "mcp_approval_response": record(
            {**_ITEM_COMMON, "approval_request_id": text, "approve": boolean, "reason": nullable(text)},
            "approval_request_id",
            "approve",
        ),
    },
)
_RESPONSE = record(
    {
        **_GENERATION,
        "conversation": one_of("auto", "none"),
        "input": array(anything),
        "metadata": nullable(anything),
        "audio": record({"output": _AUDIO_OUTPUT}),
    }
)
_EVENT: dict[str, Check] = {"type": text, "event_id": text}

CLIENT_EVENTS: dict[str, Check] = {
    "session.update": record({**_EVENT, "session": _SESSION}, "session"),
    "input_audio_buffer.append": record({**_EVENT, "audio": text}, "audio"),
    "input_audio_buffer.commit": record(_EVENT),
    "input_audio_buffer.clear": record(_EVENT),
    "conversation.item.create": record({**_EVENT, "item": _ITEM, "previous_item_id": nullable(text)}, "item"),
    "conversation.item.delete": record({**_EVENT, "item_id": text}, "item_id"),
    "conversation.item.retrieve": record({**_EVENT, "item_id": text}, "item_id"),
    "conversation.item.truncate": record(
        {**_EVENT, "item_id": text, "content_index": integer(0, 1000), "audio_end_ms": integer(0, 2**31)},
        "item_id",
        "content_index",
        "audio_end_ms",
    ),
    "response.create": record({**_EVENT, "response": nullable(_RESPONSE)}),
    "response.cancel": record({**_EVENT, "response_id": text}),
}


def check_event(event: dict[str, Any]) -> str:
    """Check a client event strictly.

    Args:
        event: the decoded JSON object.

    Returns:
        Its type.

    Raises:
        Rejection: its type is unknown, or a field is missing, unknown or wrong.
    """
    if "type" not in event:
        raise missing_parameter("type")
    kind = event["type"]
    if not isinstance(kind, str) or kind not in CLIENT_EVENTS:
        raise not_supported("type", kind, list(CLIENT_EVENTS))
    CLIENT_EVENTS[kind](event, "")
    return kind
