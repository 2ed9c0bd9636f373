"""What a Gemini Live session used.

Every `usageMetadata` of a session counts; their sum is what is billed. The parts by modality need not add up
to the counts. Thoughts and the results of tools are text.

Source: google-genai 3.4 `types.UsageMetadata`, read 2026-11-24 (the total is prompt + response + tool use +
thoughts); discuss.ai.google.dev 173248 (summing), 188765 (parts).
"""

from collections.abc import Iterator

from providers.gemini import messages as m
from providers.session import UsageCounted

_NAMES = {"TEXT": "text", "DOCUMENT": "text", "AUDIO": "audio", "IMAGE": "image", "VIDEO": "image"}


def count_usage(usage: m.UsageMetadata) -> Iterator[UsageCounted]:
    """Yield the count of one message, unless it is of nothing."""
    results, thoughts = usage.tool_use_prompt_token_count or 0, usage.thoughts_token_count or 0
    input_tokens = (usage.prompt_token_count or 0) + results
    output_tokens = (usage.response_token_count or 0) + thoughts
    if not input_tokens and not output_tokens:
        return
    details: dict[str, int] = {}
    _add(details, "input", usage.prompt_tokens_details)
    _add(details, "output", usage.response_tokens_details)
    _add(details, "input_cached", usage.cache_tokens_details)
    for name, tokens in (("input_text_tokens", results), ("output_text_tokens", thoughts)):
        if tokens:
            details[name] = details.get(name, 0) + tokens
    yield UsageCounted(input_tokens, output_tokens, details)


def _add(details: dict[str, int], side: str, parts: list[m.ModalityTokens] | None) -> None:
    for part in parts or ():
        if part.token_count:
            name = f"{side}_{_NAMES.get(part.modality or '', 'text')}_tokens"
            details[name] = details.get(name, 0) + part.token_count
