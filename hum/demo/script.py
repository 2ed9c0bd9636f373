"""What the demonstration's call must leave behind, read off the scenario that is played."""

from dataclasses import dataclass

from bench.scenarios.agent import CallTool, Reply, Speak
from bench.scenarios.caller import BargeIn, Say
from bench.scenarios.clip import Clip
from bench.scenarios.scenario import Scenario


@dataclass(frozen=True, slots=True)
class ExpectedTurn:
    """One turn of the conversation as it should be recorded."""

    party: str
    text: str
    clip: Clip
    interrupted: bool = False


class UnsuitedScenarioError(ValueError):
    """A scenario that is not a conversation from greeting to goodbye, so there is nothing to judge it by."""


def expected_turns(scenario: Scenario) -> list[ExpectedTurn]:
    """The turns in the order spoken: the greeting, then each utterance with its answer.

    Raises:
        UnsuitedScenarioError: Not every utterance has its spoken answer, or the agent does not hang up.
    """
    utterances = [step for step in scenario.caller.steps if isinstance(step, Say | BargeIn)]
    replies = [*scenario.agent.prompted[:1], *(turn.reply for turn in scenario.agent.turns)]
    spoken = all(any(isinstance(item, Speak) for item in reply.items) for reply in replies)
    tools = [x.tool for x in replies[-1].items if isinstance(x, CallTool)] if replies else []
    goodbye = "end_call" in tools
    if len(replies) != len(utterances) + 1 or not spoken or not goodbye:
        raise UnsuitedScenarioError(f"{scenario.name} is not a conversation from greeting to goodbye")
    turns = [_answer(replies[0], interrupted=False)]
    for index, (utterance, turn) in enumerate(zip(utterances, scenario.agent.turns, strict=True)):
        follows = utterances[index + 1] if index + 1 < len(utterances) else None
        turns.append(ExpectedTurn("caller", turn.hears, utterance.clip))
        turns.append(_answer(turn.reply, interrupted=isinstance(follows, BargeIn)))
    return turns


def _answer(reply: Reply, *, interrupted: bool) -> ExpectedTurn:
    clip = next(item.clip for item in reply.items if isinstance(item, Speak))
    return ExpectedTurn("agent", clip.text, clip, interrupted)
