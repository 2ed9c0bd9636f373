"""The simulated provider as a whole: a WebSocket server that plays one scenario to every session."""

from typing import Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from bench.scenarios.agent import AgentScript, Refuse
from bench.simulators.clock import WallClock
from bench.simulators.openai.config import OpenAIConfig
from bench.simulators.openai.session import RealtimeSession
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.server import Refusal, SpeechServer, shown_headers
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
        self._ids = IdSource()
        self._server = SpeechServer(self.script.faults, self._admit, self._refuse, self._converse)
        self._url = ""

    async def __aenter__(self) -> Self:
        self._clock = WallClock()
        self._url = f"http://{await self._server.start(self.config.host, self.config.port)}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        """The base URL without `/v1`, e.g. `http://127.0.0.1:40002`; `ws` for the WebSocket."""
        return self._url

    @property
    def refused(self) -> list[int]:
        """HTTP statuses of the upgrades refused."""
        return self._server.refused

    def _admit(self, request: Request) -> Refusal | None:
        parts = urlsplit(request.path)
        if parts.path != _PATH:
            return _refusal(404, "invalid_request_error", None, f"Invalid URL (GET {parts.path})")
        if request.headers.get("Authorization") != f"Bearer {self.config.api_key}":
            return _refusal(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.")
        if not parse_qs(parts.query).get("model"):
            message = "You must provide a model parameter."
            return _refusal(400, "invalid_request_error", "missing_model", message)
        return None

    def _refuse(self, asked: Refuse) -> Refusal:
        return _refusal(asked.status, asked.type, asked.code, asked.message)

    async def _converse(self, connection: ServerConnection, faults: FaultPlan) -> None:
        assert connection.request is not None
        request = connection.request
        model = parse_qs(urlsplit(request.path).query)["model"][0]
        log = SessionLog(len(self.sessions) + 1, model, shown_headers(request, _SHOWN_HEADERS))
        self.sessions.append(log)
        expires_at = int(self._clock.now().timestamp() + self.config.max_session_s)
        session = RealtimeSession(connection, log, self.config, self.script, self._ids, faults, expires_at)
        await session.run()


def _refusal(status: int, kind: str, code: str | None, message: str) -> Refusal:
    return Refusal(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})
