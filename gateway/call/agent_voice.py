"""The agent's voice on its way to the caller: pieces, marks, what was heard, what was cut."""

from collections.abc import Iterator

from gateway.call.actions import Action, Clear, SendAudio, SendMark
from media.framing import PayloadCutter, payload_size_bytes
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


class AgentVoice:
    """Owns everything between an audio event of the provider and its echo from the carrier.

    Times are milliseconds on the stream's clock. Before `start` audio is kept; after a cut it is dropped
    until the next answer begins.
    """

    __slots__ = (
        "_cutter",
        "_item_id",
        "_kept",
        "_kept_bytes",
        "_muted",
        "_playback",
        "_started",
        "sent_bytes",
    )

    def __init__(self) -> None:
        self._playback = Playback()
        self._cutter = PayloadCutter(PIECE_MS)
        self._item_id = ""
        self._kept: list[tuple[str, str]] = []
        self._kept_bytes = 0
        self._started = False
        self._muted = False
        self.sent_bytes = 0

    def start(self, now_ms: float) -> Iterator[Action]:
        """The caller is connected: play what was kept."""
        self._started = True
        kept, self._kept = self._kept, []
        for item_id, payload in kept:
            yield from self.audio(item_id, payload, now_ms)
            if not payload:
                yield from self.audio_done(item_id, now_ms)

    def audio(self, item_id: str, payload: str, now_ms: float) -> Iterator[Action]:
        """Speech arrived.

        Raises:
            media.errors.MediaError: The payload is not base64.
        """
        if self._muted or not payload:
            return
        if not self._started:
            self._kept_bytes += payload_size_bytes(payload)
            if self._kept_bytes <= BUFFER_LIMIT_BYTES:
                self._kept.append((item_id, payload))
            return
        if item_id != self._item_id:
            yield from self._flush(now_ms)
            self._item_id = item_id
        hurry = self._playback.unplayed_ms(now_ms) < COMFORTABLE_MS
        for piece in self._cutter.push(payload, hurry=hurry):
            yield from self._send(piece, now_ms)

    def audio_done(self, item_id: str, now_ms: float) -> Iterator[Action]:
        """No more speech for this item."""
        if not self._started:
            if self._kept and self._kept[-1][0] == item_id:
                self._keep_end()
        elif item_id == self._item_id and not self._muted:
            yield from self._flush(now_ms)

    def answer_done(self, now_ms: float) -> Iterator[Action]:
        """No more speech in this answer, whether or not each item said so."""
        if not self._started:
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
        yield SendAudio(piece, play_at_ms)
        if self._playback.unmarked_bytes >= MARK_EVERY_BYTES:
            yield SendMark(self._playback.mark())

    def unmute(self) -> None:
        """A new answer begins: what arrives now is meant for the caller."""
        self._muted = False

    def echoed(self, name: str, now_ms: float) -> bool:
        """A mark came back; False when it says nothing about what was heard."""
        return self._playback.echoed(name, now_ms)

    def heard_ms(self, item_id: str, now_ms: float) -> int:
        """How much of an item has been heard."""
        return self._playback.heard_ms(item_id, now_ms)

    def unplayed_ms(self, now_ms: float) -> int:
        """How much speech is queued at the carrier and not heard yet."""
        return self._playback.unplayed_ms(now_ms)

    def drained(self) -> bool:
        """Whether the caller has heard everything."""
        return not self._kept and self._playback.drained()

    def forget_heard(self) -> None:
        """Drop the accounts of items heard to their end."""
        self._playback.forget_heard()

    def cut(self, now_ms: float) -> tuple[list[Action], tuple[CutItem, ...]]:
        """Fall silent: drop what is queued or still to come of this answer.

        Returns:
            The actions, and the items the caller did not hear to the end; both empty when there was
            nothing unplayed.
        """
        self._muted = True
        self._kept.clear()
        self._kept_bytes = 0
        self._cutter = PayloadCutter(PIECE_MS)
        if self._playback.drained():
            return [], ()
        items = self._playback.clear(now_ms)
        self._item_id = ""
        return [Clear(now_ms)], items
