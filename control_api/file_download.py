"""Files sent whole or in one range, read off the loop, to readers that keep up.

Source: RFC 9110, 13.1.1 (If-Match), 13.1.5 (If-Range), 14 (Range requests): a range header that is
malformed, of another unit or names several ranges may be ignored; it is, and the whole file sent.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from control_api.errors import ApiError, PreconditionFailed

CHUNK_BYTES = 256 * 1024
SEND_LIMIT_S = 30.0
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _OpenFile:
    content: BinaryIO
    size_bytes: int
    tag: str


async def send_file(http: web.Request, file: Path, headers: Mapping[str, str]) -> web.StreamResponse:
    """Answer a GET or HEAD with a file.

    Args:
        http: the request; its Range, If-Range, If-Match and If-None-Match count.
        file: an existing file.
        headers: for the answer, Content-Type among them.

    Raises:
        ApiError: 412 when If-Match names another version, 416 for a range beyond the end.
    """
    opened = await asyncio.to_thread(_open, file)
    try:
        _check_version(http, opened.tag)
        common = {**headers, "ETag": f'"{opened.tag}"', "Accept-Ranges": "bytes"}
        if any(each.value in (opened.tag, "*") for each in http.if_none_match or ()):
            return web.Response(status=304, headers=common)
        wanted = _wanted(http, opened)
        start, stop = wanted or (0, opened.size_bytes)
        response = web.StreamResponse(status=206 if wanted else 200, headers=common)
        response.content_length = stop - start
        if wanted:
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{opened.size_bytes}"
        with contextlib.suppress(ConnectionError):  # the client has gone: nothing is left to do
            await response.prepare(http)
            if http.method != "HEAD":
                await _send(http, response, opened.content, start, stop)
            await response.write_eof()
        return response
    finally:
        opened.content.close()  # waits for nothing: it was only read; and must happen even when cancelled


def _open(file: Path) -> _OpenFile:
    content = file.open("rb")
    status = os.fstat(content.fileno())
    return _OpenFile(content, status.st_size, f"{status.st_mtime_ns:x}-{status.st_size:x}")


def _check_version(http: web.Request, tag: str) -> None:
    known = http.if_match
    if known is not None and not any(each.value in (tag, "*") and not each.is_weak for each in known):
        raise PreconditionFailed("The file is not that version.")


def _wanted(http: web.Request, opened: _OpenFile) -> tuple[int, int] | None:
    """Return start and stop of the part asked for, None for the whole."""
    found = _RANGE.fullmatch(http.headers.get("Range", ""))
    condition = http.headers.get("If-Range")
    if found is None or http.method != "GET" or (condition is not None and condition != f'"{opened.tag}"'):
        return None
    first, last = found.groups()
    size = opened.size_bytes
    if not first and not last:
        return None
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        headers = {"Content-Range": f"bytes */{size}"}
        raise ApiError(416, "range_not_satisfiable", "The file has no such range.", headers=headers)
    return start, stop


async def _send(
    http: web.Request, response: web.StreamResponse, content: BinaryIO, start: int, stop: int
) -> None:
    await asyncio.to_thread(content.seek, start)
    while start < stop:
        chunk = await asyncio.to_thread(content.read, min(CHUNK_BYTES, stop - start))
        start += len(chunk)
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await response.write(chunk)
        except TimeoutError:
            chunk = b""
        if not chunk:  # the reader is too slow, or the file has shrunk: what was promised cannot be kept
            if http.transport is not None:
                http.transport.abort()
            return
