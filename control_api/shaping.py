"""The middleware around every request: an id, one shape for all errors, headers browsers should see.

This is the root of a request: whatever a handler lets through ends here, in the log and as a plain 500.
"""

import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from control_api.errors import ApiError, Conflicting, NoSuchThing, Unavailable, envelope, from_status
from control_api.metrics import ApiMetrics
from store.errors import Conflict, DatabaseFull, DatabaseLocked, DatabaseUnavailable, NotFound, StoreError
from store.ids import new_id

REQUEST_ID = web.RequestKey("request_id", str)
OPERATION_ID = web.RequestKey("operation_id", str)
_STARTED_S = web.RequestKey("started_s", float)
OWN_PATHS = ("/api", "/docs", "/openapi.json", "/metrics")
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = structlog.get_logger()


def is_ours(request: web.Request) -> bool:
    """Return whether the API answers for this path, or nobody does."""
    path = request.path
    return path.startswith(OWN_PATHS) or request.match_info.http_exception is not None


@web.middleware
async def shape_errors(request: web.Request, handler: Next) -> web.StreamResponse:
    """Give the request an id and turn every error into the envelope."""
    if not is_ours(request):
        return await handler(request)
    request[REQUEST_ID] = new_id("req")
    request[_STARTED_S] = time.perf_counter()
    try:
        return await handler(request)
    except ApiError as error:
        shaped = error
    except web.HTTPException as error:
        if error.status < 400:
            raise
        shaped = from_status(error.status, error.headers)
    except StoreError as error:
        shaped = _from_store(error, request)
    except Exception:  # noqa: BLE001 - the root of a request
        _log.exception("request_failed", method=request.method, route=_route(request), id=request[REQUEST_ID])
        shaped = ApiError(
            500, "internal", "Something went wrong on our side; the request id leads to the log."
        )
    return web.Response(
        status=shaped.status,
        body=envelope(shaped, request[REQUEST_ID]),
        content_type="application/json",
        headers=shaped.headers,
    )


def _from_store(error: StoreError, request: web.Request) -> ApiError:
    match error:
        case DatabaseLocked() | DatabaseFull() | DatabaseUnavailable():
            _log.error("database_unusable", error=str(error), route=_route(request), id=request[REQUEST_ID])
            return Unavailable("database_unavailable", "The database cannot be used at the moment.")
        case NotFound():
            return NoSuchThing("thing")
        case Conflict():
            return Conflicting("The change contradicts what is stored.")
        case _:
            _log.error("store_failed", error=str(error), route=_route(request), id=request[REQUEST_ID])
            return ApiError(
                500, "internal", "Something went wrong on our side; the request id leads to the log."
            )


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def answer_signal(metrics: ApiMetrics) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return what aiohttp calls when an answer of ours begins, streams included."""

    async def answer_begins(request: web.Request, response: web.StreamResponse) -> None:
        request_id = request.get(REQUEST_ID)
        if request_id is None:
            return
        response.headers["X-Request-Id"] = request_id
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        seconds = time.perf_counter() - request[_STARTED_S]
        metrics.answered(request.get(OPERATION_ID, "none"), response.status, seconds)

    return answer_begins
