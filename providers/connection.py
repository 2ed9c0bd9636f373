"""A provider session in operation: a codec on a socket."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from providers.codec import Codec
from providers.errors import ProviderError, SocketClosed
from providers.session import Command, Event, SessionClosed
from providers.socket import Connector, Socket

OPEN_TIMEOUT_S = 3.0

KEEP_ALIVE_S = 20.0
"""A session to which nothing was sent for so long is told that we are still there."""


class ProviderSession:
    """One open session. `put` queues, `flush` writes, `events` reads; nothing is decided here."""

    __slots__ = ("_codec", "_encode_audio", "_fed", "_loop", "_quiet_since_s", "_socket", "capabilities")

    def __init__(self, codec: Codec, socket: Socket) -> None:
        self._codec = codec
        self._socket = socket
        self._encode_audio = codec.encode_audio
        self.capabilities = codec.capabilities
        self._loop = asyncio.get_running_loop()
        self._fed = True
        self._quiet_since_s = self._loop.time()

    @property
    def unknown(self) -> Counter[str]:
        """Message types that meant nothing to us, counted."""
        return self._codec.unknown

    def put(self, command: Command) -> None:
        """Queue a command."""
        for text in self._codec.encode(command):
            self._socket.outbox.put(text)

    def put_audio(self, payload: str) -> None:
        """Queue caller audio (base64 of mu-law): the hot path of `put`."""
        self._fed = True
        self._socket.outbox.put(self._encode_audio(payload))

    def keep_alive(self) -> None:
        """Queue what keeps a session open that gets no audio; call it every few seconds, then `flush`."""
        now_s = self._loop.time()
        if self._fed:
            self._fed, self._quiet_since_s = False, now_s
        elif now_s - self._quiet_since_s >= KEEP_ALIVE_S:
            self._quiet_since_s = now_s
            for text in self._codec.keep_alive():
                self._socket.outbox.put(text)

    async def flush(self) -> None:
        """Write what is queued."""
        await self._socket.outbox.flush()

    def stalled_s(self) -> float:
        """How long the provider has not taken what we write."""
        return self._socket.outbox.stalled_s()

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        """Yield the events of each message; the last one is `SessionClosed`.

        Raises:
            ProviderError: The provider broke the protocol or confirmed another configuration.
        """
        while True:
            try:
                text = await self._socket.receive()
            except SocketClosed as closed:
                yield (SessionClosed(closed.close_code, closed.reason),)
                return
            events = self._codec.decode(text)
            if replies := self._codec.replies():
                for reply in replies:
                    self._socket.outbox.put(reply)
                await self._socket.outbox.flush()
            if events:
                yield events


@asynccontextmanager
async def connect(
    connector: Connector, codec: Codec, *, timeout_s: float = OPEN_TIMEOUT_S
) -> AsyncIterator[ProviderSession]:
    """Open a socket and send the session's configuration; `SessionOpened` follows among the events.

    Args:
        connector: Opens sockets.
        codec: The wire format, made for this session.
        timeout_s: Limit for the socket to open.

    Raises:
        ProviderError: Refused, unreachable or too slow.
    """
    socket = await connector.connect(codec.target(), timeout_s=timeout_s)
    try:
        for text in codec.opening():
            socket.outbox.put(text)
        await _flush_opening(socket, timeout_s)
        yield ProviderSession(codec, socket)
    finally:
        await socket.close()


async def _flush_opening(socket: Socket, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await socket.outbox.flush()
    except TimeoutError as error:
        raise ProviderError("open_timeout", "the provider does not read", retryable=True) from error
