"""Recordings: one WAV file per call, caller on the left, agent on the right; whole or in ranges."""

import asyncio
from pathlib import Path

from aiohttp import web

from control_api.errors import NoSuchThing
from control_api.fields import IdPath
from control_api.file_download import send_file
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
    headers = {
        "Content-Type": "audio/wav",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{call.id}.wav"',
    }
    return await send_file(request.http, file, headers)


def _inside(root: Path, relative: str) -> Path | None:
    """Return the file, None when it is missing or the path leads out of the recordings."""
    file = (root / relative).resolve()
    return file if file.is_relative_to(root.resolve()) and file.is_file() else None
