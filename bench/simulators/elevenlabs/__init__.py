"""A simulated ElevenLabs Agents platform (WebSocket and REST) that plays the agent's side of a scenario.

`async with ElevenLabsSimulator(ElevenLabsConfig(), script) as elevenlabs` embeds it;
`python -m bench.simulators.elevenlabs` runs it by itself.
"""

from bench.simulators.elevenlabs.config import ElevenLabsConfig
from bench.simulators.elevenlabs.simulator import ElevenLabsSimulator

__all__ = ["ElevenLabsConfig", "ElevenLabsSimulator"]
