"""The stereo recording of a call: caller left, agent right, as the caller heard it.

The audio path only notes references to the base64 text it passes on; once a second a worker thread decodes,
places and writes what has gathered, so nothing here runs on the loop that carries audio.
"""

import asyncio
import binascii
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from media.errors import MediaError
from media.wav import StereoWriter

SETTLE_DELAY_MS = 2_000
"""Audio younger than this may still change (late packets, barge-in), so it is not written yet."""

T = TypeVar("T")
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
        self._notes: deque[_Note] = deque()  # added to by the loop, taken from by the worker thread
        self._working = threading.Lock()  # a call that ends does not wait for the write under way
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
        await asyncio.to_thread(self._work, lambda: self._settle(now_ms - SETTLE_DELAY_MS))

    async def finish(self, at_ms: float) -> Recorded | None:
        """Write the rest up to `at_ms` and close; None when the recording failed."""
        return await asyncio.to_thread(self._work, lambda: self._finish(at_ms))

    # In the worker thread

    def _work(self, work: Callable[[], T]) -> T | None:
        """Do one piece of work at a time; None when the recording has failed."""
        with self._working:
            if self.failed is not None:
                self._notes.clear()
                return None
            try:
                return work()
            except (OSError, MediaError, binascii.Error) as error:
                self.failed = str(error)
                self._give_up()
                return None

    def _give_up(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what is buffered cannot be written either
                self._file.close()

    def _open(self) -> tuple[BinaryIO, StereoWriter]:
        if self._file is None or self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("r+b" if self._path.exists() else "w+b")
            self._writer = StereoWriter(self._file, start_ms=self._start_ms)
        return self._file, self._writer

    def _place(self, writer: StereoWriter) -> None:
        while self._notes:
            kind, payload, at_ms = self._notes.popleft()
            match kind:
                case "caller" if payload is not None:
                    writer.put_caller(binascii.a2b_base64(payload), at_ms)
                case "agent" if payload is not None:
                    writer.put_agent(binascii.a2b_base64(payload), at_ms)
                case _:
                    writer.cut_agent(at_ms)

    def _settle(self, horizon_ms: float) -> None:
        file, writer = self._open()
        self._place(writer)
        writer.settle(horizon_ms)
        file.flush()

    def _finish(self, at_ms: float) -> Recorded:
        file, writer = self._open()
        self._place(writer)
        duration_ms = writer.finish(at_ms)
        file.close()
        return Recorded(self._path, duration_ms, self._path.stat().st_size)
