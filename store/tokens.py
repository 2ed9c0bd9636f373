"""Secret tokens: made once, shown once, stored as their SHA-256."""

import hashlib
import secrets

_TOKEN_BYTES = 32


def new_token() -> str:
    """Return 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def fingerprint(token: str) -> str:
    """Return what is stored of a token: its SHA-256, 64 hex digits.

    A plain hash is enough: the tokens are random, so there is nothing to guess.
    """
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
