"""From an HTTP request to a handler's call and back: sign-in, validation, encoding."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

from aiohttp import HttpVersion11, web
from pydantic import ValidationError

from control_api.errors import BadInput, Detail
from control_api.fields import Input
from control_api.operation import ApiRequest, BoundOperation
from control_api.request_body import read_json
from control_api.services import ApiServices
from control_api.shaping import OPERATION_ID, REQUEST_ID
from control_api.sign_in import refuse_forgery, require_role, sign_in
from store.times import utc_now

CONTINUE_LIMIT_S = 10.0
Model = TypeVar("Model", bound=Input)


def http_handler(
    bound: BoundOperation, services: ApiServices
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler that serves an operation."""

    async def handle(http: web.Request) -> web.StreamResponse:
        http[OPERATION_ID] = bound.operation.id
        request = ApiRequest(http, services, http[REQUEST_ID])
        if bound.role != "public":
            request.signed_in = await sign_in(http, services.database, utc_now())
            refuse_forgery(http, services.public_url)
            require_role(request.signed_in, bound.role)
        result = await bound.handler(request, **await _inputs(bound, http))
        return _response(bound, request, result)

    return handle


async def go_on(http: web.Request) -> None:
    """Tell a client that waits before it sends its body to send it; other expectations are not heeded.

    Source: RFC 9110, 10.1.1 (Expect).
    """
    if http.headers.get("Expect", "").lower() == "100-continue" and http.version >= HttpVersion11:
        async with asyncio.timeout(CONTINUE_LIMIT_S):
            await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        http.writer.output_size = 0


async def _inputs(bound: BoundOperation, http: web.Request) -> dict[str, Input]:
    inputs: dict[str, Input] = {}
    if bound.path is not None:
        inputs["path"] = validate(bound.path, dict(http.match_info), "path")
    if bound.query is not None:
        inputs["query"] = validate(bound.query, _query(http, bound.query), "query")
    if bound.body is not None:
        inputs["body"] = validate(bound.body, await read_json(http), "")
    return inputs


def _query(http: web.Request, model: type[Input]) -> Mapping[str, str]:
    """Return the declared parameters; one given twice is refused, since readers differ on which counts."""
    twice = [name for name in model.model_fields if len(http.query.getall(name, [])) > 1]
    if twice:
        raise BadInput(
            "A query parameter is given twice.",
            [Detail(f"query.{name}", "give it once", "duplicate") for name in twice],
        )
    return http.query


def validate(model: type[Model], value: Any, where: str) -> Model:
    """Check a value against a request model.

    Args:
        model: the model.
        value: decoded JSON, or a mapping of texts.
        where: what `path` in the details begins with; empty for bodies.

    Raises:
        BadInput: with one detail per mistake.
    """
    try:
        return model.model_validate(dict(value) if isinstance(value, Mapping) else value)
    except ValidationError as error:
        details = [
            Detail(
                _path(where, mistake["loc"]), mistake["msg"].removeprefix("Value error, "), mistake["type"]
            )
            for mistake in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise BadInput("The request is not valid.", details) from None


def _path(where: str, location: tuple[int | str, ...]) -> str:
    path = where
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "body"


def _response(bound: BoundOperation, request: ApiRequest, result: Any) -> web.StreamResponse:
    if bound.result is None:
        return cast(web.StreamResponse, result)
    return web.Response(
        status=bound.operation.success,
        body=result.model_dump_json().encode(),
        content_type="application/json",
        headers=request.reply_headers,
    )
