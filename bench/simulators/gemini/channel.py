"""The sending side of one connection: messages, closing, and the ways a scenario lets it go wrong.

Source: google-genai 3.4.0, `live.py` (a close is the only way an error comes; JSON in binary frames is
accepted like text), read 2026-11; the service is said to send binary frames only.
"""

import asyncio
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection

from bench.scenarios.agent import (
    CloseSocket,
    Delay,
    Expire,
    FailResponse,
    FaultAction,
    Refuse,
    ResetConnection,
    SendError,
    Stall,
    StayMute,
)
from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.rejection import INTERNAL, Rejection, clipped
from bench.simulators.gemini.session_log import GeminiSessionLog, LoggedMessage, without_sound
from bench.simulators.speech.line import Line

Json = dict[str, Any]

DEADLINE = "Deadline expired before operation could complete."


class Channel(Line):
    """Sends a session's messages.

    Args:
        socket: the connection.
        log: every message sent is written here.
        config: kind of frame, time-out, close code of the deadline.
    """

    def __init__(self, socket: ServerConnection, log: GeminiSessionLog, config: GeminiConfig) -> None:
        super().__init__(socket, log, config.send_timeout_s)
        self._config = config

    async def send(self, message: Json) -> None:
        """Send a message.

        Raises:
            SessionEnded: the connection is gone or the client does not read.
        """
        if self.mute:
            return
        self._log.sent.append(LoggedMessage(asyncio.get_running_loop().time(), without_sound(message)))
        data = msgspec.json.encode(message)
        await self.write(data if self._config.binary_frames else data.decode())

    async def content(self, **fields: Any) -> None:
        """Send a serverContent with some fields."""
        await self.send({"serverContent": fields})

    async def reject(self, rejection: Rejection) -> None:
        """Close because of what the client sent; a connection made mute stays silent about it.

        Raises:
            SessionEnded: always, unless mute.
        """
        self._log.rejections.append(rejection.reason)
        if not self.mute:
            await self.close("server", rejection.code, rejection.reason)

    async def expire(self, reason: str = DEADLINE) -> None:
        """Close because the time is up.

        Raises:
            SessionEnded: always.
        """
        await self.close("expired", self._config.deadline_code, reason)

    async def suffer(self, action: FaultAction) -> None:
        """Let something go wrong; returns when the session goes on afterwards.

        The protocol has no error message: an error is always a close, with 1011 if the scenario names no
        code.

        Raises:
            SessionEnded: it does not.
        """
        match action:
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case StayMute():
                self.mute = True
            case SendError(message=message, close_code=close_code):
                await self.close("error", close_code or INTERNAL, message)
            case CloseSocket(code=code, reason=reason):
                await self.close("close", code, reason)
            case Expire():
                await self.send({"goAway": {"timeLeft": "0s"}})
                await self.expire()
            case ResetConnection():
                self.reset()
            case Stall():
                await self.stall()
            case Refuse() | FailResponse():
                pass  # belong to the upgrade and to a response; nothing to do here

    async def close(self, why: str, code: int, reason: str) -> None:
        """Close the connection.

        Raises:
            SessionEnded: always.
        """
        await super().close(why, code, clipped(reason))
