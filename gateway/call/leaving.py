"""Leaving a conversation politely: the goodbye is heard before the line moves on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from flows.call_plan import END_CALL, TAKE_VOICEMAIL, TRANSFER_CALL, CallPlan
from gateway.call.actions import HangUp, NextStep, TakeVoicemail, TransferTo

_arguments = msgspec.json.Decoder(dict[str, Any])


@dataclass(slots=True)
class Leaving:
    """A tool call of the agent that ends the conversation once its goodbye has been heard.

    Attributes:
        tool_call_id: The call to answer if the caller goes on talking instead.
        tool: Its name.
        next_step: What follows the stream.
        disposition: How the call will have ended.
        awaits_goodbye: The agent has not said goodbye yet and was asked to.
        answered: The provider has had the tool's result.
        session: The number of the session that asked; no other knows the tool call.
    """

    tool_call_id: str
    tool: str
    next_step: NextStep
    disposition: str
    awaits_goodbye: bool
    answered: bool = False
    session: int = 1


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """A tool call we do not carry out; `error` is told to the agent."""

    error: str


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The arguments the agent wrote, or None when they are not a JSON object."""
    try:
        return _arguments.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def leave_for(
    plan: CallPlan, tool_call_id: str, name: str, arguments: Mapping[str, Any], *, spoke: bool
) -> Leaving | ToolRefused:
    """Decide what a tool call of the agent means for the call.

    Args:
        plan: What this call may do.
        tool_call_id: The provider's id of the tool call.
        name: The tool.
        arguments: What the agent passed.
        spoke: Whether the agent said something in the same answer: its goodbye.
    """
    match name:
        case _ if name == END_CALL:
            return Leaving(tool_call_id, name, HangUp(), "agent_hangup", not spoke)
        case _ if name == TAKE_VOICEMAIL and plan.takes_voicemail:
            return Leaving(tool_call_id, name, TakeVoicemail(), "voicemail", not spoke)
        case _ if name == TRANSFER_CALL and plan.transfer_targets:
            target = arguments.get("target")
            number = plan.transfer_targets.get(target) if isinstance(target, str) else None
            if number is None:
                known = ", ".join(sorted(plan.transfer_targets))
                return ToolRefused(f"unknown target; use one of: {known}")
            return Leaving(tool_call_id, name, TransferTo(str(target), number), "transferred", not spoke)
        case _:
            return ToolRefused(f"there is no tool named {name[:64]}")


GOODBYE_NOW = "Say goodbye in one short sentence now. Call no tool."
_BEFORE_LEAVING = {
    END_CALL: GOODBYE_NOW,
    TAKE_VOICEMAIL: "Tell the caller in one short sentence that they can leave a message now. Call no tool.",
    TRANSFER_CALL: "Tell the caller in one short sentence that you are passing them on now. Call no tool.",
}


def last_words(tool: str) -> str:
    """What to ask of an agent that leaves without a word."""
    return _BEFORE_LEAVING.get(tool, GOODBYE_NOW)


def tool_output(**fields: Any) -> str:
    """A tool's answer as the JSON text the agent reads."""
    return json.dumps(fields)
