"""What the provider refuses in a client event, and how it says so.

Source: codes and wording as recorded from the service in public issue threads and probes, 2024-10 to 2026-09;
OpenAI documents the shape of the error event but not the list of codes.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Rejection(Exception):
    """A client event is refused; the connection stays open.

    Args:
        code: the error's code.
        message: words for people.
        param: path of the parameter it is about.
        type: the error's class.
    """

    code: str | None
    message: str
    param: str | None = None
    type: str = "invalid_request_error"


def unknown_parameter(path: str) -> Rejection:
    """A field the API does not know."""
    return Rejection("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def missing_parameter(path: str) -> Rejection:
    """A field the API needs."""
    return Rejection("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def invalid_type(path: str, expected: str, value: object) -> Rejection:
    """A field of the wrong JSON type."""
    message = f"Invalid type for '{path}': expected {expected}, but got {json_type(value)} instead."
    return Rejection("invalid_type", message, path)


def invalid_value(path: str, message: str) -> Rejection:
    """A field with a value that is not allowed."""
    return Rejection("invalid_value", message, path)


def not_supported(path: str, value: object, supported: list[str]) -> Rejection:
    """A field with none of the values allowed."""
    listed = ", ".join(f"'{each}'" for each in supported)
    return invalid_value(path, f"Invalid value: '{value}'. Supported values are: {listed}.")


def json_type(value: object) -> str:
    """Return the JSON type of a value in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
