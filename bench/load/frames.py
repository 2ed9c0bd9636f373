"""Frames of recorded speech that can be told apart: the first six bytes name the call and the frame."""

import base64
import binascii
import struct

FRAME_BYTES = 160
STAMP_BYTES = 6
STAMP_CHARS = 8
"""Six bytes are eight characters of base64 exactly, so a stamp is put in and read off as text."""

_STAMP = struct.Struct(">HI")


class SpeechFrames:
    """Recorded speech as base64 frames, to be sent again and again with ever new stamps.

    Args:
        sound: mu-law, 8 kHz mono, at least one frame.
    """

    def __init__(self, sound: bytes) -> None:
        whole = len(sound) - len(sound) % FRAME_BYTES
        frames = [sound[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]
        self._tails = [base64.b64encode(frame)[STAMP_CHARS:].decode() for frame in frames]

    def payload(self, call: int, frame: int) -> str:
        """The base64 of one stamped frame.

        Args:
            call: number of the call, 0 to 65535.
            frame: number of the frame in the call.
        """
        stamp = binascii.b2a_base64(_STAMP.pack(call, frame), newline=False).decode()
        return stamp + self._tails[frame % len(self._tails)]


def read_stamp(payload: str, at: int = 0) -> tuple[int, int]:
    """Read the call and frame number at a place in base64 text."""
    call, frame = _STAMP.unpack(binascii.a2b_base64(payload[at : at + STAMP_CHARS]))
    return call, frame


def read_stamps(payload: str) -> list[tuple[int, int]]:
    """Read the stamps of a payload of whole frames."""
    sound = binascii.a2b_base64(payload)
    return [_STAMP.unpack_from(sound, at) for at in range(0, len(sound) - STAMP_BYTES + 1, FRAME_BYTES)]
