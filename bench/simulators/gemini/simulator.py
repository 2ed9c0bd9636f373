"""The simulated provider as a whole: a WebSocket server that plays one scenario to every session.

Source: google-genai 3.4.0, `live.py` (the path, with one or two slashes, and the header of the key), and
Gemini API reference (`?key=`), read 2026-11. A wrong key is found out after the upgrade.
"""

import asyncio
import contextlib
import datetime as dt
import json
import re
import ssl
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qs

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from bench.scenarios.agent import AgentScript, Delay, FaultAction, Refuse, ResetConnection, Stall
from bench.simulators.errors import SimulatorUsageError
from bench.simulators.gemini.certificate import Certificate, make_certificate
from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.resumption import SavedSessions
from bench.simulators.gemini.session import LiveSession
from bench.simulators.gemini.session_log import GeminiSessionLog
from bench.simulators.gemini.shared import Shared
from bench.simulators.speech.connection_reset import reset
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.ids import IdSource

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
        self.refused: list[int] = []
        """HTTP statuses of the upgrades refused."""
        ids = IdSource()
        self._shared = Shared(self.config, self.script, ids, SavedSessions(ids, self.config.handle_valid_s))
        self._stack = contextlib.AsyncExitStack()
        self._certificate: Certificate | None = None
        self._plans: dict[ServerConnection, FaultPlan] = {}
        self._upgrades = 0
        self._crashes: list[Exception] = []
        self._url = ""

    async def __aenter__(self) -> Self:
        server: Server = await self._stack.enter_async_context(
            serve(
                self._serve,
                self.config.host,
                self.config.port,
                ssl=await asyncio.to_thread(self._server_context) if self.config.tls else None,
                process_request=self._upgrade,
                compression=None,
                max_size=32 * 1024 * 1024,
                ping_interval=None,
                open_timeout=60,
                close_timeout=5,
            )
        )
        host, port = next(iter(server.sockets)).getsockname()[:2]
        self._url = f"{'https' if self.config.tls else 'http'}://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()
        if self._crashes:
            raise ExceptionGroup("the simulated provider crashed", self._crashes)

    @property
    def url(self) -> str:
        """The base URL without `/ws`, e.g. `http://127.0.0.1:40002`; `ws` or `wss` for the WebSocket."""
        return self._url

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

    async def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        if not _PATH.fullmatch(request.path.partition("?")[0]):
            return self._refuse(404, "NOT_FOUND", "The requested URL was not found on this server.")
        self._upgrades += 1
        plan = FaultPlan(self.script.faults, self._upgrades)
        self._plans[connection] = plan
        action = plan.due("upgrade")
        return None if action is None else await self._fail_upgrade(connection, action)

    async def _fail_upgrade(self, connection: ServerConnection, action: FaultAction) -> Response | None:
        match action:
            case Refuse(status=status, type=kind, code=code, message=message):
                return self._refuse(status, code or kind, message)
            case ResetConnection():
                reset(connection.transport)
            case Stall():
                await connection.wait_closed()
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case _:
                pass  # the loader admits nothing else at the upgrade
        return None

    def _refuse(self, status: int, name: str, message: str) -> Response:
        self.refused.append(status)
        error = {"code": status, "message": message, "status": name.upper()}
        body = json.dumps({"error": error}).encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
        headers["Connection"] = "close"
        return Response(status, HTTPStatus(status).phrase, headers, body)

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        request = connection.request
        shown = {name: request.headers[name] for name in _SHOWN_HEADERS if name in request.headers}
        log = GeminiSessionLog(len(self.sessions) + 1, "", shown)
        self.sessions.append(log)
        plan = self._plans.pop(connection)
        session = LiveSession(connection, log, self._shared, plan, _key_of(request))
        try:
            await session.run()
        except Exception as error:  # noqa: BLE001 - the root of a session: a bug here must fail the run, not hide in a log
            self._crashes.append(error)
            await connection.close(1011, "simulator bug")


def _key_of(request: Request) -> str | None:
    query = request.path.partition("?")[2]
    in_url = parse_qs(query).get("key", [None])[0]
    return request.headers.get("x-goog-api-key") or in_url
