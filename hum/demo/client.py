"""The demonstration as a client of the control API: nothing it shows comes from anywhere else."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

REQUEST_LIMIT_S = 10.0
SILENCE_LIMIT_S = 40.0
"""The API sends a comment every 15 s, so a stream silent for so long is broken."""


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One server-sent event. `id` is None for those that are not in the log."""

    id: int | None
    name: str
    data: dict[str, Any] = field(default_factory=dict)


class ApiClient:
    """Reads the control API with a key.

    Args:
        http: An HTTP session.
        base_url: Where the service is.
        api_key: The key.
    """

    def __init__(self, http: aiohttp.ClientSession, base_url: str, api_key: str) -> None:
        self._http = http
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def get(self, path: str) -> dict[str, Any]:
        """Read one resource; an answer that is not 200 reads as its error envelope."""
        async with (
            asyncio.timeout(REQUEST_LIMIT_S),
            self._http.get(self._base_url + path, headers=self._headers) as answer,
        ):
            read: dict[str, Any] = await answer.json()
            return read

    async def download(self, path: str) -> bytes:
        """Read a file; empty when it cannot be had."""
        async with (
            asyncio.timeout(REQUEST_LIMIT_S),
            self._http.get(self._base_url + path, headers=self._headers) as answer,
        ):
            return await answer.read() if answer.status == 200 else b""

    async def follow(self, call_id: str, after: int | None = None) -> AsyncGenerator[StreamedEvent]:
        """Yield a call's events as they are streamed, until the stream ends.

        Args:
            call_id: The call.
            after: Go on after this event's id, as a browser does after a lost connection.
        """
        headers = dict(self._headers)
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        path = f"{self._base_url}/api/calls/{call_id}/stream"
        no_limit = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_LIMIT_S)
        async with self._http.get(path, headers=headers, timeout=no_limit) as answer:
            lines: list[str] = []
            async for raw in answer.content:
                line = raw.decode().rstrip("\r\n")
                if line:
                    lines.append(line)
                elif event := _parse(lines):
                    lines = []
                    yield event
                else:
                    lines = []


def _parse(lines: list[str]) -> StreamedEvent | None:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
    if "event" not in fields and "data" not in fields:
        return None
    number = fields.get("id", "")
    data = json.loads(fields.get("data") or "{}")
    return StreamedEvent(int(number) if number else None, fields.get("event", "message"), data)
