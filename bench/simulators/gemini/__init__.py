"""A simulated Gemini Live API that plays the agent's side of a scenario.

`async with GeminiSimulator(GeminiConfig(), script) as gemini` embeds it; `python -m bench.simulators.gemini`
runs it by itself.
"""

from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.session_log import GeminiSessionLog
from bench.simulators.gemini.simulator import GeminiSimulator

__all__ = ["GeminiConfig", "GeminiSessionLog", "GeminiSimulator"]
