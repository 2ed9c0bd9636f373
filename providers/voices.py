"""Voices by provider, so that a flow's voice means something sensible wherever its call is carried.

Source: OpenAI Realtime guide, "Voice options"; Gemini API, "Voice options" of speech generation; both read
2026-11. ElevenLabs' voices are ids of 20 letters and digits, its owner's among them.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

OPENAI_VOICES = frozenset(
    ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
)
GEMINI_VOICES = frozenset(
    [
        "Zephyr",
        "Puck",
        "Charon",
        "Kore",
        "Fenrir",
        "Leda",
        "Orus",
        "Aoede",
        "Callirrhoe",
        "Autonoe",
        "Enceladus",
        "Iapetus",
        "Umbriel",
        "Algieba",
        "Despina",
        "Erinome",
        "Algenib",
        "Rasalgethi",
        "Laomedeia",
        "Achernar",
        "Alnilam",
        "Schedar",
        "Gacrux",
        "Pulcherrima",
        "Achird",
        "Zubenelgenubi",
        "Vindemiatrix",
        "Sadachbia",
        "Sadaltager",
        "Sulafat",
    ]
)
_ELEVENLABS_ID = re.compile(r"[A-Za-z0-9]{20}", re.ASCII)

DEFAULT_VOICES: Mapping[str, str] = MappingProxyType(
    {"openai": "marin", "gemini": "Kore", "elevenlabs": "cjVigY5qzO86Huf0OWal"}
)


def voice_for(provider: str, wanted: str) -> str:
    """The voice a session gets.

    Args:
        provider: Who speaks.
        wanted: What the flow names. A name nobody knows is passed on: providers add voices.

    Returns:
        `wanted`, unless it is empty or a voice of another provider: then the provider's default.
    """
    owners = _owners(wanted)
    if not wanted or (owners and provider not in owners):
        return DEFAULT_VOICES[provider]
    return wanted


def _owners(voice: str) -> set[str]:
    owners = set()
    if voice in OPENAI_VOICES:
        owners.add("openai")
    if voice in GEMINI_VOICES:
        owners.add("gemini")
    if _ELEVENLABS_ID.fullmatch(voice):
        owners.add("elevenlabs")
    return owners
