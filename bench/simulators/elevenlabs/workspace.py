"""What the account holds: agents, tools, signed URLs, conversations."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.simulators.clock import WallClock
from bench.simulators.elevenlabs.config import ElevenLabsConfig
from bench.simulators.elevenlabs.failures import RestError, invalid, not_found
from bench.simulators.elevenlabs.record import ConversationRecord
from bench.simulators.speech.ids import IdSource

Json = dict[str, Any]
_Item = TypeVar("_Item")

_MOST_PER_PAGE = 100
_CURSOR_PREFIX = "after-"


@dataclass(slots=True)
class Agent:
    """One agent."""

    id: str
    name: str
    tags: list[str]
    config: Json
    platform_settings: Json
    created_at: int
    updated_at: int

    @property
    def needs_authorization(self) -> bool:
        """Whether a conversation needs a signed URL or the key."""
        return bool((self.platform_settings.get("auth") or {}).get("enable_auth"))

    @property
    def prompt(self) -> Json:
        """`conversation_config.agent.prompt`."""
        prompt: Json = self.config["agent"]["prompt"]
        return prompt


@dataclass(slots=True)
class Tool:
    """One tool of the workspace."""

    id: str
    config: Json


@dataclass(slots=True)
class Signature:
    """What a signed URL is worth.

    Args:
        expires_at_s: loop time.
        conversation_id: set for one that may be used once.
    """

    agent_id: str
    expires_at_s: float
    conversation_id: str | None = None
    used: bool = False


@dataclass(slots=True)
class Workspace:
    """Everything of the one account."""

    config: ElevenLabsConfig
    clock: WallClock
    ids: IdSource
    agents: dict[str, Agent] = field(default_factory=dict)
    tools: dict[str, Tool] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    conversations: dict[str, ConversationRecord] = field(default_factory=dict)

    def now(self) -> int:
        """Return the present Unix time."""
        return int(self.clock.now().timestamp())

    def agent(self, agent_id: str) -> Agent:
        """Return an agent.

        Raises:
            RestError: there is none such.
        """
        if agent_id not in self.agents:
            raise not_found("Agent", agent_id)
        return self.agents[agent_id]

    def tool(self, tool_id: str) -> Tool:
        """Return a tool.

        Raises:
            RestError: there is none such.
        """
        if tool_id not in self.tools:
            raise not_found("Tool", tool_id)
        return self.tools[tool_id]

    def check_tool_ids(self, tool_ids: Iterable[str]) -> None:
        """Check that an agent's tools exist.

        Raises:
            RestError: one does not.
        """
        for tool_id in tool_ids:
            self.tool(tool_id)

    def tools_of(self, prompt: Json) -> list[Json]:
        """Return the configurations of the tools in a prompt, inline ones and those named by id."""
        named = [
            self.tools[tool_id].config for tool_id in prompt.get("tool_ids") or [] if tool_id in self.tools
        ]
        return [*(prompt.get("tools") or []), *named]

    def sign(self, agent_id: str, once: bool) -> tuple[str, Signature]:
        """Make a token for a conversation with an agent."""
        token = self.ids.new("cvtkn")
        expires_at_s = asyncio.get_running_loop().time() + self.config.signed_url_ttl_s
        conversation_id = self.ids.new("conv") if once else None
        self.signatures[token] = Signature(agent_id, expires_at_s, conversation_id)
        return token, self.signatures[token]

    def use_signature(self, token: str, agent_id: str) -> Signature | None:
        """Return what a token is worth for a conversation with an agent now; None for nothing."""
        signature = self.signatures.get(token)
        if signature is None or signature.agent_id != agent_id or signature.used:
            return None
        if asyncio.get_running_loop().time() >= signature.expires_at_s:
            return None
        signature.used = signature.conversation_id is not None
        return signature


def page(items: Sequence[_Item], size: str | None, cursor: str | None) -> tuple[list[_Item], str | None]:
    """Return one page of a list and the cursor of the next.

    Args:
        items: all of them.
        size: `page_size` as asked for; 30 when it is not.
        cursor: as returned before.

    Raises:
        RestError: a size or a cursor that is none.
    """
    if size is not None and not (size.isdecimal() and 1 <= int(size) <= _MOST_PER_PAGE):
        raise invalid("page_size", f"Input should be from 1 to {_MOST_PER_PAGE}")
    start = _position(cursor)
    end = start + int(size or 30)
    return list(items[start:end]), f"{_CURSOR_PREFIX}{end}" if end < len(items) else None


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    number = cursor.removeprefix(_CURSOR_PREFIX)
    if number == cursor or not number.isdecimal():
        raise RestError(400, {"status": "invalid_cursor", "message": "Invalid cursor"})
    return int(number)
