"""Runs the simulated Live API by itself: `python -m bench.simulators.gemini --port 9002 --scenario …`."""

import asyncio

from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.simulator import GeminiSimulator
from bench.simulators.speech.program import Wishes, run_program


async def serve(wishes: Wishes) -> None:
    """Serve for ever."""
    config = GeminiConfig(wishes.api_key, wishes.host, wishes.port, speed=wishes.speed)
    async with GeminiSimulator(config, wishes.script) as gemini:
        print(f"Simulated Gemini Live at {gemini.url} (key {config.api_key})", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve until interrupted."""
    manners = GeminiConfig()
    run_program("gemini", __doc__, api_key=manners.api_key, speed=manners.speed, serve=serve)


if __name__ == "__main__":
    main()
