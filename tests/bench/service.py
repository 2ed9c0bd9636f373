"""A tiny service under test for the simulated phone company: scripted webhook answers, one media socket."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

TWIML = "text/xml"

MediaHandler = Callable[["MediaSocket"], Awaitable[None]]
Answer = str | web.Response | Callable[["Asked"], "str | web.Response | Awaitable[str | web.Response]"]


@dataclass(frozen=True)
class Asked:
    """One webhook request as received."""

    path: str
    method: str
    params: dict[str, str]
    headers: dict[str, str]
    query: str
    at_s: float


class MediaSocket:
    """The service's end of a media stream."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.arrivals_s: list[float] = []

    @property
    def sid(self) -> str:
        return next(m["start"]["streamSid"] for m in self.messages if m["event"] == "start")

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    def said(self) -> bytes:
        return b"".join(base64.b64decode(m["media"]["payload"]) for m in self.of("media"))

    async def read(self) -> dict[str, Any] | None:
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        decoded = json.loads(message.data)
        self.messages.append(decoded)
        self.arrivals_s.append(asyncio.get_running_loop().time())
        return decoded

    async def until(self, event: str, count: int = 1) -> dict[str, Any] | None:
        while len(self.of(event)) < count:
            if await self.read() is None:
                return None
        return self.of(event)[count - 1]

    async def drain(self) -> None:
        while await self.read() is not None:
            pass

    async def send(self, event: str, **body: Any) -> None:
        await self.socket.send_json({"event": event, "streamSid": self.sid, **body})

    async def media(self, sound: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(sound).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})

    async def clear(self) -> None:
        await self.send("clear")


@dataclass
class ToyService:
    """Answers by path; everything asked is kept."""

    answers: dict[str, Answer] = field(default_factory=dict)
    media: MediaHandler | None = None
    asked: list[Asked] = field(default_factory=list)
    sockets: list[MediaSocket] = field(default_factory=list)
    handshakes: list[dict[str, str]] = field(default_factory=list)
    refuse_media: int | None = None
    url: str = ""

    async def __aenter__(self) -> "ToyService":
        app = web.Application()
        app.router.add_get("/media/{token}", self._media)
        app.router.add_route("*", "/{path:.*}", self._webhook)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def stream_url(self) -> str:
        return self.url.replace("http", "ws") + "/media/token-1"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def last(self, path: str) -> Asked:
        return [asked for asked in self.asked if asked.path == path][-1]

    def all(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    async def _webhook(self, request: web.Request) -> web.Response:
        params = dict(parse_qsl(await request.text(), keep_blank_values=True))
        asked = Asked(
            request.path,
            request.method,
            params,
            dict(request.headers),
            request.rel_url.raw_query_string,
            asyncio.get_running_loop().time(),
        )
        self.asked.append(asked)
        answer = self.answers.get(request.path, "")
        if callable(answer):
            made = answer(asked)
            answer = made if isinstance(made, str | web.Response) else await made
        if isinstance(answer, str):
            return web.Response(text=answer, content_type=TWIML) if answer else web.Response(status=204)
        return answer

    async def _media(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append({"path": request.path, **request.headers})
        if self.refuse_media is not None:
            return web.Response(status=self.refuse_media)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        media = MediaSocket(socket)
        self.sockets.append(media)
        if self.media is not None:
            await self.media(media)
        await socket.close()
        return socket


def twiml(*verbs: str) -> str:
    """Return a document of the given verbs."""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'


def connect(url: str, action: str | None = None, **parameters: str) -> str:
    """Return a <Connect><Stream>."""
    inner = "".join(f'<Parameter name="{name}" value="{value}"/>' for name, value in parameters.items())
    attribute = f' action="{action}"' if action else ""
    return f'<Connect{attribute}><Stream url="{url}">{inner}</Stream></Connect>'
