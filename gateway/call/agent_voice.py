"""The agent's voice on its way to the caller: pieces, marks, what was heard, what was held back or cut."""

import binascii
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.call.actions import Action, Clear, SendAudio, SendMark
from media.framing import PayloadCutter, payload_size_bytes
from media.mulaw import BYTES_PER_MS
from media.playback import CutItem, Playback

PIECE_MS = 120
"""Audio leaves in pieces of this length at the most: a whole number of frames whose base64 needs no padding,
so that pieces are slices of the provider's own text."""

MARK_EVERY_BYTES = 800
"""A mark follows at least so much audio, 100 ms, and the end of each item."""

COMFORTABLE_MS = 300
"""With less than this queued at the carrier, whatever fills a frame leaves at once."""

BUFFER_LIMIT_BYTES = 8_000 * 120
"""Speech kept while the phone still rings; past two minutes the rest is dropped."""

OWN_SOUND = ""
"""The item of sound that is ours, not the agent's: never told, never played again."""

_ITEMS_KEPT = 8


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece on the wire; `begin` and `end` count bytes since the last clear."""

    item_id: str
    payload: str
    begin: int
    end: int


class AgentVoice:
    """Owns everything between an audio event of the provider and its echo from the carrier.

    Times are milliseconds on the stream's clock. Before `start`, and while held, audio is kept; after a cut
    it is dropped until the next answer begins.
    """

    __slots__ = (
        "_cutter",
        "_done_item",
        "_heard_before",
        "_held",
        "_holding",
        "_item_id",
        "_kept",
        "_kept_bytes",
        "_muted",
        "_playback",
        "_received",
        "_sent",
        "_started",
        "sent_bytes",
    )

    def __init__(self) -> None:
        self._playback = Playback()
        self._cutter = PayloadCutter(PIECE_MS)
        self._item_id = ""
        self._done_item = ""
        self._kept: list[tuple[str, str]] = []
        self._kept_bytes = 0
        self._sent: deque[_Piece] = deque()  # since the last clear, what may not have been heard
        self._received: dict[str, int] = {}  # bytes by item, of the last few
        self._heard_before: dict[str, int] = {}  # ms by item, heard before it was held and played on
        self._held: tuple[CutItem, ...] = ()
        self._holding = self._started = self._muted = False
        self.sent_bytes = 0

    def start(self, now_ms: float) -> Iterator[Action]:
        """The caller is connected: play what was kept."""
        self._started = True
        yield from self._play_kept(now_ms)

    def _play_kept(self, now_ms: float) -> Iterator[Action]:
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        for item_id, payload in kept:
            if payload:
                yield from self._play(item_id, payload, now_ms)
            else:
                yield from self.audio_done(item_id, now_ms)

    def audio(self, item_id: str, payload: str, now_ms: float) -> Iterator[Action]:
        """Speech arrived.

        Raises:
            media.errors.MediaError: The payload is not base64.
        """
        if self._muted or not payload:
            return
        self._receive(item_id, payload_size_bytes(payload))
        if self._keeping:
            self._keep(item_id, payload)
        else:
            yield from self._play(item_id, payload, now_ms)

    def _receive(self, item_id: str, size_bytes: int) -> None:
        if item_id not in self._received and len(self._received) >= _ITEMS_KEPT:
            del self._received[next(iter(self._received))]
        self._received[item_id] = self._received.get(item_id, 0) + size_bytes

    @property
    def _keeping(self) -> bool:
        return self._holding or not self._started

    def _keep(self, item_id: str, payload: str) -> None:
        self._kept_bytes += payload_size_bytes(payload)
        if self._kept_bytes <= BUFFER_LIMIT_BYTES:
            self._kept.append((item_id, payload))

    def _play(self, item_id: str, payload: str, now_ms: float) -> Iterator[Action]:
        if item_id != self._item_id:
            yield from self._flush(now_ms)
            self._item_id = item_id
        hurry = self._playback.unplayed_ms(now_ms) < COMFORTABLE_MS
        for piece in self._cutter.push(payload, hurry=hurry):
            yield from self._send(piece, now_ms)

    def own_sound(self, payload: str, now_ms: float) -> Iterator[Action]:
        """Play a sound of ours behind what is queued; nothing while the voice is kept back."""
        if self._keeping:
            return
        yield from self._flush(now_ms)
        self._item_id = OWN_SOUND
        yield from self._send(payload, now_ms)
        yield from self._flush(now_ms)

    def audio_done(self, item_id: str, now_ms: float) -> Iterator[Action]:
        """No more speech for this item."""
        self._done_item = item_id
        if self._keeping:
            if self._kept and self._kept[-1][0] == item_id:
                self._keep_end()
        elif item_id == self._item_id and not self._muted:
            yield from self._flush(now_ms)

    def answer_done(self, now_ms: float) -> Iterator[Action]:
        """No more speech in this answer, whether or not each item said so."""
        self._done_item = self._item_id
        if self._keeping:
            self._keep_end()
        elif not self._muted:
            yield from self._flush(now_ms)

    def _keep_end(self) -> None:
        """Note behind the speech kept that its item ends here."""
        if self._kept and self._kept[-1][1]:
            self._kept.append((self._kept[-1][0], ""))

    def _flush(self, now_ms: float) -> Iterator[Action]:
        for piece in self._cutter.flush():
            yield from self._send(piece, now_ms)
        if self._playback.unmarked_bytes:
            yield SendMark(self._playback.mark())

    def _send(self, piece: str, now_ms: float) -> Iterator[Action]:
        size_bytes = payload_size_bytes(piece)
        self.sent_bytes += size_bytes
        play_at_ms = self._playback.send(self._item_id, size_bytes, now_ms)
        begin = self._sent[-1].end if self._sent else self._playback.sent_bytes - size_bytes
        self._sent.append(_Piece(self._item_id, piece, begin, begin + size_bytes))
        yield SendAudio(piece, play_at_ms)
        if self._playback.unmarked_bytes >= MARK_EVERY_BYTES:
            yield SendMark(self._playback.mark())

    @property
    def muted(self) -> bool:
        """Whether what arrives is dropped: it belongs to an answer that was cut."""
        return self._muted

    def unmute(self) -> None:
        """A new answer begins: what arrives now is meant for the caller."""
        self._muted = False

    def echoed(self, name: str, now_ms: float) -> bool:
        """A mark came back; False when it says nothing about what was heard."""
        known = self._playback.echoed(name, now_ms)
        surely = self._playback.surely_heard_bytes
        while self._sent and self._sent[0].end <= surely:
            self._sent.popleft()
        return known

    def heard_ms(self, item_id: str, now_ms: float) -> int:
        """How much of an item has been heard."""
        return self._of_item(item_id, self._playback.heard_ms(item_id, now_ms))

    def _of_item(self, item_id: str, heard_ms: int) -> int:
        """What was heard of an item in all; the silence that fills its last frame is not part of it."""
        heard_ms += self._heard_before.get(item_id, 0)
        received = self._received.get(item_id)
        return heard_ms if received is None else min(heard_ms, received // BYTES_PER_MS)

    def received_ms(self, item_id: str) -> int:
        """How much of an item's speech has arrived; 0 for one long past."""
        return self._received.get(item_id, 0) // BYTES_PER_MS

    def unplayed_ms(self, now_ms: float) -> int:
        """How much speech is queued at the carrier and not heard yet."""
        return self._playback.unplayed_ms(now_ms)

    def drained(self) -> bool:
        """Whether the caller has heard everything."""
        return not self._kept and self._playback.drained()

    def assume_heard(self, now_ms: float) -> None:
        """The carrier owes echoes it will not send: take what was sent as heard."""
        self._playback.assume_heard(now_ms)
        self._sent.clear()

    def forget_heard(self) -> None:
        """Drop the accounts of items heard to their end."""
        self._playback.forget_heard()
        if self.drained():
            self._heard_before.clear()

    @property
    def holding(self) -> bool:
        """Whether the voice is held back until it is known whether the caller means to speak."""
        return self._holding

    def hold(self, now_ms: float) -> Iterator[Action]:
        """Fall silent for now: what was not heard, and what comes, is kept until `play_on` or `cut`."""
        if self._holding or not self._playback.unplayed_ms(now_ms):
            return
        unheard = list(self._unheard(self._playback.heard_bytes(now_ms)))
        rest, item_id = self._cutter.take(), self._item_id
        if rest:
            unheard.append((item_id, rest))
        if unheard and self._done_item == unheard[-1][0]:
            unheard.append((unheard[-1][0], ""))
        self._held = self._clear(now_ms)
        self._kept = unheard
        self._kept_bytes = sum(payload_size_bytes(payload) for _, payload in unheard)
        self._holding = True
        yield Clear(now_ms)

    def _unheard(self, heard: int) -> Iterator[tuple[str, str]]:
        for piece in self._sent:
            if piece.end <= heard or piece.item_id == OWN_SOUND:
                continue
            yield piece.item_id, _without_begin(piece.payload, heard - piece.begin)

    def _clear(self, now_ms: float) -> tuple[CutItem, ...]:
        """Account for a clear; returns the agent's items not heard to their end, what was heard in all."""
        cut = []
        for item in self._playback.clear(now_ms):
            if item.item_id != OWN_SOUND:
                before_ms = self._heard_before.get(item.item_id, 0)
                heard_ms = self._heard_before[item.item_id] = self._of_item(item.item_id, item.heard_ms)
                cut.append(CutItem(item.item_id, heard_ms, before_ms + item.sent_ms))
        self._sent.clear()
        self._cutter.clear()
        self._item_id = ""
        return tuple(cut)

    def play_on(self, now_ms: float) -> Iterator[Action]:
        """It was nothing: go on where the voice was held."""
        if self._holding:
            self._holding, self._held = False, ()
            yield from self._play_kept(now_ms)

    def cut(self, now_ms: float) -> tuple[list[Action], tuple[CutItem, ...]]:
        """Fall silent: drop what is queued, kept or still to come of this answer.

        Returns:
            The actions, and the items the caller did not hear to the end; both empty when there was
            nothing unplayed.
        """
        actions: list[Action] = []
        items: tuple[CutItem, ...] = ()
        if self._holding:
            items = (*self._held, *_came_since(self._held, self._kept))
        elif not self._playback.drained():
            items = self._clear(now_ms)
            actions.append(Clear(now_ms))
        self._muted = True
        self._holding, self._held = False, ()
        self._kept, self._kept_bytes = [], 0
        self._cutter.clear()
        return actions, items


def _without_begin(payload: str, size_bytes: int) -> str:
    """A payload without its first bytes; whole when there are none to leave out."""
    if size_bytes <= 0:
        return payload
    return binascii.b2a_base64(binascii.a2b_base64(payload)[size_bytes:], newline=False).decode("ascii")


def _came_since(held: tuple[CutItem, ...], kept: list[tuple[str, str]]) -> Iterator[CutItem]:
    """The items kept of which nothing had been sent when the voice was held: nobody heard a sound of them."""
    sizes = Counter[str]()
    for item_id, payload in kept:
        sizes[item_id] += payload_size_bytes(payload)
    known = {item.item_id for item in held}
    for item_id, size_bytes in sizes.items():
        if item_id not in known:
            yield CutItem(item_id, 0, size_bytes // BYTES_PER_MS)
