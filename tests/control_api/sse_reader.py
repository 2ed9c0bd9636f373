"""A reader of server-sent events that takes the format literally.

Source: WHATWG HTML, section 9.2.6 "Interpreting an event stream".
"""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse

from tests.control_api.harness import Api


@dataclass
class Message:
    """One event; `event` is `:` for a comment."""

    event: str
    data: Any
    id: int | None = None
    retry_ms: int | None = None


async def messages(response: ClientResponse) -> AsyncIterator[Message]:
    """Yield what the server sends until it closes; an unfinished event is no event."""
    fields: dict[str, str] = {}
    async for raw in response.content:
        line = raw.decode().removesuffix("\n")
        if not raw.endswith(b"\n"):
            return
        if line.startswith(":"):
            yield Message(":", line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
            assert name in ("id", "event", "data", "retry"), line
            assert name not in fields, "one line per field"
            fields[name] = value
        elif fields:
            number, retry = fields.get("id"), fields.get("retry")
            yield Message(
                fields["event"],
                json.loads(fields["data"]),
                None if number is None else int(number),
                None if retry is None else int(retry),
            )
            fields = {}


@contextlib.asynccontextmanager
async def listening(
    api: Api, call_id: str, after: int | str | None = None, **options: Any
) -> AsyncIterator[Any]:
    """Open a call's stream; yield (response, iterator of messages)."""
    headers = dict(options.pop("headers", {}))
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    response = await api.call("GET", f"/api/calls/{call_id}/stream", headers=headers, **options)
    try:
        yield response, messages(response)
    finally:
        response.close()


async def whole(api: Api, call_id: str, after: int | str | None = None, **options: Any) -> list[Message]:
    """Read a stream until the server closes it."""
    async with listening(api, call_id, after, **options) as (response, stream):
        assert response.status == 200, await response.text()
        return [message async for message in stream]
