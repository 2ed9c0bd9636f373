"""The transcript of a call, released turn by turn in the order spoken.

Providers report the caller's words late: often after the answer to them has begun. A turn therefore takes its
place when it starts and leaves, as `TranscriptFinal`, when it and every turn before it is complete: a
caller's turn when its text is known, an agent's turn when its text is known and its audio was heard or cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.call.heard_words import WordClock
from providers.session import HistoryTurn
from store.call_events import CallEvent, Party, TranscriptFinal, TranscriptPartial

PARTIAL_INTERVAL_MS = 300
"""Partials of one turn are at least this far apart."""

_LATELY = 8
"""So many turns of the caller may be heard again, and by then go on, after they were told."""


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
    sound_ms: int = 0
    interrupted: bool = False
    closed: bool = False  # agent: heard or cut; caller: text known or given up
    words: WordClock = field(default_factory=WordClock)

    @property
    def all_text(self) -> str:
        return (self.text if self.text is not None else self.partial).strip()

    @property
    def heard_text(self) -> str | None:
        if self.party == "caller" or not self.interrupted or self.heard_ms is None:
            return None
        text = self.text if self.text is not None else self.partial
        return self.words.words_heard(text, self.heard_ms, self.sound_ms).strip()

    @property
    def complete(self) -> bool:
        return self.closed and (self.text is not None or self.interrupted or self.missing)

    def final(self, now_ms: int) -> TranscriptFinal:
        return TranscriptFinal(
            turn_id=self.turn_id,
            party=self.party,
            text=self.all_text,
            started_ms=self.started_ms,
            ended_ms=self.ended_ms if self.ended_ms is not None else max(now_ms, self.started_ms),
            heard_ms=self.heard_ms if self.party == "agent" else None,
            interrupted=self.interrupted,
            missing=self.missing,
            heard_text=self.heard_text,
        )

    def remembered(self) -> HistoryTurn:
        heard = self.heard_text
        return HistoryTurn(self.party, self.all_text if heard is None else heard)


class Transcript:
    """Turns of one call, in order. Times are milliseconds on the call's clock.

    Args:
        first_turn: Number of the first turn.
        earlier: What was said before, when a call resumes.
    """

    __slots__ = ("_count", "_earlier", "_ids", "_late", "_lately", "_said", "_turns")

    def __init__(self, first_turn: int = 1, earlier: tuple[HistoryTurn, ...] = ()) -> None:
        self._count = first_turn - 1
        self._earlier = earlier
        self._ids: dict[str, str] = {}  # the turn of every item there was, two short strings each
        self._turns: dict[str, _Turn] = {}  # by item, in the order spoken, until released
        self._late: dict[str, _Turn] = {}  # released before their text came
        self._lately: dict[str, _Turn] = {}  # by turn: the caller's last ones released
        self._said: dict[str, HistoryTurn] = {}  # by turn: what was released

    def start(self, item_id: str, party: Party, at_ms: int) -> str:
        """A turn takes its place; returns its id. Starting it again changes nothing."""
        if item_id not in self._ids:
            self._count += 1
            turn_id = self._ids[item_id] = f"turn_{self._count}"
            self._turns[item_id] = _Turn(turn_id, item_id, party, at_ms)
        return self._ids[item_id]

    def adopt(self, turn_id: str, item_id: str) -> None:
        """A turn heard before by another session is heard again, as this item: it stays one turn."""
        self._ids[item_id] = turn_id
        late = next((old for old, turn in self._late.items() if turn.turn_id == turn_id), None)
        if late is not None:
            self._late[item_id] = self._late.pop(late)
        elif turn_id in self._lately:
            self._late[item_id] = self._lately.pop(turn_id)
        again = {turn.item_id: turn for turn in self._turns.values()}
        for turn in again.values():
            if turn.turn_id == turn_id:
                turn.item_id, turn.partial, turn.ended_ms = item_id, "", None
        self._turns = {turn.item_id: turn for turn in again.values()}

    def turn_id(self, item_id: str) -> str | None:
        """The id of an item's turn, if it ever had one."""
        return self._ids.get(item_id)

    def stopped(self, item_id: str, at_ms: int) -> None:
        """The caller stopped speaking."""
        if turn := self._turns.get(item_id):
            turn.ended_ms = max(at_ms, turn.started_ms)

    def leave_open(self, now_ms: int) -> None:
        """The caller's session is gone: turns it did not end may never be heard again."""
        for turn in self._turns.values():
            if turn.party == "caller" and turn.ended_ms is None:
                turn.ended_ms = max(now_ms, turn.started_ms)

    def delta(self, item_id: str, text: str, now_ms: int, *, sound_ms: int = 0) -> Iterator[CallEvent]:
        """More words of a turn; yields a partial when the last one is old enough.

        Args:
            item_id: The item.
            text: The words.
            now_ms: The present.
            sound_ms: How much of the item's sound has arrived before them (an agent's turn).
        """
        turn = self._turns.get(item_id)
        if turn is None or turn.interrupted:
            return
        turn.words.note(sound_ms, len(turn.partial))
        turn.partial += text
        if turn.text is not None:
            return
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
        elif (late := self._late.pop(item_id, None)) and text is not None and _adds(text, late):
            late.text, late.missing = text, False
            self._said[late.turn_id] = late.remembered()
            yield late.final(now_ms)  # replaces the one told before

    def heard(
        self, item_id: str, heard_ms: int, now_ms: int, *, interrupted: bool, sound_ms: int = 0
    ) -> Iterator[CallEvent]:
        """An agent's turn was heard to its end, or cut after `heard_ms` of `sound_ms`; yields finals due."""
        turn = self._turns.get(item_id)
        if turn and not turn.closed:
            turn.heard_ms, turn.interrupted, turn.closed = heard_ms, interrupted, True
            turn.sound_ms = max(sound_ms, heard_ms)
            turn.ended_ms = now_ms
        yield from self._release(now_ms)

    def words_heard(self, item_id: str, heard_ms: int, sound_ms: int) -> str:
        """The words of an agent's turn, not yet released, that are heard with `heard_ms` of `sound_ms`."""
        turn = self._turns.get(item_id)
        if turn is None:
            return ""
        text = turn.text if turn.text is not None else turn.partial
        return turn.words.words_heard(text, heard_ms, sound_ms).strip()

    def break_off(self, now_ms: int) -> Iterator[CallEvent]:
        """The agent's session is gone: what came of its open turns is all there will be."""
        for turn in self._turns.values():
            if turn.party == "agent" and turn.text is None:
                turn.text = turn.partial
        yield from self._release(now_ms)

    def open_agent_items(self) -> list[str]:
        """Items of agent turns neither heard to the end nor cut."""
        return [t.item_id for t in self._turns.values() if t.party == "agent" and not t.closed]

    def history(self, without: tuple[str, ...] = ()) -> tuple[HistoryTurn, ...]:
        """The conversation so far, oldest first, of the agent's turns what was heard.

        Args:
            without: Ids of turns to leave out.
        """
        open_turns = {turn.turn_id: turn.remembered() for turn in self._turns.values()}
        turns = {**self._said, **open_turns}
        return self._earlier + tuple(
            said for turn_id, said in turns.items() if said.text and turn_id not in without
        )

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
            if not turn.complete:
                return
            del self._turns[item_id]
            if turn.party == "caller" and (turn.text is None or turn.missing):
                self._late[item_id] = turn
            elif turn.party == "caller":
                self._lately[turn.turn_id] = turn
                if len(self._lately) > _LATELY:
                    del self._lately[next(iter(self._lately))]
            self._said[turn.turn_id] = turn.remembered()
            yield turn.final(now_ms)


def _adds(text: str, told: _Turn) -> bool:
    """Whether a turn heard again has more words than were told of it; other spellings do not count."""
    return told.missing or len(text.strip()) > len(told.all_text)
