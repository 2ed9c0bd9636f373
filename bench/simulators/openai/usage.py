"""Token counts as the provider bills them.

Source: OpenAI pricing pages, read 2026-11: one audio token per 100 ms heard and per 50 ms spoken; the whole
conversation is input to every response, mostly cached after the first.
"""

from dataclasses import dataclass
from typing import Any

from bench.simulators.openai.settings import SessionSettings

_CHARS_PER_TOKEN = 4
_MS_PER_HEARD_TOKEN = 100


@dataclass(frozen=True, slots=True)
class Usage:
    """Audio and text tokens."""

    audio: int
    text: int


def text_tokens(text: str) -> int:
    """Return about how many tokens a text is."""
    return -(-len(text) // _CHARS_PER_TOKEN)


def heard_tokens(audio_ms: float) -> int:
    """Return the tokens of caller speech."""
    return int(audio_ms // _MS_PER_HEARD_TOKEN)


def usage_json(context: Usage, output: Usage, settings: SessionSettings) -> dict[str, Any]:
    """Return the `usage` of a finished response.

    Args:
        context: the conversation before it.
        output: what it produced.
        settings: instructions and tools count as input text.
    """
    view = settings.view()
    standing = text_tokens(str(view["instructions"])) + text_tokens(str(view["tools"]))
    text_in = context.text + standing
    cached_text, cached_audio = context.text // 64 * 64, context.audio // 64 * 64
    return {
        "total_tokens": text_in + context.audio + output.text + output.audio,
        "input_tokens": text_in + context.audio,
        "output_tokens": output.text + output.audio,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": context.audio,
            "image_tokens": 0,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": {
                "text_tokens": cached_text,
                "audio_tokens": cached_audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": output.text, "audio_tokens": output.audio},
    }
