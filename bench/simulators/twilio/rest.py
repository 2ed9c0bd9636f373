"""The REST server: authentication, errors, scripted failures, and the routes of every resource.

Paths are the ones the official SDK asks for. Source: twilio-python 9.13.0, `rest/api/v2010`, read 2026-11.
"""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.typedefs import Middleware

from bench.simulators.twilio.form import Form
from bench.simulators.twilio.network import Json, Network
from bench.simulators.twilio.rest_answers import RestError, not_found

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_FORM_BYTES = 1024 * 1024


async def read_form(request: web.Request) -> Form:
    """Read a form-encoded body."""
    body = await request.text()
    return Form(parse_qsl(body, keep_blank_values=True))


def json_answer(body: Json, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return web.json_response(body, status=status)


class RestServer:
    """The aiohttp application of the REST API.

    Args:
        network: configuration and books.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._faults_left = [fault.times for fault in network.config.rest_faults]
        self.requests: list[tuple[str, str, int]] = []
        """(method, path, status) of every request answered."""
        self.crashes: list[Exception] = []
        """Mistakes of the simulator itself; raised when it is left."""
        self.app = web.Application(client_max_size=_MAX_FORM_BYTES, middlewares=[self._middleware()])

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Add a route below the account, e.g. `/Calls.json`."""
        self.app.router.add_route(method, "/2010-04-01/Accounts/{account}" + path, handler)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._authenticate(request)
                self._maybe_fail(request.path)
                response = await handler(request)
            except RestError as error:
                response = json_answer(error.body(), error.status)
            except web.HTTPNotFound:
                response = json_answer(not_found(request.path).body(), 404)
            except web.HTTPMethodNotAllowed:
                refusal = RestError(405, 20004, "Method not allowed")
                response = json_answer(refusal.body(), 405)
            except Exception as error:  # noqa: BLE001 - the root of a request: a bug must not hide in a log
                self.crashes.append(error)
                response = json_answer(RestError(500, 20500, "Internal server error").body(), 500)
            self.requests.append((request.method, request.path, response.status))
            return response

        return check

    def _authenticate(self, request: web.Request) -> None:
        config = self._network.config
        given = _basic_auth(request.headers.get("Authorization", ""))
        wanted = f"{config.account_sid}:{config.auth_token}"
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise RestError(401, 20003, "Authenticate")
        if request.match_info.get("account", config.account_sid) != config.account_sid:
            raise not_found(request.path)

    def _maybe_fail(self, path: str) -> None:
        for index, fault in enumerate(self._network.config.rest_faults):
            if self._faults_left[index] and fault.path in path:
                self._faults_left[index] -= 1
                raise RestError(fault.status, fault.code, fault.message)


def _basic_auth(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
