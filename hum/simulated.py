"""Simulated speech providers by name, and what points a service at one of them."""

from dataclasses import fields
from typing import Any

from bench.scenarios.agent import AgentScript
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.simulators.gemini import GeminiConfig, GeminiSimulator
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from hum.settings import Settings, SettingsError

SimulatedProvider = OpenAISimulator | GeminiSimulator | ElevenLabsSimulator
"""An async context manager; inside it has a `url` and a `config.api_key`."""


def simulated_provider(name: str, script: AgentScript, *, speed: float = 4.0) -> SimulatedProvider:
    """Make the simulator of a provider.

    Args:
        name: The provider's name in flows.
        script: What the model hears, says and does.
        speed: How many times faster than real time its speech is sent.

    Raises:
        SettingsError: There is no such provider.
    """
    match name:
        case "openai":
            return OpenAISimulator(OpenAIConfig(speed=speed), script)
        case "gemini":
            return GeminiSimulator(GeminiConfig(speed=speed), script)
        case "elevenlabs":
            return ElevenLabsSimulator(ElevenLabsConfig(speed=speed), script)
        case _:
            raise SettingsError(f"--provider: there is no simulator for {name!r}")


def access_settings(name: str, api_key: str, url: str) -> dict[str, Any]:
    """Fields of `Settings` that name one provider's key and address."""
    return {f"{name}_api_key": api_key, f"{name}_url": url}


def access_environment(name: str, api_key: str, url: str) -> dict[str, str]:
    """The variables for a service in another process that knows this provider and no other.

    An empty value counts as unset, so keys in the surrounding environment do not reach the service.
    """
    variables = {field.name: field.metadata["env"] for field in fields(Settings)}
    environment = {
        env: "" for field, env in variables.items() if field.endswith("_api_key") or field in _ADDRESSES
    }
    chosen = access_settings(name, api_key, url)
    return environment | {variables[field]: value for field, value in chosen.items()}


_ADDRESSES = ("openai_url", "gemini_url", "elevenlabs_url")
