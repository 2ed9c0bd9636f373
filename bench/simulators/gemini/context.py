"""The model's context in tokens, and what a response is said to have used.

Source: google-genai 3.4.0, `UsageMetadata`; Gemini API pricing and Live API guide, read 2026-11: 25 tokens
per second of audio; the whole context is billed as prompt with every response.
"""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_CHARS_PER_TOKEN = 4
_MS_PER_TOKEN = 40


def text_tokens(text: str) -> int:
    """Return about how many tokens a text is."""
    return -(-len(text) // _CHARS_PER_TOKEN)


@dataclass(slots=True)
class Context:
    """What the model has been given and has said.

    Args:
        audio: tokens of sound.
        text: tokens of words.
        tool_results: tokens of tool results since the last response.
    """

    audio: int = 0
    text: int = 0
    tool_results: int = 0

    def hear(self, audio_ms: float) -> None:
        """Take in the caller's sound."""
        self.audio += int(audio_ms // _MS_PER_TOKEN)

    def read(self, text: str) -> None:
        """Take in words."""
        self.text += text_tokens(text)

    def read_tool_result(self, text: str) -> None:
        """Take in what a tool returned."""
        self.tool_results += text_tokens(text)

    def use(self, spoken_ms: float, written: str, thoughts: str, standing: int) -> Json:
        """Close a response: its output becomes context.

        Args:
            spoken_ms: sound produced.
            written: text produced (not the transcript of the sound, which is free).
            thoughts: thoughts produced.
            standing: tokens of instruction and tools.

        Returns:
            The `usageMetadata` of the response.
        """
        prompt = _details(self.text + standing, self.audio)
        response = _details(text_tokens(written), int(spoken_ms // _MS_PER_TOKEN))
        counts = {
            "promptTokenCount": sum(each["tokenCount"] for each in prompt),
            "responseTokenCount": sum(each["tokenCount"] for each in response),
            "toolUsePromptTokenCount": self.tool_results,
            "thoughtsTokenCount": text_tokens(thoughts),
        }
        usage: Json = {name: count for name, count in counts.items() if count}
        usage["totalTokenCount"] = sum(counts.values())
        details = {
            "promptTokensDetails": prompt,
            "responseTokensDetails": response,
            "toolUsePromptTokensDetails": _details(self.tool_results, 0),
        }
        usage |= {name: each for name, each in details.items() if each}
        self.text += text_tokens(written) + self.tool_results
        self.tool_results = 0
        self.hear(spoken_ms)
        return usage

    def compress(self, trigger: int, target: int) -> None:
        """Forget the oldest until `target` tokens are left, if there are more than `trigger`."""
        total = self.audio + self.text
        if total > trigger:
            kept = min(target, total)
            self.audio = self.audio * kept // total
            self.text = kept - self.audio


def _details(text: int, audio: int) -> list[Json]:
    counts = (("TEXT", text), ("AUDIO", audio))
    return [{"modality": name, "tokenCount": count} for name, count in counts if count]
