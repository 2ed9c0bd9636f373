"""Simulated providers by name, and what points a service at one of them."""

from dataclasses import fields

import pytest

from bench.scenarios.agent import AgentScript
from hum.settings import Settings, SettingsError, child_environment, read_settings
from hum.simulated import access_environment, access_settings, simulated_provider
from providers.directory import PROVIDERS

KEYS = ("openai_api_key", "gemini_api_key", "elevenlabs_api_key")


@pytest.mark.parametrize("name", PROVIDERS)
def test_settings_name_one_provider(name: str) -> None:
    settings = Settings(**access_settings(name, "key", "http://127.0.0.1:1"))
    assert [getattr(settings, key) for key in KEYS if getattr(settings, key)] == ["key"]
    assert getattr(settings, f"{name}_url") == "http://127.0.0.1:1"


@pytest.mark.parametrize("name", PROVIDERS)
def test_another_process_knows_that_provider_and_no_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in fields(Settings):
        if field.name.endswith("_api_key"):
            monkeypatch.setenv(field.metadata["env"], "from outside")
        if field.name in ("openai_url", "gemini_url", "elevenlabs_url"):
            monkeypatch.setenv(field.metadata["env"], "http://elsewhere.example.com")
    environment = child_environment(access_environment(name, "key", "http://127.0.0.1:1"))
    settings = read_settings(environment)
    assert {key: getattr(settings, key) for key in KEYS} == {
        key: "key" if key == f"{name}_api_key" else None for key in KEYS
    }
    urls = {other: getattr(settings, f"{other}_url") for other in PROVIDERS}
    assert urls == {other: "http://127.0.0.1:1" if other == name else None for other in PROVIDERS}


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", PROVIDERS)
async def test_each_provider_has_its_simulator(name: str) -> None:
    async with simulated_provider(name, AgentScript(), speed=2.0) as speech:
        assert speech.url.startswith("http://127.0.0.1:")
        assert speech.config.api_key
        assert speech.config.speed == 2.0
        assert name in type(speech).__module__


def test_no_other_has_one() -> None:
    with pytest.raises(SettingsError, match="no simulator for 'parrot'"):
        simulated_provider("parrot", AgentScript())
