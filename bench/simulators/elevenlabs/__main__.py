"""Runs the simulated Agents platform by itself: `python -m bench.simulators.elevenlabs --port 9003`."""

import asyncio

from bench.simulators.elevenlabs.config import ElevenLabsConfig
from bench.simulators.elevenlabs.simulator import ElevenLabsSimulator
from bench.simulators.speech.program import Wishes, run_program


async def serve(wishes: Wishes) -> None:
    """Serve for ever."""
    config = ElevenLabsConfig(wishes.api_key, wishes.host, wishes.port, speed=wishes.speed)
    async with ElevenLabsSimulator(config, wishes.script) as elevenlabs:
        agent_id = elevenlabs.add_agent({"agent": {"first_message": "Hello!"}}, name="Simulated agent")
        print(f"Simulated ElevenLabs Agents at {elevenlabs.url} (key {config.api_key})", flush=True)
        print(f"Agent {agent_id} is there to be talked to", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve until interrupted."""
    manners = ElevenLabsConfig()
    run_program("elevenlabs", __doc__, api_key=manners.api_key, speed=manners.speed, serve=serve)


if __name__ == "__main__":
    main()
