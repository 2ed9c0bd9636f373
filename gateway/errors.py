"""What can go wrong in the gateway."""


class GatewayError(Exception):
    """The root: something about a live call went wrong."""


class Refused(GatewayError):
    """A media socket or webhook that we do not serve; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
