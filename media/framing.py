"""Cutting audio to the sizes a wire wants: 160-byte frames, or base64 pieces of whole frames.

`FrameAssembler` works on bytes. `PayloadCutter` works on base64 text, so that audio passes from one JSON
message into another without being decoded: 480 bytes are three frames (60 ms) and exactly 640 characters, so
a cut every 640 characters is a cut every three frames. Only where one provider message ends between these
steps is the join decoded, at most 480 bytes, after which text is passed on again.
"""

import binascii

from media.errors import MediaError
from media.mulaw import BYTES_PER_MS, FRAME_BYTES, SILENCE

STEP_MS = 60
"""Shortest audio that is both whole frames and whole base64 groups."""
_STEP_BYTES = STEP_MS * BYTES_PER_MS
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class FrameAssembler:
    """Turns mu-law of any size into 160-byte frames; what does not fill a frame waits for more."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def push(self, mulaw: bytes) -> list[bytes]:
        """Take audio and return the frames it completes.

        Args:
            mulaw: any number of bytes, also none.

        Returns:
            Frames of exactly 160 bytes, in order.
        """
        data = self._rest + mulaw if self._rest else mulaw
        whole = len(data) - len(data) % FRAME_BYTES
        self._rest = data[whole:]
        return [data[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES)]

    def flush(self) -> list[bytes]:
        """Return the rest, filled up with silence to one frame; an empty list when there is none."""
        rest, self._rest = self._rest, b""
        return [rest.ljust(FRAME_BYTES, bytes([SILENCE]))] if rest else []


def payload_size_bytes(payload: str) -> int:
    """Tell how many bytes a base64 payload holds without decoding it.

    Args:
        payload: padded base64 text; its characters are not looked at, save the padding.

    Raises:
        MediaError: the length is not a multiple of four.
    """
    if len(payload) % 4:
        raise MediaError(f"{len(payload)} characters are not whole base64 groups")
    return len(payload) // 4 * 3 - payload.endswith("=") - payload.endswith("==")


class PayloadCutter:
    """Re-cuts base64 mu-law payloads of any size into base64 pieces of whole 20 ms frames.

    The pieces decoded and put together are the payloads decoded and put together. A piece is `piece_ms` long,
    or up to 60 ms longer where two payloads meet inside a base64 group.

    Args:
        piece_ms: wanted length of a piece, a positive multiple of 60.

    Raises:
        MediaError: `piece_ms` is not such a length.
    """

    __slots__ = ("_piece_bytes", "_piece_chars", "_tail", "_text")

    def __init__(self, piece_ms: int = STEP_MS) -> None:
        if piece_ms <= 0 or piece_ms % STEP_MS:
            raise MediaError(f"a piece of {piece_ms} ms is not a positive multiple of {STEP_MS} ms")
        self._piece_bytes = piece_ms * BYTES_PER_MS
        self._piece_chars = self._piece_bytes // 3 * 4
        self._text = ""  # audio held back, as whole base64 groups without padding ...
        self._tail = b""  # ... and behind it, as bytes, what does not begin on a group

    def push(self, payload: str, *, hurry: bool = False) -> list[str]:
        """Take one payload and return the pieces it completes.

        Args:
            payload: standard base64 with its padding; may be empty.
            hurry: somebody waits to hear it: hold nothing back but what does not fill a frame.

        Returns:
            Base64 pieces in order; without hurry empty while less than a piece is there.

        Raises:
            MediaError: not base64. Nothing of the payload is taken then.
        """
        padded = _check(payload)
        if not hurry:
            return self._push(payload, padded)
        if not self._text and not self._tail and self._fits(payload):
            return [payload]
        return self._push(payload, padded) + self._whole_frames()

    def _fits(self, payload: str) -> bool:
        size_bytes = payload_size_bytes(payload)
        return 0 < size_bytes <= self._piece_bytes and size_bytes % FRAME_BYTES == 0

    def _whole_frames(self) -> list[str]:
        """Give out the frames held back that are whole, as one piece shorter than the others."""
        whole = len(self._text) // 4 * 3 + len(self._tail)
        whole -= whole % FRAME_BYTES
        if not whole:
            return []
        held = binascii.a2b_base64(self._text) + self._tail
        self._text, self._tail = "", held[whole:]
        return [_to_base64(held[:whole])]

    def _push(self, payload: str, padded: bool) -> list[str]:
        pieces: list[str] = []
        if self._tail:
            payload = self._join(payload, padded, pieces)
            if not payload:
                return pieces
        if padded:
            last_group = payload[-4:]
            self._tail = binascii.a2b_base64(last_group)
            payload = payload[:-4]
        text = self._text + payload
        whole = len(text) - len(text) % self._piece_chars
        step = self._piece_chars
        pieces.extend([text[start : start + step] for start in range(0, whole, step)])
        self._text = text[whole:]
        return pieces

    def _join(self, payload: str, padded: bool, pieces: list[str]) -> str:
        """Bridge the gap behind the tail: decode just enough to reach a frame's end on a group of `payload`.

        Returns:
            What is left of the payload, to be passed on as text with nothing held back before it; empty when
            all of it went into the tail.
        """
        held_bytes = len(self._text) // 4 * 3 + len(self._tail)
        # A frame is one byte more than whole groups: of any three frame ends in a row one falls on a group.
        gap_bytes = -held_bytes % FRAME_BYTES
        while gap_bytes % 3:
            gap_bytes += FRAME_BYTES
        if gap_bytes // 3 * 4 > len(payload) - 4 * padded:
            self._append(binascii.a2b_base64(payload), pieces)
            return ""
        bridge = payload[: gap_bytes // 3 * 4]
        pieces.append(self._text + _to_base64(self._tail + binascii.a2b_base64(bridge)))
        self._text, self._tail = "", b""
        return payload[len(bridge) :]

    def _append(self, data: bytes, pieces: list[str]) -> None:
        tail = self._tail + data
        missing_bytes = self._piece_bytes - len(self._text) // 4 * 3
        if len(tail) >= missing_bytes:  # many short payloads in a row, none of which reaches the next cut
            pieces.append(self._text + _to_base64(tail[:missing_bytes]))
            self._text, tail = "", tail[missing_bytes:]
        if len(tail) % 3 == 0:
            self._text, tail = self._text + _to_base64(tail), b""
        self._tail = tail

    def flush(self) -> list[str]:
        """Return what is held back, filled up with silence to whole frames; empty when nothing is."""
        missing_bytes = -(len(self._text) // 4 * 3 + len(self._tail)) % FRAME_BYTES
        piece = self._text + _to_base64(self._tail + bytes([SILENCE]) * missing_bytes)
        self.clear()
        return [piece] if piece else []

    def take(self) -> str:
        """Return what is held back as it is, base64 of any length; empty when nothing is."""
        held = binascii.a2b_base64(self._text) + self._tail
        self.clear()
        return _to_base64(held)

    def clear(self) -> None:
        """Forget what is held back (barge-in)."""
        self._text, self._tail = "", b""


def _to_base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _check(payload: str) -> bool:
    """Refuse what is not base64; return whether the last group is padded."""
    size_bytes = payload_size_bytes(payload)
    padding = len(payload) // 4 * 3 - size_bytes
    try:
        foreign = payload.encode("ascii").translate(None, _ALPHABET)
    except UnicodeEncodeError as error:
        raise MediaError("base64 text has a character outside ASCII") from error
    if foreign != b"=" * padding:
        raise MediaError(f"base64 text has foreign characters: {foreign[:8]!r}")
    return padding > 0
