"""A simulated provider as a program of its own: its command line, and serving until interrupted."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.scenarios.agent import AgentScript
from bench.scenarios.errors import ScenarioError
from bench.scenarios.loader import load_named


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for."""

    host: str
    port: int
    api_key: str
    speed: float
    script: AgentScript


def run_program(
    name: str, about: str | None, *, api_key: str, speed: float, serve: Callable[[Wishes], Awaitable[None]]
) -> None:
    """Read the command line and serve until interrupted.

    Args:
        name: of the package below `bench.simulators`.
        about: shown as help.
        api_key: accepted unless the command line names another.
        speed: times faster than real time, likewise.
        serve: runs the simulator, for ever.
    """
    parser = argparse.ArgumentParser(prog=f"python -m bench.simulators.{name}", description=about)
    parser.add_argument("--host", default="127.0.0.1", help="numeric address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 for any")
    parser.add_argument("--api-key", default=api_key)
    parser.add_argument("--scenario", default="opening-hours", help="NAME, NAME:VARIANT or a YAML file")
    parser.add_argument("--speed", type=float, default=speed, help="times faster than real time")
    given = parser.parse_args()
    try:
        script = load_named(given.scenario).agent
    except ScenarioError as error:
        parser.error(str(error))
    wishes = Wishes(given.host, given.port, given.api_key, given.speed, script)

    async def run() -> None:
        await serve(wishes)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        pass
