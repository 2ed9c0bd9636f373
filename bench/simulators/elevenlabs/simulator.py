"""The simulated provider as a whole: REST and sockets on one port, one scenario for every conversation."""

import contextlib
from typing import Any, Self

from aiohttp import web

from bench.scenarios.agent import AgentScript
from bench.simulators.clock import WallClock
from bench.simulators.elevenlabs.config import ElevenLabsConfig
from bench.simulators.elevenlabs.reception import Reception
from bench.simulators.elevenlabs.rest import SOCKET_PATH, RestServer
from bench.simulators.elevenlabs.rest_agents import AgentRoutes
from bench.simulators.elevenlabs.rest_conversations import ConversationRoutes
from bench.simulators.elevenlabs.rest_tools import ToolRoutes
from bench.simulators.elevenlabs.workspace import Workspace
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.session_log import SessionLog

Json = dict[str, Any]


class ElevenLabsSimulator:
    """An Agents platform: `async with ElevenLabsSimulator(config, script) as elevenlabs`.

    Args:
        config: address, key and manners.
        script: the agent's side of a scenario; the same for every conversation.
    """

    def __init__(self, config: ElevenLabsConfig | None = None, script: AgentScript | None = None) -> None:
        self.config = config or ElevenLabsConfig()
        self.script = script or AgentScript()
        self._stack = contextlib.AsyncExitStack()
        self._url = ""

    async def __aenter__(self) -> Self:
        self.workspace = Workspace(self.config, WallClock(), IdSource())
        self._rest = RestServer(self.config.api_key)
        self._agents = AgentRoutes(self.workspace)
        self._agents.add_to(self._rest)
        ToolRoutes(self.workspace).add_to(self._rest)
        ConversationRoutes(self.workspace).add_to(self._rest)
        self._reception = Reception(self.workspace, self.script)
        self._rest.app.router.add_get(SOCKET_PATH, self._reception.receive)
        self._rest.app.on_shutdown.append(self._reception.close_all)
        runner = web.AppRunner(self._rest.app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self.config.host, self.config.port).start()
        host, port = runner.addresses[0][:2]
        self._url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()
        crashes = [*self._rest.crashes, *self._reception.crashes]
        if crashes:
            raise ExceptionGroup("the simulated provider crashed", crashes)

    @property
    def url(self) -> str:
        """The base URL without `/v1`, e.g. `http://127.0.0.1:40002`; `ws` for the WebSocket."""
        return self._url

    @property
    def sessions(self) -> "list[SessionLog]":
        """Every conversation that got past the upgrade and was allowed; each is a `ConversationLog`."""
        return list(self._reception.sessions)

    @property
    def refused(self) -> list[int]:
        """HTTP statuses of the upgrades refused, close codes of the conversations not allowed."""
        return self._reception.refused

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """(method, path, status) of every REST request answered."""
        return self._rest.requests

    def add_agent(self, conversation_config: Json | None = None, **more: Any) -> str:
        """Make an agent as `POST /v1/convai/agents/create` does; returns its id.

        Args:
            conversation_config: what differs from the defaults.
            more: `name`, `tags`, `platform_settings`.

        Raises:
            RestError: something in it will not do.
        """
        return self._agents.create({"conversation_config": conversation_config or {}, **more}).id
