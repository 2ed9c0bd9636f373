"""Frames of recorded speech that can be told apart: the first bytes of each name its lane and its number."""

import base64
import binascii
import struct
from typing import Protocol

FRAME_BYTES = 160
STAMP_BYTES = 6
STAMP_CHARS = 8
"""Six bytes are eight characters of base64 exactly, so a stamp is put in and read off as text."""

_STAMP = struct.Struct(">HI")


class StampedFrames(Protocol):
    """The carrier's side of stamped frames: 20 ms of mu-law each."""

    def payload(self, lane: int, frame: int) -> str:
        """The base64 of one stamped frame."""

    def read(self, payload: str) -> list[tuple[int, int]]:
        """Read the (lane, frame) of each whole frame of a payload."""


class SpeechFrames:
    """Recorded speech as base64 frames, to be sent again and again with ever new stamps.

    The stamps are bytes, so they survive only where mu-law passes unchanged.

    Args:
        sound: mu-law, 8 kHz mono, at least one frame.
    """

    def __init__(self, sound: bytes) -> None:
        whole = len(sound) - len(sound) % FRAME_BYTES
        frames = [sound[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]
        self._tails = [base64.b64encode(frame)[STAMP_CHARS:].decode() for frame in frames]

    def payload(self, lane: int, frame: int) -> str:
        """The base64 of one stamped frame.

        Args:
            lane: number of the call or the session, 0 to 65535.
            frame: number of the frame in it.
        """
        stamp = binascii.b2a_base64(_STAMP.pack(lane, frame), newline=False).decode()
        return stamp + self._tails[frame % len(self._tails)]

    def read(self, payload: str) -> list[tuple[int, int]]:
        """Read the stamps of a payload of whole frames."""
        sound = binascii.a2b_base64(payload)
        return [_STAMP.unpack_from(sound, at) for at in range(0, len(sound) - STAMP_BYTES + 1, FRAME_BYTES)]

    def read_one(self, text: str, at: int) -> tuple[int, int]:
        """Read the stamp at a place in base64 text, without decoding the rest."""
        lane, frame = _STAMP.unpack(binascii.a2b_base64(text[at : at + STAMP_CHARS]))
        return lane, frame
