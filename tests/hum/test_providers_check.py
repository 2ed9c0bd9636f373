"""`hum providers check`: what it says of providers that speak, and of each way not to."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.scenarios.agent import AgentScript, Fault, Refuse, Reply, Speak, Stall, StayMute
from hum.commands.providers import app
from hum.provider_check import Fails, Finding, NotConfigured, Works, all_work, check_providers
from hum.settings import Settings
from hum.simulated import access_settings, simulated_provider
from providers.directory import PROVIDERS
from tests.bench.sounds import clip

HELLO = clip(600, 1, "Hello.")
virtual = pytest.mark.virtual_time(wall=True)
each_provider = pytest.mark.parametrize("name", PROVIDERS)


def script(*faults: Fault) -> AgentScript:
    return AgentScript(prompted=(Reply((Speak(HELLO),)),), faults=faults)


async def checked(name: str, *faults: Fault, key: str | None = None) -> Finding:
    async with simulated_provider(name, script(*faults)) as speech:
        settings = Settings(**access_settings(name, key or speech.config.api_key, speech.url))
        (finding,) = await check_providers(settings, (name,))
    return finding


@virtual
@each_provider
async def test_one_that_speaks(name: str) -> None:
    finding = await checked(name)
    assert isinstance(finding, Works), finding
    assert finding.provider == name
    assert finding.model
    assert 0 <= finding.opened_ms <= finding.first_audio_ms
    assert finding.audio_format.startswith("linear" if name == "gemini" else "mu-law")
    assert finding.cost_cents is not None
    assert 0 <= finding.cost_cents < 5
    assert all_work([finding])


@virtual
@each_provider
async def test_a_wrong_key(name: str) -> None:
    finding = await checked(name, key="wrong")
    assert isinstance(finding, Fails)
    assert finding.code == ("closed_1007" if name == "gemini" else "invalid_api_key")
    assert name != "gemini" or "API key not valid" in finding.reason
    assert not all_work([finding])


@virtual
@each_provider
async def test_refused(name: str) -> None:
    finding = await checked(name, Fault("upgrade", Refuse(503)))
    assert isinstance(finding, Fails)
    assert finding.code == "refused"
    assert "HTTP 503" in finding.reason


@virtual
@each_provider
async def test_one_that_says_nothing(name: str) -> None:
    finding = await checked(name, Fault("session", StayMute()))
    assert finding == Fails(name, "open_timeout", "the session did not open within 15 s")


@virtual
@pytest.mark.parametrize("name", ["openai", "gemini"])
async def test_one_that_stalls_before_its_first_sound(name: str) -> None:
    finding = await checked(name, Fault("greeting", Stall(), after_ms=0))
    assert finding == Fails(name, "no_audio", "no sound came within 15 s")


@virtual
@each_provider
async def test_nobody_there(name: str) -> None:
    settings = Settings(**access_settings(name, "key", "http://127.0.0.1:9"))
    (finding,) = await check_providers(settings, (name,))
    assert isinstance(finding, Fails)
    assert finding.code == "unreachable"


async def test_no_key_names_the_variable() -> None:
    findings = await check_providers(Settings(), PROVIDERS)
    assert findings == [
        NotConfigured("openai", "OPENAI_API_KEY"),
        NotConfigured("gemini", "GEMINI_API_KEY"),
        NotConfigured("elevenlabs", "ELEVENLABS_API_KEY"),
    ]
    assert not all_work(findings)


def test_those_without_a_key_do_not_matter_beside_one_that_works() -> None:
    works = Works("openai", "model", 1, 2, "mu-law 8 kHz", None)
    assert all_work([works, NotConfigured("gemini", "GEMINI_API_KEY")])
    assert not all_work([works, Fails("gemini", "refused", "no")])
    assert not all_work([])


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OPENAI", "GEMINI", "ELEVENLABS"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    monkeypatch.setenv("HUM_DATA_DIR", str(tmp_path))
    return monkeypatch


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    return result.exit_code, result.output


def test_the_command_without_a_key_fails_and_says_what_to_set(environment: pytest.MonkeyPatch) -> None:
    status, shown = run()
    assert status == 1
    assert [line.split(": ")[-1] for line in shown.splitlines()] == [
        "set OPENAI_API_KEY", "set GEMINI_API_KEY", "set ELEVENLABS_API_KEY",
    ]  # fmt: skip


def test_the_command_as_json(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OPENAI_API_KEY", "sk-secret")
    environment.setenv("HUM_OPENAI_URL", "http://127.0.0.1:9")
    status, shown = run("--provider", "openai", "--json")
    found: dict[str, Any] = json.loads(shown)
    assert (status, found["ok"]) == (1, False)
    assert [(each["provider"], each["status"], each["code"]) for each in found["providers"]] == [
        ("openai", "fails", "unreachable")
    ]
    assert "sk-secret" not in shown


def test_the_command_knows_its_providers(environment: pytest.MonkeyPatch) -> None:
    status, shown = run("--provider", "parrot")
    assert status == 2
    assert "there are openai, gemini, elevenlabs" in shown
