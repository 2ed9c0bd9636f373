"""The transcript of a call, released turn by turn in the order spoken.

Providers report the caller's words late: often after the answer to them has begun. A turn therefore takes its
place when it starts and leaves, as `TranscriptFinal`, when it and every turn before it is complete: a
caller's turn when its text is known, an agent's turn when its text is known and its audio was heard or cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from store.call_events import CallEvent, Party, TranscriptFinal, TranscriptPartial

PARTIAL_INTERVAL_MS = 300
"""Partials of one turn are at least this far apart."""


@dataclass(slots=True)
class _Turn:
    turn_id: str
    item_id: str
    party: Party
    started_ms: int
    ended_ms: int | None = None
    partial: str = ""
    partial_at_ms: int = -PARTIAL_INTERVAL_MS
    text: str | None = None
    missing: bool = False
    heard_ms: int | None = None
    interrupted: bool = False
    closed: bool = False  # agent: heard or cut; caller: text known or given up

    def final(self, now_ms: int) -> TranscriptFinal:
        text = self.text if self.text is not None else self.partial
        return TranscriptFinal(
            turn_id=self.turn_id,
            party=self.party,
            text=text.strip(),
            started_ms=self.started_ms,
            ended_ms=self.ended_ms if self.ended_ms is not None else max(now_ms, self.started_ms),
            heard_ms=self.heard_ms if self.party == "agent" else None,
            interrupted=self.interrupted,
            missing=self.missing,
        )


class Transcript:
    """Turns of one call, in order. Times are milliseconds on the call's clock."""

    __slots__ = ("_count", "_ids", "_late", "_turns")

    def __init__(self, first_turn: int = 1) -> None:
        self._count = first_turn - 1
        self._ids: dict[str, str] = {}  # the turn of every item there was, two short strings each
        self._turns: dict[str, _Turn] = {}  # by item, in the order spoken, until released
        self._late: dict[str, _Turn] = {}  # released before their text came

    def start(self, item_id: str, party: Party, at_ms: int) -> str:
        """A turn takes its place; returns its id. Starting it again changes nothing."""
        if item_id not in self._ids:
            self._count += 1
            turn_id = self._ids[item_id] = f"turn_{self._count}"
            self._turns[item_id] = _Turn(turn_id, item_id, party, at_ms)
        return self._ids[item_id]

    def turn_id(self, item_id: str) -> str | None:
        """The id of an item's turn, if it ever had one."""
        return self._ids.get(item_id)

    def stopped(self, item_id: str, at_ms: int) -> None:
        """The caller stopped speaking."""
        if turn := self._turns.get(item_id):
            turn.ended_ms = max(at_ms, turn.started_ms)

    def delta(self, item_id: str, text: str, now_ms: int) -> Iterator[CallEvent]:
        """More words of a turn; yields a partial when the last one is old enough."""
        turn = self._turns.get(item_id)
        if turn is None or turn.text is not None or turn.interrupted:
            return
        turn.partial += text
        if now_ms - turn.partial_at_ms >= PARTIAL_INTERVAL_MS and turn.partial.strip():
            turn.partial_at_ms = now_ms
            yield TranscriptPartial(turn_id=turn.turn_id, party=turn.party, text=turn.partial.strip())

    def complete(self, item_id: str, text: str | None, now_ms: int) -> Iterator[CallEvent]:
        """All words of a turn, or None when they cannot be had; yields finals that are due."""
        if turn := self._turns.get(item_id):
            turn.text = text if text is not None else turn.partial
            turn.missing = text is None
            if turn.party == "caller":
                turn.closed = True
            yield from self._release(now_ms)
        elif (late := self._late.pop(item_id, None)) and text is not None:
            late.text, late.missing = text, False
            yield late.final(now_ms)  # replaces the one given up on

    def heard(self, item_id: str, heard_ms: int, now_ms: int, *, interrupted: bool) -> Iterator[CallEvent]:
        """An agent's turn was heard to its end, or cut; yields finals that are due."""
        turn = self._turns.get(item_id)
        if turn and not turn.closed:
            turn.heard_ms, turn.interrupted, turn.closed = heard_ms, interrupted, True
            turn.ended_ms = now_ms
        yield from self._release(now_ms)

    def open_agent_items(self) -> list[str]:
        """Items of agent turns neither heard to the end nor cut."""
        return [t.item_id for t in self._turns.values() if t.party == "agent" and not t.closed]

    def awaits_caller_text(self) -> bool:
        """Whether the words of a caller turn are still to come."""
        return any(t.party == "caller" and not t.closed for t in self._turns.values())

    def caller_is_speaking(self) -> bool:
        """Whether a caller turn has begun and not stopped."""
        return any(t.party == "caller" and t.ended_ms is None and not t.closed for t in self._turns.values())

    def give_up_waiting(self, now_ms: int) -> Iterator[CallEvent]:
        """Release caller turns that stopped long ago without their text; it may still replace them."""
        for turn in [t for t in self._turns.values() if t.party == "caller" and t.ended_ms is not None]:
            if not turn.closed:
                turn.missing = turn.closed = True
        yield from self._release(now_ms)

    def finish(self, now_ms: int) -> Iterator[CallEvent]:
        """The call is over: release everything as it stands."""
        for turn in self._turns.values():
            if turn.text is None and not (turn.missing or turn.interrupted):
                turn.text, turn.missing = turn.partial, not turn.partial
            if not turn.closed:
                turn.interrupted, turn.closed = turn.party == "agent", True
        yield from self._release(now_ms)

    def _release(self, now_ms: int) -> Iterator[CallEvent]:
        for item_id, turn in list(self._turns.items()):
            if not turn.closed or (turn.text is None and not turn.interrupted and not turn.missing):
                return
            del self._turns[item_id]
            if turn.party == "caller" and turn.text is None:
                self._late[item_id] = turn
            yield turn.final(now_ms)
