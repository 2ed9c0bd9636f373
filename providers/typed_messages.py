"""Reading messages that say in a field of their own what they are."""

from collections import Counter
from typing import Any, Generic, TypeVar

import msgspec

from providers.errors import ProtocolError

M = TypeVar("M")


class _AnyType(msgspec.Struct, frozen=True):
    type: str


class TypedReader(Generic[M]):
    """Reads a provider's messages: those we use, those we know and skip, and the rest, which is counted.

    Args:
        messages: The union of the messages we use, tagged by type.
        known: The types in `messages`.
        ignored: Types that tell us nothing we need.
    """

    def __init__(self, messages: Any, known: frozenset[str], ignored: frozenset[str]) -> None:
        self._decoder: msgspec.json.Decoder[M] = msgspec.json.Decoder(messages)
        self._typed = msgspec.json.Decoder(_AnyType)
        self._known = known
        self._ignored = ignored

    def read(self, text: str, unknown: Counter[str]) -> M | None:
        """Read one message; None when it is of a type we do not use.

        Args:
            text: The message.
            unknown: Counts types we do not know.

        Raises:
            ProtocolError: Not JSON, without a type, or of a known type and another shape.
        """
        try:
            return self._decoder.decode(text)
        except msgspec.ValidationError as error:
            self._unreadable(text, error, unknown)
            return None
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise ProtocolError("the provider sent something that is not JSON") from error

    def _unreadable(self, text: str, error: msgspec.ValidationError, unknown: Counter[str]) -> None:
        try:
            kind = self._typed.decode(text).type
        except (msgspec.DecodeError, RecursionError) as untyped:
            raise ProtocolError("the provider sent a message without a type") from untyped
        if kind in self._known:
            raise ProtocolError(f"{kind}: {error}") from error
        if kind not in self._ignored:
            unknown[kind] += 1
