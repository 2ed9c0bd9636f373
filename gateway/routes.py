"""The gateway's HTTP and WebSocket routes. Nothing here is served without the carrier's signature."""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web
from multidict import MultiDict

from carrier import twiml
from gateway.after_stream import what_follows
from gateway.arrival import SOMETHING_WENT_WRONG, receive_call
from gateway.callbacks import answered_by, status_reported, voicemail_recorded
from gateway.errors import Refused
from gateway.live_calls import LiveCalls
from gateway.services import GatewayServices
from gateway.session import CallSession
from gateway.stream.socket import HARD_LIMIT_BYTES, MediaSocket
from store import calls, media_tokens
from store.call_rows import Call
from store.errors import StoreError

_log = structlog.get_logger()


class GatewayRoutes:
    """The handlers of one gateway.

    Args:
        services: The gateway's parts.
        live: The calls of this process.
    """

    def __init__(self, services: GatewayServices, live: LiveCalls) -> None:
        self._services = services
        self._live = live

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.add_routes(
            [
                web.post("/twilio/voice/{number_id}", self.voice),
                web.post("/twilio/calls/{call_id}/next", self.next),
                web.post("/twilio/calls/{call_id}/status", self.status),
                web.post("/twilio/calls/{call_id}/amd", self.amd),
                web.post("/twilio/calls/{call_id}/recording", self.recording),
                web.get("/twilio/media/{token}", self.media),
            ]
        )

    async def voice(self, request: web.Request) -> web.Response:
        """An incoming call: answer with TwiML."""
        form = await self._signed_form(request)
        return await self._answer(
            lambda: receive_call(self._services, self._live, request.match_info["number_id"], form)
        )

    async def next(self, request: web.Request) -> web.Response:
        """Say what follows a stream, a transfer or a recording, or the answer to an outbound call."""
        form = await self._signed_form(request)
        call = await self._call(request)
        if call is None:
            return _twiml(twiml.hang_up())
        return await self._answer(lambda: what_follows(self._services, self._live, call, form))

    async def status(self, request: web.Request) -> web.Response:
        """A status callback."""
        form = await self._signed_form(request)
        if call := await self._call(request):
            await status_reported(self._services, self._live, call, form)
        return web.Response(status=204)

    async def amd(self, request: web.Request) -> web.Response:
        """The verdict of answering-machine detection."""
        form = await self._signed_form(request)
        if call := await self._call(request):
            await answered_by(self._services, call, form)
        return web.Response(status=204)

    async def recording(self, request: web.Request) -> web.Response:
        """A voicemail is ready."""
        form = await self._signed_form(request)
        if call := await self._call(request):
            await voicemail_recorded(self._services, call, form)
        return web.Response(status=204)

    async def media(self, request: web.Request) -> web.StreamResponse:
        """The media stream's socket: admitted by signature and one-time token before the upgrade."""
        if not self._services.signatures.websocket(request.path, request.headers):
            return self._refuse("bad_signature")
        try:
            session = await self._admit(request.match_info["token"])
        except Refused as refused:
            return self._refuse(refused.reason)
        ws = web.WebSocketResponse(compress=False, max_msg_size=HARD_LIMIT_BYTES, autoping=True)
        await ws.prepare(request)
        await session.attend(MediaSocket(ws, session.call.carrier_call_sid))
        return ws

    async def _admit(self, token: str) -> CallSession:
        async with self._services.database.write() as conn:
            claimed = await media_tokens.claim(conn, token)
            if claimed is None:
                raise Refused("bad_token")
            await calls.advance_status(conn, claimed.org_id, claimed.call_id, "in-progress")
        session = self._live.get(claimed.call_id)
        if session is None:
            raise Refused("call_not_here")
        return session

    def _refuse(self, reason: str) -> web.Response:
        self._services.metrics.webhooks_refused.labels(reason).inc()
        return web.Response(status=403, text="refused")

    async def _signed_form(self, request: web.Request) -> Mapping[str, str]:
        form = await request.post()
        fields = MultiDict((name, value) for name, value in form.items() if isinstance(value, str))
        genuine = self._services.signatures.http(request.path_qs, fields, request.headers)
        if len(fields) != len(form) or not genuine:  # the carrier sends no files
            self._services.metrics.webhooks_refused.labels("bad_signature").inc()
            raise web.HTTPForbidden(text="refused")
        return dict(fields)

    async def _call(self, request: web.Request) -> Call | None:
        async with self._services.database.read() as conn:
            call = await calls.find_any_org(conn, request.match_info["call_id"])
        if call is None:
            _log.warning("callback_for_unknown_call", call_id=request.match_info["call_id"][:64])
        return call

    async def _answer(self, decide: Callable[[], Awaitable[str]]) -> web.Response:
        try:
            return _twiml(await decide())
        except StoreError:
            # The carrier would read an HTTP error to nobody; the caller deserves a word.
            _log.exception("webhook_failed")
            return _twiml(twiml.say_and_hang_up(SOMETHING_WENT_WRONG))


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
