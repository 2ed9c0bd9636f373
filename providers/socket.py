"""WebSockets, ours: an ordered outbox for either side, and the client socket to a provider.

aiohttp is behind this small interface so that another library can take its place.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from providers.errors import ProviderError, SocketClosed

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
OUTBOX_LIMIT = 3_000
"""Messages waiting for a stalled peer: a minute of frames. Past it the outbox counts as broken."""


class Outbox:
    """Messages on their way to one socket, in the order they were put.

    `put` never waits, so a state machine can emit to two sockets from any task and keep its order; `flush`
    writes. Whoever flushes first writes for everybody: a second flusher finds the outbox busy and leaves,
    its messages follow those already there. A peer that stops reading stalls only the flusher; `stalled_s`
    tells the owner how long. Overflow closes the outbox: a peer a minute behind is lost.
    """

    __slots__ = ("_closed", "_flushing_since", "_loop", "_pending", "_send")

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._pending: deque[str] = deque()
        self._loop = asyncio.get_running_loop()
        self._flushing_since: float | None = None
        self._closed = False

    def put(self, text: str) -> None:
        """Queue a message. Dropped silently once closed."""
        if self._closed:
            return
        self._pending.append(text)
        if len(self._pending) > OUTBOX_LIMIT:
            self.close()

    def drop(self) -> int:
        """Forget what has not been written yet; returns how many messages that was."""
        count = len(self._pending)
        self._pending.clear()
        return count

    def close(self) -> None:
        """Accept and write nothing any more."""
        self._closed = True
        self._pending.clear()

    @property
    def closed(self) -> bool:
        """Whether the outbox has given up."""
        return self._closed

    def stalled_s(self) -> float:
        """How long the peer has kept the present write waiting, in seconds."""
        return 0.0 if self._flushing_since is None else self._loop.time() - self._flushing_since

    async def flush(self) -> None:
        """Write everything pending, unless another task is at it. A lost connection closes the outbox."""
        if self._flushing_since is not None or not self._pending:
            return
        self._flushing_since = self._loop.time()
        try:
            while self._pending:
                await self._send(self._pending.popleft())
                self._flushing_since = self._loop.time()
        except (ConnectionError, aiohttp.ClientError, RuntimeError):
            self.close()
        finally:
            self._flushing_since = None


@dataclass(frozen=True, slots=True)
class SocketTarget:
    """Where a provider's socket is: a ws(s) URL and the headers that open it (secrets: never logged)."""

    url: str = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


class Socket(Protocol):
    """A connected text WebSocket."""

    outbox: Outbox

    async def receive(self) -> str:
        """Wait for the next text message.

        Raises:
            SocketClosed: The connection is over.
        """

    async def close(self) -> None:
        """Close politely, within two seconds."""


class Connector(Protocol):
    """Opens sockets; the composition root owns one."""

    async def connect(self, target: SocketTarget, *, timeout_s: float) -> Socket:
        """Open a socket.

        Raises:
            ProviderError: Refused, unreachable or too slow.
        """


_REFUSALS = {
    401: ("invalid_api_key", False),
    403: ("forbidden", False),
    404: ("not_found", False),
    429: ("rate_limited", True),
}


class AiohttpSocket:
    """A client WebSocket on aiohttp."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self.outbox = Outbox(ws.send_str)

    async def receive(self) -> str:
        """See `Socket.receive`. Binary frames hold UTF-8 text with some providers."""
        message = await self._ws.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                return str(message.data)
            case aiohttp.WSMsgType.BINARY:
                return bytes(message.data).decode("utf-8", errors="replace")
            case aiohttp.WSMsgType.CLOSE:
                raise SocketClosed(int(message.data or 1005), str(message.extra or ""))
            case aiohttp.WSMsgType.ERROR:
                raise SocketClosed(self._ws.close_code or 1006, str(message.data))
            case _:
                raise SocketClosed(self._ws.close_code or 1006, "")

    async def close(self) -> None:
        """See `Socket.close`."""
        self.outbox.close()
        try:
            async with asyncio.timeout(2):
                await self._ws.close()
        except (TimeoutError, aiohttp.ClientError, ConnectionError):
            pass


class AiohttpConnector:
    """Opens provider sockets on one shared aiohttp client session."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def connect(self, target: SocketTarget, *, timeout_s: float) -> AiohttpSocket:
        """See `Connector.connect`."""
        try:
            async with asyncio.timeout(timeout_s):
                ws = await self._client.ws_connect(
                    target.url,
                    headers=target.headers,
                    compress=0,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    autoping=True,
                    autoclose=True,
                )
        except TimeoutError as error:
            raise ProviderError(
                "open_timeout", f"no answer within {timeout_s:g} s", retryable=True
            ) from error
        except aiohttp.WSServerHandshakeError as error:
            code, retryable = _REFUSALS.get(error.status, ("refused", error.status >= 500))
            raise ProviderError(
                code, f"the provider answered HTTP {error.status}", retryable=retryable
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            # Of the address no more than the host: the rest may hold a secret.
            host = urlsplit(target.url).netloc
            raise ProviderError("unreachable", f"cannot connect to {host}", retryable=True) from error
        return AiohttpSocket(ws)
