"""Where a session stands in the scenario; a resumed session goes on from there.

What follows a tool's result belongs to the same turn of the model here, so that it is not kept here.
"""

from dataclasses import dataclass

from bench.scenarios.agent import AgentScript, Reply, Turn
from bench.simulators.speech.turns import PlannedReply


@dataclass(slots=True)
class Course:
    """Follows one session through its scenario.

    Args:
        script: the agent's side.
        turn: caller turns so far.
        prompted: answers to the client's own words so far.
    """

    script: AgentScript
    turn: int = 0
    prompted: int = 0

    def hear(self) -> Turn:
        """The caller finished an utterance; returns its turn (an empty one after the last)."""
        self.turn += 1
        turns = self.script.turns
        return turns[self.turn - 1] if self.turn <= len(turns) else Turn("", Reply())

    def prompt(self) -> PlannedReply:
        """Return what the model says when the client's words ask for it; the greeting comes first."""
        self.prompted += 1
        replies = self.script.prompted
        reply = replies[self.prompted - 1] if self.prompted <= len(replies) else Reply()
        return PlannedReply(reply, "greeting" if self.prompted == 1 else "answer")
