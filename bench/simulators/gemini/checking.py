"""Checks for JSON values as protocol buffers read them; each returns the value in one canonical spelling.

Field names are accepted in lowerCamelCase and in snake_case and returned in lowerCamelCase; enums in either
case and returned in upper case; 64-bit integers also as strings. null is refused (the service refuses it at
least for `sessionResumption.handle`).

Source: Protocol Buffers documentation, "ProtoJSON Format", read 2026-11; google-genai 3.4.0 sends snake_case
and camelCase mixed, and bytes in the URL-safe alphabet.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from bench.simulators.gemini.rejection import INVALID, Rejection, invalid_value, unknown_name

Check = Callable[[Any, str], Any]

_URL_SAFE = str.maketrans("-_", "+/")


def anything(value: Any, _path: str) -> Any:
    """Accept every value and leave it alone."""
    return value


def text(value: Any, path: str) -> str:
    """Accept a string."""
    if not isinstance(value, str):
        raise invalid_value(path, "TYPE_STRING", value)
    return value


def boolean(value: Any, path: str) -> bool:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise invalid_value(path, "TYPE_BOOL", value)
    return value


def struct(value: Any, path: str) -> dict[str, Any]:
    """Accept any object and leave it alone."""
    if not isinstance(value, dict):
        raise invalid_value(path, "google.protobuf.Struct", value)
    return value


def binary(value: Any, path: str) -> bytes:
    """Accept base64 of either alphabet, padded or not, and return the bytes."""
    if not isinstance(value, str):
        raise invalid_value(path, "TYPE_BYTES", value)
    padded = value.rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except binascii.Error as error:
        raise invalid_value(path, "TYPE_BYTES", value[:16]) from error


def integer(low: int, high: int) -> Check:
    """Accept a whole number from `low` to `high`."""

    def check(value: Any, path: str) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value) else value
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise invalid_value(path, "TYPE_INT64", value)
        return number

    return check


def number(low: float, high: float) -> Check:
    """Accept a number from `low` to `high`."""

    def check(value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise invalid_value(path, "TYPE_FLOAT", value)
        return value

    return check


def one_of(*allowed: str) -> Check:
    """Accept one of some enum names."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or value.upper() not in allowed:
            raise invalid_value(path, "TYPE_ENUM", value)
        return value.upper()

    return check


def literal(complaint: str, *allowed: str) -> Check:
    """Accept one of some strings as they are written, and say `complaint` otherwise."""

    def check(value: Any, _path: str) -> str:
        if value not in allowed:
            raise Rejection(INVALID, complaint)
        return str(value)

    return check


def array(inner: Check) -> Check:
    """Accept a list whose every element passes."""

    def check(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise invalid_value(path, "TYPE_REPEATED", value)
        return [inner(element, f"{path}[{index}]") for index, element in enumerate(value)]

    return check


def mapping(inner: Check) -> Check:
    """Accept an object with any names whose every value passes."""

    def check(value: Any, path: str) -> dict[str, Any]:
        return {name: inner(each, f"{path}.{name}") for name, each in struct(value, path).items()}

    return check


def record(fields: Mapping[str, Check]) -> Check:
    """Accept an object with these fields (lowerCamelCase) and no others."""

    def check(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid_value(path, "TYPE_MESSAGE", value)
        found: dict[str, Any] = {}
        for name, element in value.items():
            canonical = _camel(name)
            if canonical not in fields or canonical in found:
                raise unknown_name(name, path)
            found[canonical] = fields[canonical](element, f"{path}.{canonical}" if path else canonical)
        return found

    return check


def later(make: Callable[[], Check]) -> Check:
    """Return a check that is looked up when it is used: for types that contain themselves."""

    def check(value: Any, path: str) -> Any:
        return make()(value, path)

    return check


def _camel(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda match: match.group(1).upper(), name)
