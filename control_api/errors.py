"""What the API refuses and how it says so: one envelope for every error, on every route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import msgspec


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing to mend. `path` names the place, e.g. `query.limit` or `tools_json[0].name`."""

    path: str
    message: str
    code: str


class ApiError(Exception):
    """An error answer. The subclasses name the usual ones.

    Args:
        status: HTTP status.
        code: stable word for programs, the same in `error` and `code`.
        message: one sentence for people.
        details: places to mend.
        headers: more response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[Detail] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})


class BadInput(ApiError):
    """The request is not what the operation takes: 400."""

    def __init__(self, message: str, details: Sequence[Detail] = (), code: str = "invalid_request") -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, code, message, details)


class NotSignedIn(ApiError):
    """No session, no key, or one that is not good: 401."""

    def __init__(self, message: str) -> None:
        super().__init__(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            message,
            headers={"WWW-Authenticate": 'Bearer realm="hum"'},
        )


class NotAllowed(ApiError):
    """Signed in, but not for this: 403."""

    def __init__(self, message: str, code: str = "forbidden") -> None:
        super().__init__(HTTPStatus.FORBIDDEN, code, message)


class NoSuchThing(ApiError):
    """Not there, or another org's: 404."""

    def __init__(self, what: str) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, "not_found", f"There is no such {what}.")


class Conflicting(ApiError):
    """At odds with what is stored: 409."""

    def __init__(self, message: str, code: str = "conflict") -> None:
        super().__init__(HTTPStatus.CONFLICT, code, message)


class PreconditionFailed(ApiError):
    """If-Match names a version that is no longer the current one: 412."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.PRECONDITION_FAILED, "precondition_failed", message)


class Unavailable(ApiError):
    """Not possible at present: 503."""

    def __init__(self, code: str, message: str, details: Sequence[Detail] = ()) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, code, message, details, headers={"Retry-After": "1"})


class WiringError(Exception):
    """The operations and the table disagree: a mistake in this code, found when the service starts."""


def envelope(error: ApiError, request_id: str) -> bytes:
    """Encode the body of an error answer."""
    return msgspec.json.encode(
        {
            "error": error.code,
            "code": error.code,
            "message": error.message,
            "details": list(error.details),
            "request_id": request_id,
        }
    )


_CODES = {
    HTTPStatus.BAD_REQUEST: "invalid_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}


def from_status(status: int, headers: Mapping[str, str]) -> ApiError:
    """Return the error for a status the web framework chose, keeping what the client needs of its headers."""
    known = HTTPStatus(status)
    kept = {name: value for name, value in headers.items() if name.lower() == "allow"}
    message = f"{known.phrase}: {known.description}." if known.description else f"{known.phrase}."
    return ApiError(status, _CODES.get(known, f"http_{status}"), message, headers=kept)
