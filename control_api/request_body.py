"""Reading a JSON body: bounded, strict, every refusal with its reason."""

from typing import Any

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from control_api.errors import ApiError, BadInput, Detail

LIMIT_BYTES = 1024 * 1024
LIMIT_DEPTH = 64


async def read_json(request: web.Request) -> Any:
    """Return the decoded body.

    Raises:
        ApiError: 415 for another content type, 413 past 1 MiB, 400 for what is not JSON as we take it (NaN,
            Infinity, numbers out of range, lone surrogates, NUL, more than 64 levels).
    """
    _check_content_type(request)
    body = await _read(request)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput("The body is not valid JSON.", [Detail("body", str(error), "invalid_json")]) from error
    except RecursionError as error:
        raise _too_deep() from error
    _check_tree(value)
    return value


def _check_content_type(request: web.Request) -> None:
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise ApiError(415, "unsupported_media_type", "Send the body as application/json in UTF-8.")


async def _read(request: web.Request) -> bytes:
    declared = request.content_length
    if declared is not None and declared > LIMIT_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > LIMIT_BYTES:
                raise _too_large()
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError) as error:
        raise BadInput("The body cannot be read.", [Detail("body", str(error), "unreadable")]) from error
    return bytes(body)


def _too_large() -> ApiError:
    return ApiError(413, "too_large", f"The body is larger than {LIMIT_BYTES} bytes.")


def _too_deep() -> ApiError:
    return BadInput(
        "The body is nested too deeply.", [Detail("body", f"more than {LIMIT_DEPTH} levels", "too_deep")]
    )


def _check_tree(value: Any) -> None:
    """Refuse depth and NUL anywhere, free-form objects included; level by level, so no recursion."""
    level, depth = [value], 0
    while level:
        deeper: list[Any] = []
        for node in level:
            if isinstance(node, str):
                _refuse_nul(node)
            elif isinstance(node, dict):
                for key in node:
                    _refuse_nul(key)
                deeper.extend(node.values())
            elif isinstance(node, list):
                deeper.extend(node)
        if any(isinstance(node, dict | list) for node in level):
            depth += 1
        if depth > LIMIT_DEPTH:
            raise _too_deep()
        level = deeper


def _refuse_nul(text: str) -> None:
    if "\x00" in text:
        raise BadInput("The body holds the character NUL.", [Detail("body", "NUL is not allowed", "nul")])
