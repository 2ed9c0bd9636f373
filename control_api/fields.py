"""Field types that accept what the published contract's JSON Schema accepts, and nothing else.

pydantic alone is too kind (it takes other alphabets' digits) or too strict (it refuses 1.0 as an integer).
Text with NUL or lone surrogates is refused everywhere: no database column can hold it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_E164 = r"^\+[1-9]\d{7,14}$"
_CARRIER_NUMBER_SID = r"^PN[0-9a-fA-F]{32}$"


def absent(**constraints: Any) -> Any:
    """Declare a body field that may be left out but not be null. Read it through `Input.given`."""
    return Field(default=None, **constraints)


class Input(BaseModel):
    """The root of request models: JSON types as they are, unknown fields ignored, immutable."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    def given(self) -> dict[str, Any]:
        """Return the fields that were sent: absent is not null."""
        return self.model_dump(exclude_unset=True)


class Output(BaseModel):
    """The root of response models."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


def storable(text: str) -> str:
    """Refuse text that no column can hold.

    Raises:
        ValueError: NUL or half a surrogate pair.
    """
    if "\x00" in text:
        raise ValueError("the character NUL is not allowed")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half a surrogate pair is not a character") from error
    return text


def _matching(pattern: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(f"must match {pattern}")
        return text

    return check


def _whole(value: Any) -> Any:
    """JSON has one number type: 1.0 is the integer 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _ascii_integer(text: Any) -> Any:
    if isinstance(text, str):
        if _DIGITS.fullmatch(text) is None:
            raise ValueError("must be a whole number in ASCII digits")
        return int(text)
    return text


def parse_date_time(text: Any) -> datetime:
    """Read an RFC 3339 time; a leap second counts as the one before it.

    Raises:
        ValueError: anything else, a time without zone included.
    """
    found = _DATE_TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("must be an RFC 3339 time with a zone, like 2026-11-24T09:00:00Z")
    day, minute, second, fraction, zone = found.groups()
    second = "59" if second == "60" else second
    fraction = ((fraction or ".") + "000000")[:7]
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}:{second}{fraction}{zone.upper()}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such time: {error}") from error


def format_time(moment: datetime) -> str:
    """Write a time as RFC 3339 UTC with milliseconds and Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


Text = Annotated[str, AfterValidator(storable)]
NonEmptyText = Annotated[str, AfterValidator(storable), Field(min_length=1)]
E164 = Annotated[str, AfterValidator(_matching(_E164)), Field(json_schema_extra={"pattern": _E164})]
CarrierNumberSid = Annotated[
    str,
    AfterValidator(_matching(_CARRIER_NUMBER_SID)),
    Field(json_schema_extra={"pattern": _CARRIER_NUMBER_SID}),
]
Flag = Annotated[int, Field(ge=0, le=1), BeforeValidator(_whole)]
"""0 or 1, as the contract writes its switches."""
QueryInteger = Annotated[int, BeforeValidator(_ascii_integer)]
QueryTime = Annotated[
    datetime, BeforeValidator(parse_date_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
UtcTime = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class IdPath(Input):
    """The `{id}` in a path."""

    id: Text
