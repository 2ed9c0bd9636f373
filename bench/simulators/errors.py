"""What can go wrong in a simulator itself (as opposed to what it is told to play)."""


class SimulatorError(Exception):
    """The root of the simulators' errors."""


class SimulatorUsageError(SimulatorError):
    """A simulator was used wrongly: an unknown number, a call that is over, a script that cannot be."""


class SimulatorBusyError(SimulatorError):
    """A bounded queue of a simulator is full: it was given more than a phone company would take."""
