"""Runs the simulated Live API by itself: `python -m bench.simulators.gemini --port 9002 --scenario …`."""

import argparse
import asyncio

from bench.scenarios.errors import ScenarioError
from bench.scenarios.loader import load_named
from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.simulator import GeminiSimulator


def main() -> None:
    """Read the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulators.gemini", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="numeric address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 for any")
    parser.add_argument("--api-key", default=GeminiConfig().api_key)
    parser.add_argument("--scenario", default="opening-hours", help="NAME, NAME:VARIANT or a YAML file")
    parser.add_argument(
        "--speed", type=float, default=GeminiConfig().speed, help="times faster than real time"
    )
    arguments = parser.parse_args()
    try:
        script = load_named(arguments.scenario).agent
    except ScenarioError as error:
        parser.error(str(error))
    config = GeminiConfig(arguments.api_key, arguments.host, arguments.port, speed=arguments.speed)

    async def serve() -> None:
        async with GeminiSimulator(config, script) as gemini:
            print(f"Simulated Gemini Live at {gemini.url} (key {config.api_key})", flush=True)
            await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
