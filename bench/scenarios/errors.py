"""What can be wrong with a scenario."""


class ScenarioError(Exception):
    """The scenario cannot be played; the message names the file and the place in it."""


class ScenarioUnavailableError(ScenarioError):
    """The scenario needs something that is not installed on this machine."""
