"""One connection to the simulated Live API: the key, the setup, the client's messages, the deadline.

Source: Gemini API reference, "Live API - WebSockets API reference", read 2026-11; connections last about ten
minutes and end after a goAway.
"""

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bench.simulators.gemini.channel import Channel
from bench.simulators.gemini.client_messages import read_message
from bench.simulators.gemini.conversation import Conversation
from bench.simulators.gemini.rejection import INVALID, POLICY, Rejection
from bench.simulators.gemini.session_log import GeminiSessionLog, LoggedMessage
from bench.simulators.gemini.setup import read_setup
from bench.simulators.gemini.shared import Shared
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.line import SessionEnded

Json = dict[str, Any]

_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
    "other form of API consumer identity to call this API."
)
_WRONG_KEY = "API key not valid. Please pass a valid API key."
_SETUP_FIRST = "setup must be the first message and only the first."


class LiveSession:
    """One connection.

    Args:
        socket: the connection.
        log: where it is written down.
        shared: what it shares with others.
        faults: what goes wrong in this session.
        api_key: sent by the client.
    """

    def __init__(
        self,
        socket: ServerConnection,
        log: GeminiSessionLog,
        shared: Shared,
        faults: FaultPlan,
        api_key: str | None,
    ) -> None:
        self._socket = socket
        self._log = log
        self._shared = shared
        self._faults = faults
        self._api_key = api_key
        self._channel = Channel(socket, log, shared.config)
        self._tasks = asyncio.TaskGroup()
        self._conversation: Conversation | None = None

    async def run(self) -> None:
        """Serve the connection to its end."""
        try:
            async with self._tasks:
                await self._check_key()
                self._tasks.create_task(self._expire(), name="end of the connection")
                await self._read()
                raise SessionEnded
        except* SessionEnded:
            pass
        await self._socket.wait_closed()
        self._log.close_code = self._socket.close_code
        self._log.ended_by = self._log.ended_by or "client"

    async def _check_key(self) -> None:
        if self._api_key is None:
            await self._channel.reject(Rejection(POLICY, _NO_KEY))
        if self._api_key != self._shared.config.api_key:
            await self._channel.reject(Rejection(INVALID, _WRONG_KEY))

    async def _expire(self) -> None:
        config = self._shared.config
        warned_s = min(config.go_away_s, config.max_connection_s)
        await asyncio.sleep(config.max_connection_s - warned_s)
        if self._conversation is not None:
            await self._channel.send({"goAway": {"timeLeft": f"{warned_s:g}s"}})
        await asyncio.sleep(warned_s)
        await self._channel.expire()

    async def _read(self) -> None:
        try:
            async for data in self._socket:
                await self._take(data)
                if self._channel.stalled:
                    await self._socket.wait_closed()
        except ConnectionClosed:
            pass

    async def _take(self, data: str | bytes) -> None:
        try:
            kind, body = read_message(data)
            self._note(kind, body)
            if (kind == "setup") == (self._conversation is not None):
                raise Rejection(INVALID, _SETUP_FIRST)
            if self._conversation is None:
                self._conversation = await self._begin(body)
            else:
                await self._conversation.take(kind, body)
        except Rejection as rejection:
            await self._channel.reject(rejection)

    def _note(self, kind: str, body: Json) -> None:
        shown = {name: value for name, value in body.items() if name != "audio"}
        if shown or "audio" not in body:
            self._log.received.append(LoggedMessage(asyncio.get_running_loop().time(), {kind: shown}))

    async def _begin(self, body: Json) -> Conversation:
        shared = self._shared
        setup = read_setup(body, shared.config)
        self._log.setup, self._log.model = body, setup.model
        conversation = Conversation(self._channel, self._log, shared, setup, self._faults, self._tasks)
        if setup.handle is not None:
            conversation.resume(shared.saved.find(setup.handle, asyncio.get_running_loop().time()))
            self._log.resumed_from = setup.handle
        action = self._faults.due("session")
        if action is not None:
            await self._channel.suffer(action)
        await self._channel.send({"setupComplete": {"sessionId": shared.ids.new("session")}})
        return conversation
