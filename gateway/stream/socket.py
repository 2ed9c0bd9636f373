"""The carrier's media socket: reads messages, counts what it cannot use, writes in order."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from gateway.stream import messages as m
from providers.socket import Outbox

START_TIMEOUT_S = 10.0
HARD_LIMIT_BYTES = 1_048_576
"""A message over 64 KiB is counted and skipped; over this limit the socket closes."""


class MediaSocket:
    """One accepted media stream socket.

    Args:
        ws: The prepared WebSocket, read by the task that iterates `messages`.
        call_sid: The carrier's id of the call this socket was admitted for.
    """

    def __init__(self, ws: web.WebSocketResponse, call_sid: str | None) -> None:
        self._ws = ws
        self._call_sid = call_sid
        self._loop = asyncio.get_running_loop()
        self.outbox = Outbox(ws.send_str)
        self.stream_sid = ""
        self.last_message_s = self._loop.time()
        self.stopped = False

    async def messages(self) -> AsyncIterator[m.Start | m.Media | m.Mark | m.Dtmf | m.Unusable]:
        """Yield one valid `start`, then what happens on the stream, until it stops or its socket is gone.

        `stopped` tells the two ends apart. Messages that cannot be used come as `Unusable`, with the reason.
        """
        async for message in self._receive():
            match message:
                case m.Media(stream_sid=sid) | m.Mark(stream_sid=sid) | m.Dtmf(stream_sid=sid):
                    yield message if sid == self.stream_sid else self._misplaced()
                case m.Unusable():
                    yield message
                case m.Connected():
                    pass
                case m.Start():
                    yield self._start(message)
                case m.Stop(stream_sid=sid):
                    if sid == self.stream_sid:
                        self.stopped = True
                        return
                    yield self._misplaced()

    def _start(self, message: m.Start) -> m.Start | m.Unusable:
        if self.stream_sid:
            return m.Unusable("out_of_order")
        if self._call_sid not in (None, message.start.call_sid):
            return m.Unusable("wrong_call")
        self.stream_sid = message.stream_sid
        return message

    def _misplaced(self) -> m.Unusable:
        return m.Unusable("wrong_stream" if self.stream_sid else "out_of_order")

    async def _receive(self) -> AsyncIterator[m.Message | m.Unusable]:
        ws = self._ws
        while True:
            received = await ws.receive()
            self.last_message_s = self._loop.time()
            if received.type is aiohttp.WSMsgType.TEXT:
                yield m.decode(received.data)
            elif received.type is aiohttp.WSMsgType.BINARY:
                yield m.Unusable("not_text")
            else:
                return

    def silent_s(self) -> float:
        """How long nothing has come from the carrier; a healthy stream sends every 20 ms."""
        return self._loop.time() - self.last_message_s

    async def close(self) -> None:
        """Close the socket, within five seconds."""
        self.outbox.close()
        try:
            async with asyncio.timeout(5):
                await self._ws.close()
        except (TimeoutError, ConnectionError, RuntimeError):
            pass
