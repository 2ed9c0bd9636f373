"""Identifiers: a readable prefix and a ULID, so that ids sort by the time they were made.

Source: the ULID specification (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, Crockford's
base32. Written in lower case here because ids stand in URLs.
"""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ULID_CHARACTERS = 26


def new_id(prefix: str) -> str:
    """Return a fresh id such as `call_01jdc3v5k8h1m9r2t4w6y8z0ab`.

    Args:
        prefix: what the id names, lower-case letters without the underscore, e.g. `call`.
    """
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    characters = []
    for _ in range(_ULID_CHARACTERS):
        number, digit = divmod(number, 32)
        characters.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(characters))}"
