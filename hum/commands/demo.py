"""`hum demo`: watch a phone call."""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.scenarios.errors import ScenarioError
from bench.scenarios.loader import load_named
from bench.scenarios.scenario import Scenario
from hum.commands.exits import FAILED, clear_errors
from hum.demo.performance import perform
from hum.demo.screen import Screen
from hum.demo.script import UnsuitedScenarioError, expected_turns
from hum.logs import configure_logs
from hum.settings import SettingsError, read_settings
from providers.directory import PROVIDERS

SCENARIO = "opening-hours"

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the call, with its verdict.")] = False,
    provider: Annotated[str, typer.Option(help="Which provider to simulate.")] = PROVIDERS[0],
    scenario: Annotated[str, typer.Option(help="Which conversation to play.")] = SCENARIO,
) -> None:
    """Play a call between a simulated phone company and a simulated provider through the real service.

    At a terminal the service stays up until Ctrl-C. Exit status 0 means that the call record, the
    transcript, the recording and the event stream are all as they should be.
    """
    with clear_errors():
        if provider not in PROVIDERS:
            raise SettingsError(f"--provider: there is a simulator for {', '.join(PROVIDERS)} only")
        configure_logs("error")
        stays = not once and sys.stdout.isatty()
        # One call needs no faster loop, and the simulators are written for this one.
        good = asyncio.run(_demo(_load(scenario), provider, read_settings().port, stays=stays))
    raise typer.Exit(0 if good else FAILED)


def _load(name: str) -> Scenario:
    try:
        scenario = load_named(name)
        expected_turns(scenario)
        return scenario
    except (ScenarioError, UnsuitedScenarioError) as error:
        raise SettingsError(f"--scenario: {error}") from error


async def _demo(scenario: Scenario, provider: str, port: int, *, stays: bool) -> bool:
    stay = asyncio.Event()
    if stays:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stay.set)
    with tempfile.TemporaryDirectory(prefix="hum-demo-") as directory, Screen(Console()) as screen:
        kept = stay if stays else None
        return await perform(scenario, Path(directory), port, screen, stay=kept, provider=provider)
