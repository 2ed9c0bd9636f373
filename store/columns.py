"""Column types that mean the same on SQLite and PostgreSQL.

What arrives from carriers and providers is not always storable text: PostgreSQL refuses NUL and both drivers
refuse lone surrogates. A call must not fail over such a character, so it becomes U+FFFD on the way in.
Outside interfaces refuse it long before (see `control_api`).
"""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import DateTime, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_ISO_CHARACTERS = len("2026-11-24T03:53:28.123456Z")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, microseconds kept.

    PostgreSQL has a type for it; SQLite keeps fixed-width ISO 8601 text, which sorts as the time does and
    reads well in its shell. A naive time is a bug and refused.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's real type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(_ISO_CHARACTERS))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times and turn the rest into UTC.

        Raises:
            ValueError: when the time carries no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored: give it a zone")
        utc = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return utc
        return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware UTC time whatever the driver gave."""
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return None if value is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text, of any length unless one is given; characters a database cannot hold become U+FFFD."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Make the text storable."""
        return None if value is None else storable(value)


class JsonDocument(TypeDecorator[Any]):
    """A JSON value kept as the text we wrote: the same on both engines, order of keys included.

    PostgreSQL's `jsonb` would refuse an escaped NUL that a provider may send inside a string.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Encode; None becomes SQL NULL."""
        return None if value is None else encode_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Decode."""
        return None if value is None else msgspec.json.decode(value)


def storable(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced by U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def encode_json(value: Any) -> str:
    """Encode anything msgspec can; lone surrogates inside become U+FFFD."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return storable(json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":")))
