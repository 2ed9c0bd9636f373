"""What the demonstration's call must leave behind, read off the scenario that is played."""

from dataclasses import dataclass

from bench.scenarios.agent import Reply, Speak
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


def expected_turns(scenario: Scenario) -> list[ExpectedTurn]:
    """The turns in the order spoken: the greeting, then each utterance with its answer."""
    utterances = [step for step in scenario.caller.steps if isinstance(step, Say | BargeIn)]
    turns = [_answer(scenario.agent.prompted[0], interrupted=False)]
    for index, (utterance, turn) in enumerate(zip(utterances, scenario.agent.turns, strict=True)):
        follows = utterances[index + 1] if index + 1 < len(utterances) else None
        turns.append(ExpectedTurn("caller", turn.hears, utterance.clip))
        turns.append(_answer(turn.reply, interrupted=isinstance(follows, BargeIn)))
    return turns


def _answer(reply: Reply, *, interrupted: bool) -> ExpectedTurn:
    clip = next(item.clip for item in reply.items if isinstance(item, Speak))
    return ExpectedTurn("agent", clip.text, clip, interrupted)
