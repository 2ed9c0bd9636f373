"""The REST side: the key, errors, and reading bodies.

Paths are the ones the official SDK asks for. Source: elevenlabs-python 2.78.0,
`conversational_ai/*/raw_client.py`, read 2026-11.
"""

from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bench.simulators.elevenlabs.failures import RestError, invalid, refused

Json = dict[str, Any]

SOCKET_PATH = "/v1/convai/conversation"
_MAX_BODY_BYTES = 4 * 1024 * 1024


class RestServer:
    """The aiohttp application.

    Args:
        api_key: the only one accepted.
    """

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key
        self.requests: list[tuple[str, str, int]] = []
        """(method, path, status) of every REST request answered."""
        self.crashes: list[Exception] = []
        """Mistakes of the simulator itself; raised when it is left."""
        self.app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[self._middleware()])

    def _middleware(self) -> Middleware:
        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path == SOCKET_PATH:
                return await handler(request)
            response = await self._answer(request, handler)
            self.requests.append((request.method, request.path, response.status))
            return response

        return check

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.headers.get("xi-api-key") != self._api_key:
                raise refused(401, "invalid_api_key", "Invalid API key")
            return await handler(request)
        except RestError as error:
            return web.json_response(error.body(), status=error.status)
        except web.HTTPException as error:
            return web.json_response({"detail": error.reason}, status=error.status)
        except Exception as error:  # noqa: BLE001 - the root of a request: a bug must not hide in a log
            self.crashes.append(error)
            return web.json_response({"detail": "Internal Server Error"}, status=500)


async def read_object(request: web.Request) -> Json:
    """Return a request's body.

    Raises:
        RestError: it is not a JSON object.
    """
    try:
        body = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RestError(
            422, [{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}]
        ) from error
    if not isinstance(body, dict):
        raise RestError(
            422, [{"type": "model_attributes_type", "loc": ["body"], "msg": "Input should be an object"}]
        )
    return body


def object_in(body: Json, name: str) -> Json:
    """Return an object in a body, `{}` when it is not there.

    Raises:
        RestError: it is something else.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, "Input should be an object")
    return value


def text_in(body: Json, name: str, default: str) -> str:
    """Return a text in a body.

    Raises:
        RestError: it is something else.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise invalid(name, "Input should be a valid string")
    return value


ACCESS: Json = {
    "is_creator": True,
    "creator_name": "Simulated Account",
    "creator_email": "owner@example.com",
    "role": "admin",
}
"""`access_info` of everything in the account."""
