"""What can go wrong with a speech provider."""


class ProviderError(Exception):
    """A provider session cannot be opened or used.

    Args:
        code: A stable word for the cause, e.g. `invalid_api_key`, `open_timeout`, `format_mismatch`.
        message: One sentence for a person.
        retryable: Whether trying again later, or elsewhere, may help.
    """

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class ProtocolError(ProviderError):
    """A message of a known type that does not have the documented shape."""

    def __init__(self, message: str) -> None:
        super().__init__("protocol_error", message, retryable=False)


class SocketClosed(ProviderError):
    """The socket to the provider is gone.

    Args:
        close_code: The WebSocket close code, 1006 when there was none.
        reason: What the other side said.
    """

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__("socket_closed", reason or f"closed with code {close_code}", retryable=True)
        self.close_code = close_code
        self.reason = reason


class PriceError(ValueError):
    """A file of prices cannot be used; the text is one line for the person who wrote it."""
