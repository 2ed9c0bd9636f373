"""Tools over REST: create, get, change, list, delete.

Source: elevenlabs-python 2.78.0, `conversational_ai/tools/raw_client.py`, read 2026-11.
"""

from typing import Any

from aiohttp import web

from bench.simulators.elevenlabs.agent_config import check_tool
from bench.simulators.elevenlabs.failures import invalid, refused
from bench.simulators.elevenlabs.rest import ACCESS, RestServer, read_object
from bench.simulators.elevenlabs.workspace import Tool, Workspace, page

Json = dict[str, Any]


class ToolRoutes:
    """The routes below `/v1/convai/tools`.

    Args:
        workspace: the account.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def add_to(self, rest: RestServer) -> None:
        """Add the routes to an application."""
        router = rest.app.router
        router.add_get("/v1/convai/tools", self._list)
        router.add_post("/v1/convai/tools", self._create)
        router.add_get("/v1/convai/tools/{tool_id}", self._get)
        router.add_patch("/v1/convai/tools/{tool_id}", self._change)
        router.add_delete("/v1/convai/tools/{tool_id}", self._delete)

    async def _create(self, request: web.Request) -> web.Response:
        tool = Tool(self._workspace.ids.new("tool"), _tool_config(await read_object(request)))
        self._workspace.tools[tool.id] = tool
        return web.json_response(_view(tool))

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(_view(self._workspace.tool(request.match_info["tool_id"])))

    async def _change(self, request: web.Request) -> web.Response:
        tool = self._workspace.tool(request.match_info["tool_id"])
        tool.config = _tool_config(await read_object(request))
        return web.json_response(_view(tool))

    async def _delete(self, request: web.Request) -> web.Response:
        tool = self._workspace.tool(request.match_info["tool_id"])
        users = [a for a in self._workspace.agents.values() if tool.id in (a.prompt.get("tool_ids") or [])]
        if users and request.query.get("force") != "true":
            raise refused(409, "tool_in_use", f"Tool {tool.id} is used by {len(users)} agents")
        for agent in users:
            agent.prompt["tool_ids"].remove(tool.id)
        del self._workspace.tools[tool.id]
        return web.json_response({})

    async def _list(self, request: web.Request) -> web.Response:
        search = request.query.get("search", "").lower()
        found = [t for t in reversed(self._workspace.tools.values()) if search in t.config["name"].lower()]
        tools, cursor = page(found, request.query.get("page_size"), request.query.get("cursor"))
        answer = {"tools": [_view(t) for t in tools], "next_cursor": cursor, "has_more": cursor is not None}
        return web.json_response(answer)


def _tool_config(body: Json) -> Json:
    config = body.get("tool_config")
    if not isinstance(config, dict):
        raise invalid("tool_config", "Field required")
    check_tool(config, "tool_config")
    return config


def _view(tool: Tool) -> Json:
    usage = {"total_calls": 0, "avg_latency_secs": 0.0}
    return {"id": tool.id, "tool_config": tool.config, "access_info": ACCESS, "usage_stats": usage}
