"""Which of a scenario's faults are due when."""

from bench.scenarios.agent import Fault, FaultAction, Moment


class FaultPlan:
    """The faults of one session; each happens once.

    Args:
        faults: of the scenario.
        session_number: counts the simulator's sessions from 1.
    """

    def __init__(self, faults: tuple[Fault, ...], session_number: int) -> None:
        self._left = [f for f in faults if f.sessions is None or session_number <= f.sessions]

    def due(self, moment: Moment, turn: int | None = None, after_ms: float = 0.0) -> FaultAction | None:
        """Take the fault due at a moment.

        Args:
            moment: what is going on.
            turn: the caller's turn being answered, from 1.
            after_ms: how much audio of the response was sent.
        """
        for fault in self._left:
            if fault.at == moment and fault.turn in (None, turn) and after_ms >= fault.after_ms:
                self._left.remove(fault)
                return fault.action
        return None

    def delay_ms(self, moment: Moment, turn: int | None = None) -> int | None:
        """Return how long after a moment its fault comes, or None when there is none; it is not taken."""
        return next((f.after_ms for f in self._left if f.at == moment and f.turn in (None, turn)), None)
