"""The sending side of one session: events with ids, and the ways a scenario lets it go wrong."""

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
from bench.simulators.openai.rejection import Rejection
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.line import Line
from bench.simulators.speech.session_log import Logged, SessionLog

EXPIRED = "Your session hit the maximum duration of 60 minutes."


class Channel(Line):
    """Sends a session's events.

    Args:
        socket: the connection.
        log: every event sent is written here.
        ids: makes event ids.
        send_timeout_s: a client that does not read for so long is dropped.
    """

    def __init__(
        self, socket: ServerConnection, log: SessionLog, ids: IdSource, send_timeout_s: float
    ) -> None:
        super().__init__(socket, log, send_timeout_s)
        self._ids = ids

    async def send(self, kind: str, **body: Any) -> None:
        """Send an event.

        Raises:
            SessionEnded: the connection is gone or the client does not read.
        """
        if self.mute:
            return
        event = {"type": kind, "event_id": self._ids.new("event"), **body}
        shown = event
        if kind == "response.output_audio.delta":
            shown = {name: value for name, value in event.items() if name != "delta"}
            shown["bytes"] = len(body["delta"]) * 3 // 4
        self._log.sent.append(Logged(asyncio.get_running_loop().time(), shown))
        await self.write(msgspec.json.encode(event).decode())

    async def reject(self, rejection: Rejection, event_id: str | None) -> None:
        """Send the error event for a client event that is refused."""
        self._log.rejections.append(rejection.message)
        await self.error(rejection.type, rejection.code, rejection.message, rejection.param, event_id)

    async def error(
        self, kind: str, code: str | None, message: str, param: str | None = None, event_id: str | None = None
    ) -> None:
        """Send an error event."""
        error = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
        await self.send("error", error=error)

    async def suffer(self, action: FaultAction) -> None:
        """Let something go wrong; returns when the session goes on afterwards.

        Raises:
            SessionEnded: it does not.
        """
        match action:
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case StayMute():
                self.mute = True
            case SendError(type=kind, code=code, message=message, close_code=close_code):
                await self.error(kind, code, message)
                if close_code is not None:
                    await self.close("error", close_code, message)
            case CloseSocket(code=code, reason=reason):
                await self.close("close", code, reason)
            case Expire():
                await self.error("invalid_request_error", "session_expired", EXPIRED)
                await self.close("expired", 1001, EXPIRED)
            case ResetConnection():
                self.reset()
            case Stall():
                await self.stall()
            case Refuse() | FailResponse():
                pass  # belong to the upgrade and to a response; nothing to do here
