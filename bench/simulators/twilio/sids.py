"""Twilio's identifiers: two letters and 32 hex digits, made from a seeded source so that runs repeat."""

import random


class SidSource:
    """Makes SIDs that differ within one simulator.

    Args:
        seed: the same seed gives the same sequence.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def new(self, prefix: str) -> str:
        """Return a new SID, e.g. `CA…` for `CA`."""
        return f"{prefix}{self._random.getrandbits(128):032x}"

    def token(self) -> str:
        """Return a new UUID-shaped idempotency token."""
        text = f"{self._random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
