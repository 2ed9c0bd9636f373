"""Which reply of the scenario comes next, whoever asks for it."""

from dataclasses import dataclass

from bench.scenarios.agent import AgentScript, CallTool, Moment, Reply, Turn

_NOTHING = Reply()


@dataclass(frozen=True, slots=True)
class PlannedReply:
    """What the model is to produce next.

    Args:
        reply: what the scenario has it do.
        moment: `greeting` or `answer`, for faults.
        turn: the caller's turn answered, from 1.
    """

    reply: Reply
    moment: Moment = "answer"
    turn: int | None = None


class TurnKeeper:
    """Follows one session through its scenario.

    Args:
        script: the agent's side.
    """

    def __init__(self, script: AgentScript) -> None:
        self._script = script
        self._prompted = 0
        self._idle = 0
        self._unanswered: int | None = None
        self._follow_up: tuple[Reply, int | None] | None = None
        self.turn = 0
        """Caller turns so far."""

    def hear(self) -> Turn:
        """The caller finished an utterance; returns its turn (an empty one after the last)."""
        self.turn += 1
        self._unanswered = self.turn
        self._follow_up = None
        turns = self._script.turns
        return turns[self.turn - 1] if self.turn <= len(turns) else Turn("", _NOTHING)

    def answer(self) -> PlannedReply:
        """Return what the model says when a response is asked for.

        The answer to an utterance comes first, then what follows a tool's result, then the prompted ones (the
        greeting is the first of those); when all are used up, nothing.
        """
        if self._unanswered is not None:
            number, self._unanswered = self._unanswered, None
            turns = self._script.turns
            reply = turns[number - 1].reply if number <= len(turns) else _NOTHING
            return self._remember(PlannedReply(reply, "answer", number))
        if self._follow_up is not None:
            (reply, turn), self._follow_up = self._follow_up, None
            return self._remember(PlannedReply(reply, "answer", turn))
        if self._prompted < len(self._script.prompted):
            self._prompted += 1
            reply = self._script.prompted[self._prompted - 1]
            return self._remember(PlannedReply(reply, "greeting" if self._prompted == 1 else "answer"))
        return PlannedReply(_NOTHING)

    def answer_idle(self) -> PlannedReply:
        """Return what the model says when nobody spoke for long."""
        self._unanswered = None
        replies = self._script.on_idle
        reply = replies[self._idle] if self._idle < len(replies) else _NOTHING
        self._idle += 1
        return self._remember(PlannedReply(reply))

    def _remember(self, order: PlannedReply) -> PlannedReply:
        calls_tool = any(isinstance(item, CallTool) for item in order.reply.items)
        if order.reply.then is not None and calls_tool:
            self._follow_up = (order.reply.then, order.turn)
        return order
