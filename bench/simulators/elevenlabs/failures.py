"""How the service says no: over REST, and by ending a conversation.

Source: `elevenlabs/packages`, packages/types/schemas/agent.asyncapi.yaml ("ErrorData", "ErrorType",
"WebSocketCloseCode"), read 2026-11; REST bodies as recorded in public issue threads: `{"detail": {"status",
"message"}}`, and FastAPI's list for a body that does not validate.
"""

from dataclasses import dataclass
from typing import Any

CLOSE_CODES = (1000, 1002, 1008, 1011)


@dataclass(slots=True)
class ConversationFailure(Exception):
    """A conversation ends: an error event is sent, then the socket is closed.

    Args:
        code: close code, one of `CLOSE_CODES`.
        error_type: for programs, e.g. `override_error`.
        message: for people; also the close reason.
    """

    code: int
    error_type: str
    message: str


def bad_message(message: str, error_type: str = "invalid_message") -> ConversationFailure:
    """Something the client sent will not do."""
    return ConversationFailure(1008, error_type, message)


@dataclass(slots=True)
class RestError(Exception):
    """A request is refused.

    Args:
        status: HTTP status.
        detail: what stands under `detail` in the body.
    """

    status: int
    detail: Any

    def body(self) -> dict[str, Any]:
        """Return the response's body."""
        return {"detail": self.detail}


def refused(status: int, code: str, message: str) -> RestError:
    """A request that is understood but refused."""
    return RestError(status, {"status": code, "message": message})


def not_found(what: str, identifier: str) -> RestError:
    """There is no such document."""
    return refused(404, "document_not_found", f"{what} with ID {identifier} not found.")


def invalid(path: str, message: str) -> RestError:
    """A body or a parameter does not validate.

    Args:
        path: below the body, e.g. `tools[2].name`.
        message: what is wrong.
    """
    places = path.replace("[", ".").replace("]", "").split(".")
    return RestError(422, [{"type": "value_error", "loc": ["body", *places], "msg": message}])
