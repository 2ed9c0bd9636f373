"""Checks for JSON values: each takes a value and its path and raises a `Rejection` when it will not do."""

from collections.abc import Callable, Mapping
from typing import Any

from bench.simulators.openai.rejection import (
    Rejection,
    invalid_type,
    invalid_value,
    missing_parameter,
    not_supported,
    unknown_parameter,
)

Check = Callable[[Any, str], None]


def anything(_value: Any, _path: str) -> None:
    """Accept every value."""


def text(value: Any, path: str) -> None:
    """Accept a string."""
    if not isinstance(value, str):
        raise invalid_type(path, "a string", value)


def boolean(value: Any, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise invalid_type(path, "a boolean", value)


def integer(low: int, high: int) -> Check:
    """Accept a whole number from `low` to `high`."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid_type(path, "an integer", value)
        _in_range(value, path, low, high, "integer")

    return check


def number(low: float, high: float) -> Check:
    """Accept a number from `low` to `high`."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid_type(path, "a decimal", value)
        _in_range(value, path, low, high, "decimal")

    return check


def one_of(*allowed: str) -> Check:
    """Accept one of some strings."""

    def check(value: Any, path: str) -> None:
        text(value, path)
        if value not in allowed:
            raise not_supported(path, value, list(allowed))

    return check


def nullable(inner: Check) -> Check:
    """Accept null as well."""

    def check(value: Any, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def either(*alternatives: Check) -> Check:
    """Accept what any alternative accepts; the last one's complaint counts."""

    def check(value: Any, path: str) -> None:
        complaint: Rejection | None = None
        for alternative in alternatives:
            try:
                alternative(value, path)
            except Rejection as rejection:
                complaint = rejection
            else:
                return
        if complaint is not None:
            raise complaint

    return check


def array(inner: Check) -> Check:
    """Accept a list whose every element passes."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise invalid_type(path, "an array", value)
        for index, element in enumerate(value):
            inner(element, f"{path}[{index}]")

    return check


def record(fields: Mapping[str, Check], *required: str) -> Check:
    """Accept an object with these fields and no others."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise invalid_type(path, "an object", value)
        prefix = f"{path}." if path else ""
        for name in required:
            if name not in value:
                raise missing_parameter(prefix + name)
        for name, element in value.items():
            if name not in fields:
                raise unknown_parameter(prefix + name)
            fields[name](element, prefix + name)

    return check


def tagged(tag: str, kinds: Mapping[str, Check]) -> Check:
    """Accept an object whose field `tag` names which of several checks applies."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise invalid_type(path, "an object", value)
        prefix = f"{path}." if path else ""
        if tag not in value:
            raise missing_parameter(prefix + tag)
        one_of(*kinds)(value[tag], prefix + tag)
        kinds[value[tag]](value, path)

    return check


def _in_range(value: float, path: str, low: float, high: float, kind: str) -> None:
    if low <= value <= high:
        return
    if value < low:
        code, words = f"{kind}_below_min_value", f"below minimum value. Expected a value >= {low}"
    else:
        code, words = f"{kind}_above_max_value", f"above maximum value. Expected a value <= {high}"
    raise Rejection(code, f"Invalid '{path}': {kind} {words}, but got {value} instead.", path)


def within(check: Check, test: Callable[[Any], bool], message: str) -> Check:
    """Accept what `check` accepts if it also passes `test`."""

    def narrowed(value: Any, path: str) -> None:
        check(value, path)
        if not test(value):
            raise invalid_value(path, message)

    return narrowed
