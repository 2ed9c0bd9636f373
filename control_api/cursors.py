"""Cursors: where the next page begins, sealed so that they fit one org and one filter only."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from control_api.errors import BadInput, Detail
from store.call_lists import Cursor

_SEAL_BYTES = 16


class Cursors:
    """Seals and opens cursors of one kind of list.

    Args:
        key: the service's secret.
        operation: the list's operation id.
        org_id: whose list.
        filters: what the list was asked for; a cursor is no good for another question.
    """

    def __init__(self, key: bytes, operation: str, org_id: str, filters: Mapping[str, Any]) -> None:
        self._key = key
        self._bound_to = msgspec.json.encode([operation, org_id, sorted(filters.items())])

    def seal(self, cursor: Cursor) -> str:
        """Return the text for clients; opaque to them."""
        payload = msgspec.json.encode([cursor[0].isoformat(), cursor[1]])
        return base64.urlsafe_b64encode(self._seal_of(payload) + payload).decode().rstrip("=")

    def open(self, text: str) -> Cursor:
        """Return what was sealed.

        Raises:
            BadInput: not one of ours, or for another org or filter.
        """
        try:
            raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        seal, payload = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal_of(payload)):
            raise _refused()
        moment, call_id = msgspec.json.decode(payload)
        return datetime.fromisoformat(moment), call_id

    def _seal_of(self, payload: bytes) -> bytes:
        message = len(self._bound_to).to_bytes(4, "big") + self._bound_to + payload
        return hmac.digest(self._key, message, hashlib.sha256)[:_SEAL_BYTES]


def _refused() -> BadInput:
    return BadInput(
        "The cursor does not belong to this list.",
        [Detail("query.cursor", "take it from next_cursor, with the same filters", "invalid_cursor")],
    )
