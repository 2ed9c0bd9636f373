"""A provider session in operation: a codec on a socket."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from providers.errors import ProviderError, SocketClosed
from providers.session import Codec, Command, Event, SessionClosed
from providers.socket import Connector, Socket

OPEN_TIMEOUT_S = 5.0


class ProviderSession:
    """One open session. `put` queues, `flush` writes, `events` reads; nothing is decided here."""

    __slots__ = ("_codec", "_encode_audio", "_socket", "capabilities")

    def __init__(self, codec: Codec, socket: Socket) -> None:
        self._codec = codec
        self._socket = socket
        self._encode_audio = codec.encode_audio
        self.capabilities = codec.capabilities

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
        self._socket.outbox.put(self._encode_audio(payload))

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
            if events := self._codec.decode(text):
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
