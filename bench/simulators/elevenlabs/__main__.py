"""Runs the simulated Agents platform by itself: `python -m bench.simulators.elevenlabs --port 9003`."""

import argparse
import asyncio

from bench.scenarios.errors import ScenarioError
from bench.scenarios.loader import load_named
from bench.simulators.elevenlabs.config import ElevenLabsConfig
from bench.simulators.elevenlabs.simulator import ElevenLabsSimulator


def main() -> None:
    """Read the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulators.elevenlabs", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="numeric address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 for any")
    parser.add_argument("--api-key", default=ElevenLabsConfig().api_key)
    parser.add_argument("--scenario", default="opening-hours", help="NAME, NAME:VARIANT or a YAML file")
    parser.add_argument(
        "--speed", type=float, default=ElevenLabsConfig().speed, help="times faster than real time"
    )
    arguments = parser.parse_args()
    try:
        script = load_named(arguments.scenario).agent
    except ScenarioError as error:
        parser.error(str(error))
    config = ElevenLabsConfig(arguments.api_key, arguments.host, arguments.port, arguments.speed)

    async def serve() -> None:
        async with ElevenLabsSimulator(config, script) as elevenlabs:
            agent_id = elevenlabs.add_agent({"agent": {"first_message": "Hello!"}}, name="Simulated agent")
            print(f"Simulated ElevenLabs Agents at {elevenlabs.url} (key {config.api_key})", flush=True)
            print(f"Agent {agent_id} is there to be talked to", flush=True)
            await asyncio.Event().wait()

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
