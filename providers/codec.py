"""What every provider's wire format is to us: a pair of functions, without I/O."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from providers.session import Capabilities, Command, Event
from providers.socket import SocketTarget


class Codec(Protocol):
    """A provider's wire format for one session, without I/O."""

    capabilities: Capabilities
    unknown: Counter[str]
    """Messages of types we do not know, counted by type."""

    def target(self) -> SocketTarget:
        """Where to connect and with which headers."""

    def opening(self) -> Sequence[str]:
        """Messages to send as soon as the socket is open."""

    def replies(self) -> Sequence[str]:
        """Messages the protocol demands after what was decoded last (a pong); each is returned once."""

    def keep_alive(self) -> Sequence[str]:
        """Messages that keep a session open to which nothing has been sent for a while."""

    def decode(self, text: str) -> Sequence[Event]:
        """Read one message.

        Raises:
            ProtocolError: A known type without its documented shape.
            ProviderError: The session cannot be used as configured.
        """

    def encode(self, command: Command) -> Sequence[str]:
        """Write one command as messages."""

    def encode_audio(self, payload: str) -> str:
        """Write one piece of caller audio; the hot path of `encode`."""
