"""OpenAI's identifiers: a prefix and 21 letters and digits, from a seeded source so that runs repeat."""

import random
import string

_ALPHABET = string.ascii_letters + string.digits


class IdSource:
    """Makes identifiers that differ within one simulator.

    Args:
        seed: the same seed gives the same sequence.
    """

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def new(self, prefix: str) -> str:
        """Return a new identifier, e.g. `item_…` for `item`."""
        return f"{prefix}_{''.join(self._random.choices(_ALPHABET, k=21))}"
