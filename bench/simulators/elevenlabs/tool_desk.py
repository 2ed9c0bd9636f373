"""The agent's tools: asking the client to run one, taking its result, waiting no longer than agreed.

Source: agent.asyncapi.yaml ("ClientToolCallData", "AgentToolRequestData", "AgentToolResponseData") and
elevenlabs-python 2.78.0, `types/client_tool_config_input.py`, read 2026-11.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.simulators.elevenlabs.channel import Channel
from bench.simulators.elevenlabs.client_messages import ToolResult
from bench.simulators.elevenlabs.conversation_log import ConversationLog
from bench.simulators.pulse import Pulse
from bench.simulators.speech.ids import IdSource

Json = dict[str, Any]

END_CALL = "end_call"
_DEFAULT_TIMEOUT_S = 20
_NO_TIMEOUT = -1


@dataclass(slots=True)
class PendingCall:
    """A client tool the agent waits for.

    Args:
        place: what its events have in common.
        due_s: loop time after which it has failed; None: never.
        result: what the client said.
    """

    place: Json
    due_s: float | None
    result: ToolResult | None = None

    @property
    def overdue(self) -> bool:
        """Whether it has taken too long."""
        return self.due_s is not None and asyncio.get_running_loop().time() >= self.due_s


class ToolDesk:
    """One conversation's tools.

    Args:
        channel: asks and tells.
        log: results and what is passed over are written here.
        ids: names the calls.
        tools: the configurations of the agent's tools.
        built_in: `prompt.built_in_tools`.
    """

    def __init__(
        self, channel: Channel, log: ConversationLog, ids: IdSource, tools: list[Json], built_in: Json
    ) -> None:
        self._channel = channel
        self._log = log
        self._ids = ids
        self._client_tools = {tool["name"]: tool for tool in tools if tool["type"] == "client"}
        self._built_in = {name for name, tool in built_in.items() if tool is not None}
        self._pending: dict[str, PendingCall] = {}
        self._changed = Pulse()

    async def call(self, name: str, arguments: Mapping[str, Any], event_id: int) -> PendingCall | None:
        """Have a tool run.

        Returns:
            The call when the agent is to wait for it; None for a system tool, for one that expects no
            response, and for one the agent has not got.
        """
        call_id = self._ids.new("toolcall")
        if name in self._client_tools:
            return await self._call_client(self._client_tools[name], arguments, call_id, event_id)
        if name in self._built_in:
            place = {"tool_name": name, "tool_call_id": call_id, "tool_type": "system", "event_id": event_id}
            await self._channel.send("agent_tool_request", agent_tool_request=place)
            await self._respond(place, is_error=False)
        else:
            self._log.ignored.append(f"tool {name!r} is not declared on the agent")
        return None

    def has(self, name: str) -> bool:
        """Whether the agent has a tool of this name."""
        return name in self._client_tools or name in self._built_in

    def has_system_tool(self, name: str) -> bool:
        """Whether a call of this name is the service's own business."""
        return name in self._built_in and name not in self._client_tools

    async def _call_client(
        self, tool: Json, arguments: Mapping[str, Any], call_id: str, event_id: int
    ) -> PendingCall | None:
        name, expects_response = tool["name"], tool.get("expects_response") is True
        place = {"tool_name": name, "tool_call_id": call_id, "tool_type": "client", "event_id": event_id}
        timeout_s = tool.get("response_timeout_secs") or _DEFAULT_TIMEOUT_S
        due_s = None if timeout_s == _NO_TIMEOUT else asyncio.get_running_loop().time() + timeout_s
        call = PendingCall(place, due_s)
        if expects_response:
            self._pending[call_id] = call
        await self._channel.send("agent_tool_request", agent_tool_request=place)
        await self._channel.send(
            "client_tool_call",
            client_tool_call={
                "tool_name": name,
                "tool_call_id": call_id,
                "parameters": dict(arguments),
                "event_id": event_id,
                "expects_response": expects_response,
            },
        )
        return call if expects_response else None

    def take(self, result: ToolResult) -> None:
        """Take what the client says a tool returned; one nobody waits for is passed over."""
        call = self._pending.pop(result.tool_call_id, None)
        if call is None:
            self._log.ignored.append(f"result of {result.tool_call_id!r}, which nobody waits for")
            return
        shown = {"tool": call.place["tool_name"], "result": result.result, "is_error": result.is_error}
        self._log.tool_results.append(shown)
        call.result = result
        self._changed.beat()

    async def wait(self, calls: list[PendingCall]) -> bool:
        """Wait until every tool has returned or may no longer; returns False when given up meanwhile."""
        for call in calls:
            while call.result is None and not call.overdue:
                if call.place["tool_call_id"] not in self._pending:
                    return False
                await self._changed.wait(call.due_s)
            self._pending.pop(call.place["tool_call_id"], None)
            await self._respond(call.place, is_error=call.result is None or call.result.is_error)
        return True

    def give_up(self) -> None:
        """Wait for no tool any longer; what they return is passed over."""
        self._pending.clear()
        self._changed.beat()

    async def _respond(self, place: Json, is_error: bool) -> None:
        await self._channel.send(
            "agent_tool_response", agent_tool_response={**place, "is_error": is_error, "is_called": True}
        )
