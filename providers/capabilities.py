"""What each provider's sessions can do: the differences between them, as data.

Source: the providers' own documentation, read 2026-11; the codecs say where each fact comes from.
"""

from collections.abc import Mapping
from types import MappingProxyType

from providers.session import Capabilities

OPENAI = Capabilities(
    name="openai",
    truncates=True,
    cancels_on_speech=False,  # we tell it not to: see the codec
    native_mulaw=True,
    greets=False,
    tells_answer_end=True,
    session_limit_s=3600.0,
)
GEMINI = Capabilities(
    name="gemini",
    truncates=False,
    cancels_on_speech=True,
    native_mulaw=False,
    greets=False,
    tells_answer_end=True,
    session_limit_s=600.0,
)
ELEVENLABS = Capabilities(
    name="elevenlabs",
    truncates=True,  # in words: a contextual update says what was heard
    cancels_on_speech=True,
    native_mulaw=True,
    greets=True,
    tells_answer_end=False,
    session_limit_s=7200.0,  # what we ask for when we create the agent
)

CAPABILITIES: Mapping[str, Capabilities] = MappingProxyType(
    {each.name: each for each in (OPENAI, GEMINI, ELEVENLABS)}
)
"""By name, in order of preference."""
