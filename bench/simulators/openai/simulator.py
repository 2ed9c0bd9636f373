"""The simulated provider as a whole: a WebSocket server that plays one scenario to every session."""

import asyncio
import contextlib
import json
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from bench.scenarios.agent import AgentScript, Delay, FaultAction, Refuse, ResetConnection, Stall
from bench.simulators.clock import WallClock
from bench.simulators.openai.config import OpenAIConfig
from bench.simulators.openai.session import RealtimeSession
from bench.simulators.speech.connection_reset import reset
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.session_log import SessionLog

_PATH = "/v1/realtime"
_SHOWN_HEADERS = (
    "user-agent",
    "openai-safety-identifier",
    "openai-project",
    "openai-organization",
    "openai-beta",
)


class OpenAISimulator:
    """A Realtime API: `async with OpenAISimulator(config, script) as openai`.

    Args:
        config: address, key and manners.
        script: the agent's side of a scenario; the same for every session.
    """

    def __init__(self, config: OpenAIConfig | None = None, script: AgentScript | None = None) -> None:
        self.config = config or OpenAIConfig()
        self.script = script or AgentScript()
        self.sessions: list[SessionLog] = []
        """Every session that got past the upgrade."""
        self.refused: list[int] = []
        """HTTP statuses of the upgrades refused."""
        self._ids = IdSource()
        self._stack = contextlib.AsyncExitStack()
        self._plans: dict[ServerConnection, FaultPlan] = {}
        self._upgrades = 0
        self._crashes: list[Exception] = []
        self._url = ""

    async def __aenter__(self) -> Self:
        self._clock = WallClock()
        server: Server = await self._stack.enter_async_context(
            serve(
                self._serve,
                self.config.host,
                self.config.port,
                process_request=self._upgrade,
                compression=None,
                max_size=32 * 1024 * 1024,
                ping_interval=None,
                open_timeout=60,
                close_timeout=5,
            )
        )
        host, port = next(iter(server.sockets)).getsockname()[:2]
        self._url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()
        if self._crashes:
            raise ExceptionGroup("the simulated provider crashed", self._crashes)

    @property
    def url(self) -> str:
        """The base URL without `/v1`, e.g. `http://127.0.0.1:40002`; `ws` for the WebSocket."""
        return self._url

    async def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if parts.path != _PATH:
            return self._refuse(404, "invalid_request_error", None, f"Invalid URL (GET {parts.path})")
        if request.headers.get("Authorization") != f"Bearer {self.config.api_key}":
            return self._refuse(
                401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."
            )
        if not parse_qs(parts.query).get("model"):
            message = "You must provide a model parameter."
            return self._refuse(400, "invalid_request_error", "missing_model", message)
        self._upgrades += 1
        plan = FaultPlan(self.script.faults, self._upgrades)
        self._plans[connection] = plan
        action = plan.due("upgrade")
        return None if action is None else await self._fail_upgrade(connection, action)

    async def _fail_upgrade(self, connection: ServerConnection, action: FaultAction) -> Response | None:
        match action:
            case Refuse(status=status, type=kind, code=code, message=message):
                return self._refuse(status, kind, code, message)
            case ResetConnection():
                reset(connection.transport)
            case Stall():
                await connection.wait_closed()
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case _:
                pass  # the loader admits nothing else at the upgrade
        return None

    def _refuse(self, status: int, kind: str, code: str | None, message: str) -> Response:
        self.refused.append(status)
        body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
        headers["Connection"] = "close"
        return Response(status, HTTPStatus(status).phrase, headers, body)

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        request = connection.request
        model = parse_qs(urlsplit(request.path).query)["model"][0]
        shown = {name: request.headers[name] for name in _SHOWN_HEADERS if name in request.headers}
        log = SessionLog(len(self.sessions) + 1, model, shown)
        self.sessions.append(log)
        expires_at = int(self._clock.now().timestamp() + self.config.max_session_s)
        session = RealtimeSession(
            connection,
            log,
            self.config,
            self.script,
            self._ids,
            self._plans.pop(connection),
            expires_at,
        )
        try:
            await session.run()
        except Exception as error:  # noqa: BLE001 - the root of a session: a bug here must fail the run, not hide in a log
            self._crashes.append(error)
            await connection.close(1011, "simulator bug")
