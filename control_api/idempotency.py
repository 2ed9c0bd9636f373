"""Idempotency-Key: a request sent twice acts once and is answered the same."""

import hashlib
import re
from typing import Any

import msgspec
from aiohttp import web

from control_api.errors import BadInput, Conflicting, Detail

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class UsedMeanwhile(Exception):
    """The same key was used by a request that ran at the same time: undo, and answer what that one did."""


def key_of(request: web.Request) -> str | None:
    """Return the request's key, None without one.

    Raises:
        BadInput: longer than 255 characters, or not printable ASCII.
    """
    keys = request.headers.getall(HEADER, [])
    if not keys:
        return None
    if len(keys) > 1 or _KEY.fullmatch(keys[0]) is None:
        detail = Detail(HEADER, "one value of 1–255 printable ASCII characters", "invalid_idempotency_key")
        raise BadInput(f"The {HEADER} header is not valid.", [detail])
    return keys[0]


def request_fingerprint(given: dict[str, Any]) -> str:
    """Return what tells one request body from another, whatever the order of its keys."""
    return hashlib.sha256(msgspec.json.encode(given, order="deterministic")).hexdigest()


def refuse_other_request(stored: str, ours: str) -> None:
    """Refuse a key that was used for another request.

    Raises:
        Conflicting: it was.
    """
    if stored != ours:
        raise Conflicting(f"This {HEADER} was used for another request.", code="idempotency_key_reused")
