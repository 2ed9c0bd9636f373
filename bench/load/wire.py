"""How a load generator's provider speaks: the few messages of a protocol that a session cannot do without.

The thorough reading of each protocol is its simulator. In all of them the provider begins one answer, as soon
as it is asked or by itself, and never ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from bench.load.frames import StampedFrames

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a control message brings about.

    Args:
        replies: sent back, in order.
        speaks: whether the answer begins now.
        unexpected: what about the message nobody reckoned with.
    """

    replies: tuple[str, ...] = ()
    speaks: bool = False
    unexpected: str = ""


class ProviderWire(Protocol):
    """One provider's protocol; the number of a session tells them apart."""

    socket_path: str

    @property
    def frames(self) -> StampedFrames:
        """What callers say, and how what they hear is read."""

    def add_to(self, app: web.Application) -> None:
        """Add whatever routes a session needs beside its socket."""

    def opening(self) -> Sequence[str]:
        """What is sent as soon as the socket is open."""

    def heard(self, text: str) -> Sequence[Stamp] | None:
        """Read the stamps of a message with caller audio; None for any other message.

        Raises:
            ValueError: audio without a stamp.
        """

    def react(self, number: int, text: str) -> Reaction:
        """Take any other message."""

    def speech(self, number: int, frame: int) -> str:
        """The message with one frame of the answer."""
