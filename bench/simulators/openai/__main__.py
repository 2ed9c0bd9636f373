"""Runs the simulated Realtime API by itself: `python -m bench.simulators.openai --port 9001 --scenario …`."""

import asyncio

from bench.simulators.openai.config import OpenAIConfig
from bench.simulators.openai.simulator import OpenAISimulator
from bench.simulators.speech.program import Wishes, run_program


async def serve(wishes: Wishes) -> None:
    """Serve for ever."""
    config = OpenAIConfig(wishes.api_key, wishes.host, wishes.port, speed=wishes.speed)
    async with OpenAISimulator(config, wishes.script) as openai:
        print(f"Simulated OpenAI Realtime at {openai.url} (key {config.api_key})", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve until interrupted."""
    manners = OpenAIConfig()
    run_program("openai", __doc__, api_key=manners.api_key, speed=manners.speed, serve=serve)


if __name__ == "__main__":
    main()
