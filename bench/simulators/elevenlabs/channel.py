"""The sending side of one conversation: the events asked for, and the ways it may end or go wrong."""

import asyncio
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
from aiohttp import web

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
from bench.simulators.elevenlabs.conversation_log import ConversationLog
from bench.simulators.elevenlabs.failures import CLOSE_CODES, ConversationFailure
from bench.simulators.speech.connection_reset import reset
from bench.simulators.speech.session_log import Logged

Json = dict[str, Any]

_LONGEST_REASON_BYTES = 123
MAX_DURATION = ConversationFailure(
    1000, "max_duration_exceeded", "The conversation has reached its maximum duration."
)


class SessionEnded(Exception):
    """The conversation is over; whoever works for it stops."""


@dataclass(frozen=True, slots=True)
class _Ending:
    code: int
    reason: str


class Channel:
    """Sends a conversation's events.

    Args:
        socket: the connection.
        transport: below it.
        log: every event sent is written here.
        send_timeout_s: a client that does not read for so long is dropped.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        log: ConversationLog,
        send_timeout_s: float,
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._log = log
        self._send_timeout_s = send_timeout_s
        self._ending: _Ending | None = None
        self.wanted: frozenset[str] = frozenset()
        """Types of the events the client is sent; an error is always sent."""
        self.mute = False
        self.stalled = False
        self.error: Json | None = None
        """What the last error event said."""

    async def send(self, kind: str, **body: Any) -> None:
        """Send an event if the client asked for its type.

        Raises:
            SessionEnded: the connection is gone or the client does not read.
        """
        if self.mute or (kind != "error" and kind not in self.wanted):
            return
        self._log.sent.append(Logged(asyncio.get_running_loop().time(), _shown(kind, body)))
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self._socket.send_str(msgspec.json.encode({"type": kind, **body}).decode())
        except ConnectionError as error:
            raise SessionEnded from error
        except TimeoutError as error:
            self._log.ended_by = "client does not read"
            self._transport.abort()
            raise SessionEnded from error

    async def fail(self, failure: ConversationFailure, ended_by: str = "server") -> NoReturn:
        """Send the error event of a failure and end the conversation.

        Raises:
            SessionEnded: always.
        """
        await self._error(failure.code, failure.error_type, failure.message)
        self.end(failure.code, failure.message, ended_by)

    def end(self, code: int, reason: str, ended_by: str = "server") -> NoReturn:
        """Have the socket closed once everybody has stopped.

        Raises:
            SessionEnded: always.
        """
        self._log.ended_by = self._log.ended_by or ended_by
        self._ending = self._ending or _Ending(code, reason)
        raise SessionEnded

    async def finish(self) -> None:
        """Close the socket as was decided, if it was."""
        if self._ending is None:
            return
        reason = self._ending.reason.encode()[:_LONGEST_REASON_BYTES].decode(errors="ignore")
        await self._socket.close(code=self._ending.code, message=reason.encode())
        self._log.close_code = self._ending.code

    async def suffer(self, action: FaultAction) -> None:
        """Let something go wrong; returns when the conversation goes on afterwards.

        Raises:
            ConversationFailure: it ends with an error event.
            SessionEnded: it ends without.
        """
        match action:
            case Delay(ms=ms):
                await asyncio.sleep(ms / 1000)
            case StayMute():
                self.mute = True
            case SendError(type=kind, message=message, close_code=close_code):
                await self._error(close_code if close_code in CLOSE_CODES else 1011, kind, message)
                if close_code is not None:
                    self.end(close_code, message, "error")
            case FailResponse(message=message):
                await self.fail(ConversationFailure(1002, "llm_error", message), "failed response")
            case CloseSocket(code=code, reason=reason):
                self.end(code, reason, "close")
            case Expire():
                await self.fail(MAX_DURATION, "expired")
            case ResetConnection():
                self._log.ended_by = "reset"
                reset(self._transport)
                raise SessionEnded
            case Stall():
                self._log.ended_by = "stall"
                self.mute = self.stalled = True
                raise SessionEnded
            case Refuse():
                pass  # belongs to the upgrade; nothing to do here

    async def _error(self, code: int | None, error_type: str, message: str) -> None:
        self.error = {"code": code, "reason": message}
        event = {"code": code, "error_type": error_type, "message": message, "reason": message}
        await self.send("error", error_event=event)


def _shown(kind: str, body: Json) -> Json:
    if kind != "audio":
        return {"type": kind, **body}
    audio = dict(body["audio_event"])
    encoded = audio.pop("audio_base_64")
    audio["bytes"] = len(encoded) * 3 // 4 - encoded.count("=")
    return {"type": kind, "audio_event": audio}
