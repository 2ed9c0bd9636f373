"""A scenario: both sides of one scripted call."""

from dataclasses import dataclass

from bench.scenarios.agent import AgentScript
from bench.scenarios.caller import CallerScript


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scripted call.

    Args:
        name: the file's name, with `:variant` if one was chosen.
        about: one sentence for people.
        agent: what the speech model hears, says and does.
        caller: what the person on the phone does.
        variants: names of the document's variants.
    """

    name: str
    about: str
    agent: AgentScript
    caller: CallerScript
    variants: tuple[str, ...] = ()
