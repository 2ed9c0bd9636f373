"""The demonstration passes on a sound house, and fails for each thing that can be wrong with one."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.scenarios.loader import load_named
from bench.scenarios.scenario import Scenario
from gateway.call.transcript import Transcript
from gateway.recording import CallRecording
from hum.demo.performance import perform
from hum.demo.screen import Screen
from providers.directory import PROVIDERS
from store.call_events import CallEvent
from store.event_log import EventLog

pytestmark = [pytest.mark.virtual_time, pytest.mark.whole_call, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_named("opening-hours")


async def played(scenario: Scenario, tmp_path: Path, provider: str = PROVIDERS[0]) -> tuple[bool, str]:
    shown = io.StringIO()
    console = Console(file=shown, width=100)
    with Screen(console) as screen:
        good = await perform(scenario, tmp_path / "demo", 0, screen, stay=None, provider=provider)
    return good, shown.getvalue()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_sound_house_passes_and_shows_the_conversation(
    scenario: Scenario, tmp_path: Path, provider: str
) -> None:
    good, shown = await played(scenario, tmp_path, provider)
    assert good, shown
    spoken = [
        f"{provider} session ready in",
        "Willow Creek Dental, this is the assistant.",
        "Hi, are you open on Saturday?",
        "the caller cuts in; the agent falls silent",
        "Is there any parking?",
        "the agent calls end_call",
        "✓ call record  ✓ transcript  ✓ recording  ✓ event stream",
    ]
    places = [shown.find(words) for words in spoken]
    assert -1 not in places, shown
    assert places == sorted(places)


@pytest.fixture(scope="module")
def broken() -> Scenario:
    return load_named("provider-dies:refuses")


async def test_a_call_that_fails_is_a_wrong_record(
    scenario: Scenario, broken: Scenario, tmp_path: Path
) -> None:
    agent = replace(scenario.agent, faults=broken.agent.faults)
    damaged = replace(scenario, agent=agent)
    good, shown = await played(damaged, tmp_path)
    assert not good
    assert "call record: disposition is 'provider_failed'" in shown


async def test_a_lost_word_is_a_wrong_transcript(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Transcript.complete

    def forgetful(self: Transcript, item_id: str, text: str | None, now_ms: int) -> Iterator[CallEvent]:
        return complete(self, item_id, text and text.removesuffix("parking?"), now_ms)

    monkeypatch.setattr(Transcript, "complete", forgetful)
    good, shown = await played(scenario, tmp_path)
    assert not good
    assert "transcript: reads" in shown


@pytest.mark.parametrize(("lane", "channel"), [("caller", "left"), ("agent", "right")])
async def test_a_silent_lane_is_a_wrong_recording(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: str, channel: str
) -> None:
    monkeypatch.setattr(CallRecording, lane, lambda self, payload, at_ms: None)
    good, shown = await played(scenario, tmp_path)
    assert not good
    assert f"is not in the {channel} channel" in shown


async def test_unheard_speech_left_in_is_a_wrong_recording(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CallRecording, "cut", lambda self, at_ms: None)
    good, shown = await played(scenario, tmp_path)
    assert not good
    assert "that was never heard" in shown.replace("\n", " ")


async def test_a_lost_event_is_a_wrong_stream(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = EventLog.read

    async def lossy(self: EventLog, *arguments: Any, **named: Any) -> list[Any]:
        return [logged for logged in await read(self, *arguments, **named) if logged.seq != 7]

    monkeypatch.setattr(EventLog, "read", lossy)
    good, shown = await played(scenario, tmp_path)
    assert not good
    assert "event stream: ids" in shown
