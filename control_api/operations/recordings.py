"""Recordings: one WAV file per call, caller on the left, agent on the right; whole or in ranges."""

import asyncio
import os
from pathlib import Path

from aiohttp import web

from control_api.errors import ApiError, NoSuchThing, PreconditionFailed
from control_api.fields import IdPath
from control_api.operation import ApiRequest, operation
from control_api.operations.calls import find_call


@operation("getCallRecording", role="viewer")
async def get_call_recording(request: ApiRequest, *, path: IdPath) -> web.StreamResponse:
    """Range requests are answered in part (206); the ETag changes when the file does."""
    return await _recording(request, path.id)


@operation("headCallRecording", role="viewer")
async def head_call_recording(request: ApiRequest, *, path: IdPath) -> web.StreamResponse:
    """As the download, without its content."""
    return await _recording(request, path.id)


async def _recording(request: ApiRequest, call_id: str) -> web.StreamResponse:
    call = await find_call(request, call_id)
    root = request.services.recordings_dir
    file = (
        None if call.recording_path is None else await asyncio.to_thread(_inside, root, call.recording_path)
    )
    if file is None:
        raise NoSuchThing("recording")
    status = await asyncio.to_thread(file.stat)
    _check_conditions(request.http, status)
    _check_range(request.http, status.st_size)
    return web.FileResponse(
        file,
        headers={
            "Content-Type": "audio/wav",
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f'attachment; filename="{call.id}.wav"',
        },
    )


def _check_conditions(http: web.Request, status: os.stat_result) -> None:
    """Refuse another version here, so that the refusal has our shape; the framework would refuse it too."""
    known = http.if_match
    if known is not None:
        tag = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        changed = not any(each.value in (tag, "*") and not each.is_weak for each in known)
    else:
        since = http.if_unmodified_since
        changed = since is not None and status.st_mtime > since.timestamp()
    if changed:
        raise PreconditionFailed("The recording is not that version.")


def _check_range(http: web.Request, size: int) -> None:
    """Refuse a range outside the file here, so that the refusal has our shape."""
    if "Range" not in http.headers or "If-Range" in http.headers:
        return
    try:
        start = http.http_range.start
    except ValueError:
        start = size
    if start is not None and start >= size:
        raise ApiError(
            416,
            "range_not_satisfiable",
            "The recording has no such range.",
            headers={"Content-Range": f"bytes */{size}"},
        )


def _inside(root: Path, relative: str) -> Path | None:
    """Return the file, None when it is missing or the path leads out of the recordings."""
    file = (root / relative).resolve()
    return file if file.is_relative_to(root.resolve()) and file.is_file() else None
