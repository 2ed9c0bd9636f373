"""`hum bench`: the benchmarks."""

import asyncio
import json
from typing import Annotated, Any

import typer
import uvloop

from bench.codecs import run_codecs
from hum.bench_barge_in import bench_barge_in
from hum.bench_calls import bench_calls
from hum.commands.exits import clear_errors
from hum.settings import SettingsError
from providers.directory import PROVIDERS

app = typer.Typer(add_completion=False, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def calls(
    calls: Annotated[int, typer.Option(min=1, max=2000, help="How many calls at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="Length of the measured window.")] = 60,
    provider: Annotated[str, typer.Option(help="Which provider to simulate.")] = PROVIDERS[0],
    as_json: AsJson = False,
) -> None:
    """Carry paced calls through a gateway in its own process: latency, losses, CPU and memory."""
    with clear_errors():
        _check(provider)
        _show(uvloop.run(bench_calls(calls, seconds, provider)), as_json=as_json)


@app.command("barge-in")
def barge_in(
    cuts: Annotated[int, typer.Option(min=1, max=10_000, help="How many times callers cut in.")] = 200,
    provider: Annotated[str, typer.Option(help="Which provider to simulate.")] = PROVIDERS[0],
    as_json: AsJson = False,
) -> None:
    """Cut into answers: how soon the agent falls silent, how truly it knows what was heard."""
    with clear_errors():
        _check(provider)
        # Not uvloop: its timers count whole milliseconds, and the simulators are written for asyncio's own.
        _show(asyncio.run(bench_barge_in(cuts, provider)), as_json=as_json)


@app.command()
def codecs(as_json: AsJson = False) -> None:
    """Measure conversions of sound and providers' codecs, in microseconds per frame or audio event."""
    _show(run_codecs(), as_json=as_json)


def _check(provider: str) -> None:
    if provider not in PROVIDERS:
        raise SettingsError(f"--provider: there is one of {', '.join(PROVIDERS)} to simulate")


def _show(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        text = "  ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{name:>24}  {text}")
