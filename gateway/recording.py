"""The stereo recording of a call: caller left, agent right, as the caller heard it.

The audio path only notes references to the base64 text it passes on; once a second a worker thread decodes,
places and writes what has gathered, so nothing here runs on the loop that carries audio.
"""

import asyncio
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from media.errors import MediaError
from media.wav import StereoWriter

SETTLE_DELAY_MS = 2_000
"""Audio younger than this may still change (late packets, barge-in), so it is not written yet."""

_Note = tuple[Literal["caller", "agent"], str, float] | tuple[Literal["cut"], None, float]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished recording."""

    path: Path
    duration_ms: int
    size_bytes: int


class CallRecording:
    """One recording in the making. Times are milliseconds on the call's clock.

    Args:
        path: The file; a recording that exists already is continued (the call was resumed).
        start_ms: The call's clock when this stream started.
    """

    def __init__(self, path: Path, start_ms: int = 0) -> None:
        self._path = path
        self._start_ms = start_ms
        self._notes: list[_Note] = []
        self._file: BinaryIO | None = None
        self._writer: StereoWriter | None = None
        self.failed: str | None = None

    def caller(self, payload: str, at_ms: float) -> None:
        """Note caller audio: base64 of mu-law."""
        self._notes.append(("caller", payload, at_ms))

    def agent(self, payload: str, at_ms: float) -> None:
        """Note agent audio, played from `at_ms`."""
        self._notes.append(("agent", payload, at_ms))

    def cut(self, at_ms: float) -> None:
        """Note that agent audio from `at_ms` on was never heard."""
        self._notes.append(("cut", None, at_ms))

    async def settle(self, now_ms: float) -> None:
        """Write what can no longer change. A failure ends the recording, not the call."""
        if self.failed is not None:
            self._notes.clear()
            return
        notes, self._notes = self._notes, []
        try:
            await asyncio.to_thread(self._write, notes, now_ms - SETTLE_DELAY_MS)
        except (OSError, MediaError) as error:
            self.failed = str(error)

    async def finish(self, at_ms: float) -> Recorded | None:
        """Write the rest up to `at_ms` and close; None when the recording failed."""
        notes, self._notes = self._notes, []
        try:
            return await asyncio.to_thread(self._finish, notes, at_ms)
        except (OSError, MediaError) as error:
            self.failed = self.failed or str(error)
            return None

    def _place(self, notes: list[_Note]) -> StereoWriter:
        writer = self._writer
        if writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("r+b" if self._path.exists() else "w+b")
            writer = self._writer = StereoWriter(self._file, start_ms=self._start_ms)
        for kind, payload, at_ms in notes:
            match kind:
                case "caller" if payload is not None:
                    writer.put_caller(binascii.a2b_base64(payload), at_ms)
                case "agent" if payload is not None:
                    writer.put_agent(binascii.a2b_base64(payload), at_ms)
                case _:
                    writer.cut_agent(at_ms)
        return writer

    def _write(self, notes: list[_Note], horizon_ms: float) -> None:
        self._place(notes).settle(horizon_ms)
        if self._file is not None:
            self._file.flush()

    def _finish(self, notes: list[_Note], at_ms: float) -> Recorded | None:
        if self.failed is not None:
            return None
        writer = self._place(notes)
        duration_ms = writer.finish(at_ms)
        if self._file is not None:
            self._file.close()
        return Recorded(self._path, duration_ms, self._path.stat().st_size)
