"""One bidirectional media stream, from Twilio's side: connect, pace the caller's sound, play the answer.

Sound goes out in 20 ms frames on an absolute schedule (frame n is due 20 ms x (n+1) after the start, however
late the one before was), always, silence when the caller says nothing. What comes back is played as
`playback` says. The stream ends when the service closes the socket or when the call is interrupted; then
`stop` is sent and the socket closed.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)

from bench.simulators.twilio.line import Line
from bench.simulators.twilio.playback import Playback
from bench.simulators.twilio.signature import SIGNATURE_HEADER, sign
from bench.simulators.twilio.stream_messages import (
    CONNECTED,
    BadIn,
    ClearIn,
    MarkIn,
    MediaIn,
    MessageIn,
    Outgoing,
    read,
)
from bench.simulators.twilio.stream_record import Arrival, MarkEcho, StreamRecord
from bench.sound import mulaw

Note = Callable[[int, str], None]

_CLOSE_TIMEOUT_S = 5.0


class MediaStream:
    """A media stream of one call.

    Args:
        record: what happens is written here.
        line: the call's phone line.
        outgoing: builds the messages.
        note: called with a Twilio error code and a text for everything Twilio would warn about.
    """

    def __init__(self, record: StreamRecord, line: Line, outgoing: Outgoing, note: Note) -> None:
        self.record = record
        self._line = line
        self._outgoing = outgoing
        self._note = note
        self._socket: ClientConnection | None = None
        self._mark_added = asyncio.Event()
        self._noted: set[int] = set()

    async def run(
        self, target: str, auth_token: str, timeout_s: float, interrupted: Callable[[], Awaitable[object]]
    ) -> bool:
        """Play the stream to its end.

        Args:
            target: the address really connected to.
            auth_token: signs the handshake.
            timeout_s: the socket must be open by then.
            interrupted: returns when the call hangs up or goes elsewhere.

        Returns:
            Whether the stream ever started.
        """
        socket = await self._connect(target, auth_token, timeout_s)
        if socket is None:
            return False
        self._socket = socket
        try:
            await self._start(socket)
            async with asyncio.TaskGroup() as tasks:
                playing = [
                    tasks.create_task(self._pace(socket), name="stream pace"),
                    tasks.create_task(self._return_marks(socket), name="stream marks"),
                    tasks.create_task(self._read(socket), name="stream read"),
                    tasks.create_task(_wait(interrupted), name="stream interrupt"),
                ]
                await asyncio.wait(playing[2:], return_when=asyncio.FIRST_COMPLETED)
                for task in playing:
                    task.cancel()
        except ConnectionClosed:
            pass
        finally:
            await self._finish(socket)
        return True

    async def press(self, digit: str) -> bool:
        """Send one key; False when the stream is not open."""
        if self._socket is None:
            return False
        self.record.digits.append((self._at_ms(), digit))
        return await self._send(self._socket, self._outgoing.dtmf(digit))

    async def _connect(self, target: str, auth_token: str, timeout_s: float) -> ClientConnection | None:
        try:
            parts = urlsplit(self.record.url)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            self._note(31923, f"malformed stream URL {self.record.url!r}")
            return None
        if not self.record.url.startswith(("wss://", "ws://")):
            self._note(31922, f"stream URL {self.record.url!r} is not wss")
            return None
        headers = {SIGNATURE_HEADER: sign(auth_token, self.record.url)}
        try:
            return await connect(
                target,
                additional_headers=headers,
                user_agent_header="Twilio.TmeWs/1.0",
                compression=None,
                proxy=None,
                open_timeout=timeout_s,
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=None,
                max_size=None,
            )
        except InvalidURI as error:
            self._note(31923, f"malformed URL: {error}")
        except InvalidStatus as error:
            self.record.handshake_status = error.response.status_code
            self._note(31920, f"handshake answered {error.response.status_code}")
        except TimeoutError:
            self._note(31901, "no answer to the handshake")
        except ssl.SSLError as error:
            self._note(31910, f"TLS: {error}")
        except (InvalidMessage, InvalidHandshake) as error:
            self._note(31924, f"WebSocket protocol: {error}")
        except OSError as error:
            self._note(31902, f"connection refused: {error}")
        return None

    async def _start(self, socket: ClientConnection) -> None:
        self.record.handshake_status = 101
        await self._send(socket, CONNECTED)
        await self._send(socket, self._outgoing.start(self.record.parameters))
        self.record.begin(self._line, Playback(self._line.heard, self._line.now()))
        self._line.notify()

    async def _pace(self, socket: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        start = self.record.start_sample
        frame = 0
        while True:
            due = self._line.time_of(start + (frame + 1) * mulaw.FRAME_BYTES)
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.record.worst_lateness_ms = max(self.record.worst_lateness_ms, (loop.time() - due) * 1000)
            begin = start + frame * mulaw.FRAME_BYTES
            sound = self._line.said.render(begin, begin + mulaw.FRAME_BYTES)
            if not await self._send(socket, self._outgoing.media(frame * mulaw.FRAME_MS, sound)):
                return
            frame += 1
            self.record.frames_sent = frame

    async def _return_marks(self, socket: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        playback = self.record.playback
        while True:
            for name in playback.due_marks(self._line.now()):
                await self._echo(socket, name, "played")
            self._mark_added.clear()
            due = playback.next_mark()
            deadline = None if due is None else max(self._line.time_of(due), loop.time())
            try:
                async with asyncio.timeout_at(deadline):
                    await self._mark_added.wait()
            except TimeoutError:
                continue

    async def _echo(self, socket: ClientConnection, name: str, why: str) -> None:
        self.record.mark_echoes.append(MarkEcho(name, self._at_ms(), why))
        await self._send(socket, self._outgoing.mark(name))

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                await self._take(socket, read(text, self.record.stream_sid))
        except ConnectionClosed:
            pass
        if not self.record.closed_by:
            self.record.closed_by = "service"
            self._note_once(31921, f"the service closed the stream ({socket.close_code})")
        self.record.close_code = socket.close_code
        self.record.close_reason = socket.close_reason or ""

    async def _take(self, socket: ClientConnection, message: MessageIn) -> None:
        now = self._line.now()
        playback = self.record.playback
        at_ms = self._at_ms()
        match message:
            case MediaIn(sound=sound):
                self.record.arrivals.append(Arrival(at_ms, len(sound)))
                if playback.enqueue(now, sound):
                    self._note_once(31931, "more than 10 minutes of sound buffered: discarded")
                self._line.notify()
            case MarkIn(name=name):
                self.record.marks.append((at_ms, name))
                playback.mark(now, name)
                self._mark_added.set()
            case ClearIn():
                cleared = playback.clear(now)
                self._line.notify()
                for name in cleared.marks:
                    await self._echo(socket, name, "cleared")
            case BadIn(reason=reason):
                self.record.bad_messages.append((at_ms, reason))
                self._note_once(31951, f"bad message on the stream: {reason}")

    async def _finish(self, socket: ClientConnection) -> None:
        self._socket = None
        if self.record.start_sample >= 0:
            self.record.playback.stop(self._line.now())
        self.record.end_sample = self._line.now()
        self._line.notify()
        if not self.record.closed_by:
            self.record.closed_by = "network"
            await self._send(socket, self._outgoing.stop())
        await socket.close()

    async def _send(self, socket: ClientConnection, text: str) -> bool:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await socket.send(text)
        except ConnectionClosed:
            return False
        except TimeoutError:
            self._note_once(31903, "the service does not read the stream")
            self.record.closed_by = "timeout"
            socket.transport.abort()
            return False
        return True

    def _at_ms(self) -> float:
        return self._line.now() / mulaw.BYTES_PER_MS - self.record.start_ms

    def _note_once(self, code: int, text: str) -> None:
        if code not in self._noted:
            self._noted.add(code)
            self._note(code, text)


async def _wait(interrupted: Callable[[], Awaitable[object]]) -> None:
    await interrupted()
