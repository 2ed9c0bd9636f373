"""Conversations over REST: signed URLs before, the account of it after.

Source: elevenlabs-python 2.78.0, `conversational_ai/conversations/raw_client.py`, read 2026-11; the shape of
a signed URL as recorded in public repositories.
"""

import asyncio
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bench.simulators.elevenlabs.failures import RestError, not_found
from bench.simulators.elevenlabs.rest import SOCKET_PATH, RestServer
from bench.simulators.elevenlabs.workspace import Workspace

Json = dict[str, Any]


class ConversationRoutes:
    """The routes for conversations, the socket's aside.

    Args:
        workspace: the account.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def add_to(self, rest: RestServer) -> None:
        """Add the routes to an application."""
        rest.app.router.add_get(f"{SOCKET_PATH}/get-signed-url", self._sign)
        rest.app.router.add_get("/v1/convai/conversations/{conversation_id}", self._get)

    async def _sign(self, request: web.Request) -> web.Response:
        agent_id = request.query.get("agent_id")
        if not agent_id:
            missing = {"type": "missing", "loc": ["query", "agent_id"], "msg": "Field required"}
            raise RestError(422, [missing])
        self._workspace.agent(agent_id)
        once = request.query.get("include_conversation_id") == "true"
        token, signature = self._workspace.sign(agent_id, once)
        query = {"agent_id": agent_id, "conversation_signature": token}
        if signature.conversation_id is not None:
            query["conversation_id"] = signature.conversation_id
        url = f"ws://{request.host}{SOCKET_PATH}?{urlencode(query)}"
        return web.json_response({"signed_url": url})

    async def _get(self, request: web.Request) -> web.Response:
        conversation_id = request.match_info["conversation_id"]
        record = self._workspace.conversations.get(conversation_id)
        if record is None:
            raise not_found("Conversation", conversation_id)
        return web.json_response(record.view(asyncio.get_running_loop().time()))
