"""The agents at ElevenLabs our sessions talk to: found, made or mended before a call, and the way to them."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any, TypeVar

import httpx
from elevenlabs import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.parse_error import ParsingError
from elevenlabs.core.request_options import RequestOptions
from pydantic import BaseModel

from providers.elevenlabs.agent_settings import (
    agent_name,
    contains,
    conversation_settings,
    platform_settings,
    tool_settings,
)
from providers.errors import ProviderError
from providers.session import SessionConfig, ToolDefinition

REQUEST_TIMEOUT_S = 2.5
PAGE = 100
MAX_PAGES = 10

_ONCE = RequestOptions(max_retries=0)
"""Whether to try again is decided by whoever has the caller on the line."""

_REFUSALS = {
    400: ("invalid_configuration", False),
    401: ("invalid_api_key", False),
    402: ("insufficient_quota", False),
    403: ("forbidden", False),
    404: ("not_found", False),
    422: ("invalid_configuration", False),
    429: ("rate_limited", True),
}
_QUOTA = "quota_exceeded"
"""What the body of a 401 says when it is not the key that is wrong."""

_T = TypeVar("_T")


class ElevenLabsAgents:
    """Makes sure that the agent a session needs exists, and gets the signed URL of a conversation with it.

    Agents are looked up once in the life of the process; many calls that want the same one at once wait for
    a single look-up. Another process that makes the same agent at the same moment leaves a twin, which does
    no harm: the older one is used.

    Args:
        client: The SDK's client.
        http: The HTTP client below it, if it is ours to close.
    """

    def __init__(self, client: AsyncElevenLabs, http: httpx.AsyncClient | None = None) -> None:
        # The SDK loads each part when it is first touched, most of a second in all: not in mid-call.
        self._api = client.conversational_ai
        self._loaded = (self._api.agents, self._api.conversations, self._api.tools)
        self._http = http
        self._agent_ids: dict[str, str] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @classmethod
    def open(cls, api_key: str, base_url: str | None = None) -> "ElevenLabsAgents":
        """Make one with clients of its own; `close` closes them. Takes a second: not on a loop that is busy.

        Args:
            api_key: The workspace's key.
            base_url: http(s) base of the API, for simulators and proxies; None is ElevenLabs'.
        """
        http = httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S, trust_env=False)
        return cls(AsyncElevenLabs(api_key=api_key, base_url=base_url, httpx_client=http), http)

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def signed_url(self, config: SessionConfig) -> str:
        """The socket URL of a new conversation with the agent this session needs: a secret, good for minutes.

        Raises:
            ProviderError: The service refuses, is away or takes too long.
        """
        agent_id = await self.agent_id(config)
        try:
            return await self._signed_url(agent_id)
        except ProviderError as error:
            if error.code != "not_found":
                raise
        self._agent_ids.pop(agent_name(config), None)  # somebody has deleted it
        return await self._signed_url(await self.agent_id(config))

    async def agent_id(self, config: SessionConfig) -> str:
        """The agent this session needs, made or mended if need be.

        Raises:
            ProviderError: The service refuses, is away or takes too long.
        """
        name = agent_name(config)
        async with self._locks[name]:
            if name not in self._agent_ids:
                self._agent_ids[name] = await self._find(name, config) or await self._create(name, config)
            return self._agent_ids[name]

    async def _signed_url(self, agent_id: str) -> str:
        conversations = self._api.conversations
        answer = await _ask(conversations.get_signed_url(agent_id=agent_id, request_options=_ONCE))
        return _text(answer, "signed_url")

    async def _find(self, name: str, config: SessionConfig) -> str | None:
        agents = self._api.agents
        page = await _ask(agents.list(search=name, page_size=PAGE, request_options=_ONCE))
        found = [agent for agent in _all(page, "agents") if _is_named(agent, name)]
        if not found:
            return None
        agent_id = _text(min(found, key=_age), "agent_id")
        await self._mend(agent_id, config)
        return agent_id

    async def _mend(self, agent_id: str, config: SessionConfig) -> None:
        agents = self._api.agents
        settings = _plain(await _ask(agents.get(agent_id, request_options=_ONCE)))
        tool_ids = _tool_ids(settings)
        wanted = {
            "conversation_config": conversation_settings(config, tool_ids),
            "platform_settings": platform_settings(),
        }
        # Which tools they are is in the agent's name already; that some were taken away is not.
        if contains(settings, wanted) and len(tool_ids) == len(config.tools):
            return
        conversation: Any = conversation_settings(config, await self._tools(config))
        platform: Any = platform_settings()
        await _ask(
            agents.update(
                agent_id,
                conversation_config=conversation,
                platform_settings=platform,
                request_options=_ONCE,
            )
        )

    async def _create(self, name: str, config: SessionConfig) -> str:
        conversation: Any = conversation_settings(config, await self._tools(config))
        platform: Any = platform_settings()
        created = await _ask(
            self._api.agents.create(
                name=name,
                conversation_config=conversation,
                platform_settings=platform,
                request_options=_ONCE,
            )
        )
        return _text(created, "agent_id")

    async def _tools(self, config: SessionConfig) -> list[str]:
        return [await self._find_tool(tool) or await self._create_tool(tool) for tool in config.tools]

    async def _find_tool(self, tool: ToolDefinition) -> str | None:
        """A tool is never changed, as other agents may have it: one that differs is another tool."""
        wanted = tool_settings(tool)
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await _ask(
                self._api.tools.list(
                    search=tool.name, types="client", page_size=PAGE, cursor=cursor, request_options=_ONCE
                )
            )
            for found in _all(page, "tools"):
                if isinstance(found, BaseModel) and contains(_plain(found).get("tool_config"), wanted):
                    return _text(found, "id")
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                break
        return None

    async def _create_tool(self, tool: ToolDefinition) -> str:
        request: Any = {"tool_config": tool_settings(tool)}
        created = await _ask(self._api.tools.create(request=request, request_options=_ONCE))
        return _text(created, "id")


async def _ask(request: Awaitable[_T]) -> _T:
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            return await request
    except (TimeoutError, httpx.TimeoutException) as error:
        raise ProviderError(
            "open_timeout", f"no answer within {REQUEST_TIMEOUT_S:g} s", retryable=True
        ) from error
    except ApiError as error:
        raise _refused(error) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ProviderError("unreachable", f"cannot connect: {error}", retryable=True) from error
    except (ParsingError, ValueError, TypeError) as error:  # the SDK does not expect other shapes
        raise _unreadable() from error


def _refused(error: ApiError) -> ProviderError:
    status = error.status_code or 0
    detail = error.body.get("detail") if isinstance(error.body, dict) else None
    if isinstance(detail, dict) and detail.get("status") == _QUOTA:
        return ProviderError("insufficient_quota", "the provider's quota is used up", retryable=False)
    code, retryable = _REFUSALS.get(status, ("refused", status >= 500))
    return ProviderError(code, f"the provider answered HTTP {status}", retryable=retryable)


def _unreadable() -> ProviderError:
    return ProviderError("protocol_error", "the provider's answer lacks what was asked for", retryable=True)


def _text(answer: BaseModel, name: str) -> str:
    # The SDK's models are not validated: what the service left out is not there.
    value = getattr(answer, name, None)
    if not isinstance(value, str) or not value:
        raise _unreadable()
    return value


def _all(page: BaseModel, name: str) -> list[Any]:
    values = getattr(page, name, None)
    return values if isinstance(values, list) else []


def _is_named(agent: Any, name: str) -> bool:
    return getattr(agent, "name", None) == name and not getattr(agent, "archived", None)


def _age(agent: Any) -> int:
    created_at = getattr(agent, "created_at_unix_secs", None)
    return created_at if isinstance(created_at, int) else 0


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", warnings=False)


def _tool_ids(settings: dict[str, Any]) -> list[str]:
    value: Any = settings
    for name in ("conversation_config", "agent", "prompt", "tool_ids"):
        value = value.get(name) if isinstance(value, dict) else None
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
