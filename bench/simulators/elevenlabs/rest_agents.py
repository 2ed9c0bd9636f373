"""Agents over REST: create, get, change, list, delete.

Source: elevenlabs-python 2.78.0, `conversational_ai/agents/raw_client.py` and the models it names, read
2026-11. Tools may stand inline in `prompt.tools` (marked as superseded) or be named in `prompt.tool_ids`; an
agent read back shows both, and a request that says both is refused.
"""

from typing import Any

from aiohttp import web

from bench.simulators.elevenlabs.agent_config import checked, merged, new_config
from bench.simulators.elevenlabs.failures import invalid, refused
from bench.simulators.elevenlabs.rest import ACCESS, RestServer, object_in, read_object, text_in
from bench.simulators.elevenlabs.workspace import Agent, Workspace, page

Json = dict[str, Any]


class AgentRoutes:
    """The routes below `/v1/convai/agents`.

    Args:
        workspace: the account.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def add_to(self, rest: RestServer) -> None:
        """Add the routes to an application."""
        router = rest.app.router
        router.add_get("/v1/convai/agents", self._list)
        router.add_post("/v1/convai/agents/create", self._create)
        router.add_get("/v1/convai/agents/{agent_id}", self._get)
        router.add_patch("/v1/convai/agents/{agent_id}", self._change)
        router.add_delete("/v1/convai/agents/{agent_id}", self._delete)

    def create(self, body: Json) -> Agent:
        """Make an agent.

        Args:
            body: of the request.

        Raises:
            RestError: something in it will not do.
        """
        if not isinstance(body.get("conversation_config"), dict):
            raise invalid("conversation_config", "Field required")
        config = body["conversation_config"]
        self._check_tools(config)
        now = self._workspace.now()
        agent = Agent(
            self._workspace.ids.new("agent"),
            text_in(body, "name", "New agent"),
            _tags(body) or [],
            new_config(config),
            object_in(body, "platform_settings"),
            now,
            now,
        )
        self._workspace.agents[agent.id] = agent
        return agent

    async def _create(self, request: web.Request) -> web.Response:
        agent = self.create(await read_object(request))
        return web.json_response({"agent_id": agent.id})

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._view(self._workspace.agent(request.match_info["agent_id"])))

    async def _change(self, request: web.Request) -> web.Response:
        agent = self._workspace.agent(request.match_info["agent_id"])
        body = await read_object(request)
        change = object_in(body, "conversation_config")
        self._check_tools(change)
        agent.config = checked(merged(agent.config, change))
        agent.platform_settings = merged(agent.platform_settings, object_in(body, "platform_settings"))
        agent.name = text_in(body, "name", agent.name)
        agent.tags = _tags(body) or agent.tags
        agent.updated_at = self._workspace.now()
        return web.json_response(self._view(agent))

    async def _delete(self, request: web.Request) -> web.Response:
        agent = self._workspace.agent(request.match_info["agent_id"])
        del self._workspace.agents[agent.id]
        return web.json_response({})

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        search, archived = query.get("search", "").lower(), query.get("archived")
        found = [
            agent
            for agent in reversed(self._workspace.agents.values())
            if search in agent.name.lower()
            and archived in (None, str(bool(agent.platform_settings.get("archived"))).lower())
            and set(query.getall("tags", [])) <= set(agent.tags)
        ]
        agents, cursor = page(found, query.get("page_size"), query.get("cursor"))
        answer = {
            "agents": [_summary(a) for a in agents],
            "next_cursor": cursor,
            "has_more": cursor is not None,
        }
        return web.json_response(answer)

    def _check_tools(self, config: Json) -> None:
        prompt = (config.get("agent") or {}).get("prompt") or {}
        if prompt.get("tools") and prompt.get("tool_ids"):
            message = "Cannot specify both tools and tool_ids"
            raise refused(400, "both_tools_and_tool_ids_provided", message)
        self._workspace.check_tool_ids(prompt.get("tool_ids") or [])

    def _view(self, agent: Agent) -> Json:
        tools = {"agent": {"prompt": {"tools": self._workspace.tools_of(agent.prompt)}}}
        return {
            "agent_id": agent.id,
            "name": agent.name,
            "tags": agent.tags,
            "conversation_config": merged(agent.config, tools),
            "platform_settings": agent.platform_settings,
            "metadata": {"created_at_unix_secs": agent.created_at, "updated_at_unix_secs": agent.updated_at},
            "phone_numbers": [],
            "access_info": ACCESS,
        }


def _summary(agent: Agent) -> Json:
    return {
        "agent_id": agent.id,
        "name": agent.name,
        "voice_id": agent.config["tts"]["voice_id"],
        "tags": agent.tags,
        "created_at_unix_secs": agent.created_at,
        "updated_at_unix_secs": agent.updated_at,
        "archived": bool(agent.platform_settings.get("archived")),
        "access_info": ACCESS,
    }


def _tags(body: Json) -> list[str] | None:
    tags = body.get("tags")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise invalid("tags", "Input should be a list of strings")
    return tags
