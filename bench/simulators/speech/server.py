"""The WebSocket server below a simulated provider: upgrades and how they fail, one task per connection."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from bench.scenarios.agent import Delay, Fault, FaultAction, Refuse, ResetConnection, Stall
from bench.simulators.speech.connection_reset import reset
from bench.simulators.speech.faults import FaultPlan


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upgrade answered with an HTTP error and a JSON body."""

    status: int
    body: Mapping[str, Any]


class SpeechServer:
    """Serves the connections of one simulator.

    Args:
        faults: of the scenario; those at the upgrade happen here, the others are handed to the connection.
        admit: looks at an upgrade; returns why it is refused, or None.
        refuse: words the refusal a scenario asks for.
        converse: serves one connection to its end.
    """

    def __init__(
        self,
        faults: tuple[Fault, ...],
        admit: Callable[[Request], Refusal | None],
        refuse: Callable[[Refuse], Refusal],
        converse: Callable[[ServerConnection, FaultPlan], Awaitable[None]],
    ) -> None:
        self.refused: list[int] = []
        """HTTP statuses of the upgrades refused."""
        self._faults = faults
        self._admit = admit
        self._refuse = refuse
        self._converse = converse
        self._stack = contextlib.AsyncExitStack()
        self._plans: dict[ServerConnection, FaultPlan] = {}
        self._upgrades = 0
        self._crashes: list[Exception] = []

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> str:
        """Listen; returns `host:port`."""
        server: Server = await self._stack.enter_async_context(
            serve(
                self._serve,
                host,
                port,
                ssl=tls,
                process_request=self._upgrade,
                compression=None,
                max_size=32 * 1024 * 1024,
                ping_interval=None,
                open_timeout=60,
                close_timeout=5,
            )
        )
        address, bound = next(iter(server.sockets)).getsockname()[:2]
        return f"{address}:{bound}"

    async def stop(self) -> None:
        """Close everything.

        Raises:
            ExceptionGroup: a connection crashed; the run must fail.
        """
        await self._stack.aclose()
        if self._crashes:
            raise ExceptionGroup("the simulated provider crashed", self._crashes)

    async def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        refusal = self._admit(request)
        if refusal is not None:
            return self._answer(refusal)
        self._upgrades += 1
        plan = FaultPlan(self._faults, self._upgrades)
        self._plans[connection] = plan
        action = plan.due("upgrade")
        return None if action is None else await self._fail(connection, action)

    async def _fail(self, connection: ServerConnection, action: FaultAction) -> Response | None:
        match action:
            case Refuse():
                return self._answer(self._refuse(action))
            case ResetConnection():
                reset(connection.transport)
            case Stall():
                await connection.wait_closed()
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case _:
                pass  # the loader admits nothing else at the upgrade
        return None

    def _answer(self, refusal: Refusal) -> Response:
        self.refused.append(refusal.status)
        body = json.dumps(refusal.body).encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
        headers["Connection"] = "close"
        return Response(refusal.status, HTTPStatus(refusal.status).phrase, headers, body)

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            await self._converse(connection, self._plans.pop(connection))
        except Exception as error:  # noqa: BLE001  # the root of a session: a bug here must fail the run
            self._crashes.append(error)
            await connection.close(1011, "simulator bug")


def shown_headers(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """The headers of an upgrade that a log may show."""
    return {name: request.headers[name] for name in names if name in request.headers}
