"""The simulated provider as a whole: a WebSocket server that plays one scenario to every session.

Source: google-genai 3.4.0, `live.py` (the path, with one or two slashes, and the header of the key), and
Gemini API reference (`?key=`), read 2026-11. A wrong key is found out after the upgrade.
"""

import asyncio
import datetime as dt
import re
import ssl
from typing import Self
from urllib.parse import parse_qs

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from bench.scenarios.agent import AgentScript, Refuse
from bench.simulators.errors import SimulatorUsageError
from bench.simulators.gemini.certificate import Certificate, make_certificate
from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.resumption import SavedSessions
from bench.simulators.gemini.session import LiveSession
from bench.simulators.gemini.session_log import GeminiSessionLog
from bench.simulators.gemini.shared import Shared
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.server import Refusal, SpeechServer, shown_headers

_PATH = re.compile(
    r"//?ws/google\.ai\.generativelanguage\.v1(?:beta|alpha)?\.GenerativeService\.BidiGenerateContent"
)
_SHOWN_HEADERS = ("user-agent", "x-goog-api-client")


class GeminiSimulator:
    """A Live API: `async with GeminiSimulator(config, script) as gemini`.

    Args:
        config: address, key and manners.
        script: the agent's side of a scenario; the same for every session.
    """

    def __init__(self, config: GeminiConfig | None = None, script: AgentScript | None = None) -> None:
        self.config = config or GeminiConfig()
        self.script = script or AgentScript()
        self.sessions: list[GeminiSessionLog] = []
        """Every connection that got past the upgrade."""
        ids = IdSource()
        self._shared = Shared(self.config, self.script, ids, SavedSessions(ids, self.config.handle_valid_s))
        self._server = SpeechServer(self.script.faults, self._admit, self._refuse, self._converse)
        self._certificate: Certificate | None = None
        self._url = ""

    async def __aenter__(self) -> Self:
        tls = await asyncio.to_thread(self._server_context) if self.config.tls else None
        address = await self._server.start(self.config.host, self.config.port, tls)
        self._url = f"{'https' if self.config.tls else 'http'}://{address}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        """The base URL without `/ws`, e.g. `http://127.0.0.1:40002`; `ws` or `wss` for the WebSocket."""
        return self._url

    @property
    def refused(self) -> list[int]:
        """HTTP statuses of the upgrades refused."""
        return self._server.refused

    def client_ssl_context(self) -> ssl.SSLContext:
        """Return what a client needs to trust this simulator.

        Raises:
            SimulatorUsageError: it does not speak TLS.
        """
        if self._certificate is None:
            raise SimulatorUsageError("the simulated Live API was started without TLS")
        return self._certificate.client_context()

    def _server_context(self) -> ssl.SSLContext:
        self._certificate = make_certificate(dt.datetime.now(dt.UTC))
        return self._certificate.server_context()

    def _admit(self, request: Request) -> Refusal | None:
        if _PATH.fullmatch(request.path.partition("?")[0]):
            return None
        return _refusal(404, "NOT_FOUND", "The requested URL was not found on this server.")

    def _refuse(self, asked: Refuse) -> Refusal:
        return _refusal(asked.status, asked.code or asked.type, asked.message)

    async def _converse(self, connection: ServerConnection, faults: FaultPlan) -> None:
        assert connection.request is not None
        request = connection.request
        log = GeminiSessionLog(len(self.sessions) + 1, "", shown_headers(request, _SHOWN_HEADERS))
        self.sessions.append(log)
        await LiveSession(connection, log, self._shared, faults, _key_of(request)).run()


def _refusal(status: int, name: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": status, "message": message, "status": name.upper()}})


def _key_of(request: Request) -> str | None:
    query = request.path.partition("?")[2]
    in_url = parse_qs(query).get("key", [None])[0]
    return request.headers.get("x-goog-api-key") or in_url
