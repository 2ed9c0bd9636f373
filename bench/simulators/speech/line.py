"""The line to one client of a simulated provider: writing with a limit, and the ways it goes dead."""

import asyncio

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bench.simulators.speech.connection_reset import reset
from bench.simulators.speech.session_log import SessionLog


class SessionEnded(Exception):
    """The session is over; whoever works for it stops."""


class Line:
    """Writes to a connection, hangs up, or falls silent.

    Args:
        socket: the connection.
        log: told how it ended.
        send_timeout_s: a client that does not read for so long is dropped.
    """

    def __init__(self, socket: ServerConnection, log: SessionLog, send_timeout_s: float) -> None:
        self._socket = socket
        self._log = log
        self._send_timeout_s = send_timeout_s
        self.mute = False
        """Nothing is sent any more."""
        self.stalled = False
        """Nothing is read any more either."""

    async def write(self, data: str | bytes) -> None:
        """Send a frame.

        Raises:
            SessionEnded: the connection is gone or the client does not read.
        """
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self._socket.send(data)
        except ConnectionClosed as error:
            raise SessionEnded from error
        except TimeoutError as error:
            self._log.ended_by = "client does not read"
            self._socket.transport.abort()
            raise SessionEnded from error

    async def close(self, why: str, code: int, reason: str) -> None:
        """Close the connection.

        Raises:
            SessionEnded: always.
        """
        self._log.ended_by = why
        await self._socket.close(code, reason)
        raise SessionEnded

    def reset(self) -> None:
        """Drop the connection without a word.

        Raises:
            SessionEnded: always.
        """
        self._log.ended_by = "reset"
        reset(self._socket.transport)
        raise SessionEnded

    async def stall(self) -> None:
        """Neither read nor write until the client gives up.

        Raises:
            SessionEnded: always.
        """
        self.mute = self.stalled = True
        await self._socket.wait_closed()
        raise SessionEnded
