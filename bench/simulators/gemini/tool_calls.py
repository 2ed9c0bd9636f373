"""The tool calls of one session: issued, answered, cancelled.

Source: google-genai 3.4.0, `LiveServerToolCall`, `LiveServerToolCallCancellation`, `FunctionResponse`, read
2026-11. What the service does with a response it did not ask for is not documented; closes with 1008
"Requested entity was not found." after tool responses are on record (deprecated-generative-ai-js 487), and
that is what happens here. A response to a cancelled call crosses its cancellation on the way and is ignored.
"""

import asyncio
from typing import Any

from bench.scenarios.agent import CallTool
from bench.simulators.gemini.rejection import POLICY, Rejection, invalid_argument
from bench.simulators.speech.ids import IdSource

Json = dict[str, Any]


class ToolCalls:
    """Keeps account of tool calls.

    Args:
        ids: names them.
    """

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids
        self._open: dict[str, str] = {}
        self._cancelled: set[str] = set()
        self.none_open = asyncio.Event()
        """Set while no call waits for its response."""
        self.none_open.set()

    def issue(self, calls: list[CallTool]) -> list[Json]:
        """Return the `functionCalls` of some calls, which are open from now on."""
        issued = [
            {"id": self._ids.new("function-call"), "name": call.tool, "args": dict(call.arguments)}
            for call in calls
        ]
        self._open |= {str(call["id"]): str(call["name"]) for call in issued}
        self.none_open.clear()
        return issued

    def take(self, responses: list[Json]) -> list[Json]:
        """Take the client's responses and return those that count.

        Raises:
            Rejection: a response has no id or no object, names another function, or answers a call that was
                never made or has been answered.
        """
        counted = []
        for response in responses:
            if not response.get("id") or "response" not in response:
                raise invalid_argument()
            if response["id"] in self._cancelled:
                continue
            name = self._open.pop(response["id"], None)
            if name is None:
                raise Rejection(POLICY, "Requested entity was not found.")
            if response.get("name", name) != name:
                raise invalid_argument()
            counted.append(response)
        if not self._open:
            self.none_open.set()
        return counted

    def cancel(self) -> list[str]:
        """Give up what is open and return its ids."""
        ids = [*self._open]
        self._cancelled |= set(ids)
        self._open.clear()
        self.none_open.set()
        return ids
