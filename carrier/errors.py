"""What can go wrong with the phone company."""


class CarrierError(Exception):
    """The carrier refused a request or could not be reached.

    Args:
        code: The carrier's own error code (Twilio: five digits), or 0 when there was no answer.
        message: One sentence for a person.
        retryable: Whether the same request may succeed later and was certainly not carried out.
    """

    def __init__(self, code: int, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


class NotInProgress(CarrierError):
    """The call to act on is over already."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message, retryable=False)
