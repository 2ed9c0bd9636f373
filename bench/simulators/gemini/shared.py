"""What all sessions of one simulator share."""

from dataclasses import dataclass

from bench.scenarios.agent import AgentScript
from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.resumption import SavedSessions
from bench.simulators.speech.ids import IdSource


@dataclass(frozen=True, slots=True)
class Shared:
    """What all sessions of one simulator share.

    Args:
        config: the simulator's.
        script: the agent's side of the scenario.
        ids: makes identifiers.
        saved: sessions that can be continued.
    """

    config: GeminiConfig
    script: AgentScript
    ids: IdSource
    saved: SavedSessions
