"""Sessions that can be continued on another connection.

Source: google-genai 3.4.0, `LiveServerSessionResumptionUpdate` ("Resuming session (using previous session
token) in such state will result in some data loss"), and Live API guide, "Session resumption", read 2026-11:
every handle issued stays valid for two hours; it stands for the session as it was when it was issued.
"""

from dataclasses import dataclass
from typing import Any

from bench.simulators.gemini.rejection import POLICY, Rejection
from bench.simulators.speech.ids import IdSource

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SavedSession:
    """A session at one moment.

    Args:
        turn: caller turns so far.
        prompted: answers to the client's own words so far.
        audio_tokens: of the context.
        text_tokens: of the context.
        heard_ms: caller audio so far.
        history: contents the client gave as history.
    """

    turn: int
    prompted: int
    audio_tokens: int
    text_tokens: int
    heard_ms: float
    history: tuple[Json, ...]


class SavedSessions:
    """The sessions of one simulator that can be continued.

    Args:
        ids: names them.
        valid_s: for so long.
    """

    def __init__(self, ids: IdSource, valid_s: float) -> None:
        self._ids = ids
        self._valid_s = valid_s
        self._saved: dict[str, tuple[float, SavedSession]] = {}

    def save(self, session: SavedSession, now_s: float) -> str:
        """Keep a session and return its handle.

        Args:
            session: as it is now.
            now_s: loop time.
        """
        handle = self._ids.new("handle")
        self._saved[handle] = (now_s, session)
        return handle

    def find(self, handle: str, now_s: float) -> SavedSession:
        """Return the session of a handle.

        Raises:
            Rejection: there is none, or it is too old.
        """
        found = self._saved.get(handle)
        if found is None or now_s - found[0] > self._valid_s:
            raise Rejection(POLICY, "BidiGenerateContent session not found")
        return found[1]
