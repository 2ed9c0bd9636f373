"""What the provider does not accept: it has no error message, it closes the connection with a reason.

Source: wording of close reasons as recorded in public issue threads on the Live API, 2025-05 to 2026-08
(google-gemini/cookbook 781, deprecated-generative-ai-js 487, kazunori279/adk-streaming-guide 11, and others);
Google does not document them.
"""

from dataclasses import dataclass

INVALID = 1007
POLICY = 1008
INTERNAL = 1011

INVALID_ARGUMENT = "Request contains an invalid argument."
_MAX_REASON_BYTES = 123


@dataclass(slots=True)
class Rejection(Exception):
    """The connection is closed because of what the client sent.

    Args:
        code: WebSocket close code.
        reason: words for people.
    """

    code: int
    reason: str


def invalid_argument(detail: str = "") -> Rejection:
    """A message that is well formed but makes no sense."""
    return Rejection(INVALID, f"{INVALID_ARGUMENT} {detail}".strip())


def unknown_name(name: str, path: str) -> Rejection:
    """A field the message does not have."""
    at = f" at '{path}'" if path else ""
    return Rejection(INVALID, f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.')


def invalid_value(path: str, expected: str, value: object) -> Rejection:
    """A field with a value of the wrong type, or none of those allowed."""
    return Rejection(INVALID, f"Invalid value at '{path}' ({expected}), {value!r}")


def clipped(reason: str) -> str:
    """Return a close reason as it fits into a frame: at most 123 bytes of UTF-8."""
    return reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
