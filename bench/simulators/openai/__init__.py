"""A simulated OpenAI Realtime API (GA protocol) that plays the agent's side of a scenario.

`async with OpenAISimulator(OpenAIConfig(), script) as openai` embeds it; `python -m bench.simulators.openai`
runs it by itself.
"""

from bench.simulators.openai.config import OpenAIConfig
from bench.simulators.openai.simulator import OpenAISimulator

__all__ = ["OpenAIConfig", "OpenAISimulator"]
