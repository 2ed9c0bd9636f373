"""A flow's voice with each provider: its own where it is one of theirs, something sensible elsewhere."""

import pytest

from providers.capabilities import CAPABILITIES
from providers.voices import DEFAULT_VOICES, GEMINI_VOICES, OPENAI_VOICES, voice_for

ELEVENLABS_VOICE = "JBFqnCBsd6RMkjVDRZzb"


@pytest.mark.parametrize(
    ("owner", "voice"), [("openai", "cedar"), ("gemini", "Puck"), ("elevenlabs", ELEVENLABS_VOICE)]
)
def test_a_voice_sounds_with_its_owner_and_is_replaced_elsewhere(owner: str, voice: str) -> None:
    assert {name: voice_for(name, voice) for name in CAPABILITIES} == {**DEFAULT_VOICES, owner: voice}


@pytest.mark.parametrize("provider", CAPABILITIES)
def test_no_voice_is_the_default_and_one_nobody_knows_is_passed_on(provider: str) -> None:
    assert voice_for(provider, "") == DEFAULT_VOICES[provider]
    assert voice_for(provider, "brand-new") == "brand-new"


def test_no_name_belongs_to_two_providers_and_every_default_to_its_own() -> None:
    assert not {name.lower() for name in OPENAI_VOICES} & {name.lower() for name in GEMINI_VOICES}
    assert set(DEFAULT_VOICES) == set(CAPABILITIES)
    for provider, voice in DEFAULT_VOICES.items():
        assert voice_for(provider, voice) == voice
