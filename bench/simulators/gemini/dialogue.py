"""One session's turns of the model: at most one at a time, asked for by speech or by the client's words."""

import asyncio
from collections.abc import Awaitable, Callable

from bench.simulators.gemini.model_turn import ModelTurn, Workshop
from bench.simulators.speech.turns import PlannedReply


class Dialogue:
    """Starts, interrupts and awaits turns of the model.

    Args:
        shop: the session's parts.
        tasks: the session's task group, in which turns run.
        generating: called when a turn begins.
        rested: called when a turn is complete.
    """

    def __init__(
        self,
        shop: Workshop,
        tasks: asyncio.TaskGroup,
        generating: Callable[[], Awaitable[None]],
        rested: Callable[[], Awaitable[None]],
    ) -> None:
        self._shop = shop
        self._tasks = tasks
        self._generating = generating
        self._rested = rested
        self._active: ModelTurn | None = None
        self._waiting: list[PlannedReply] = []
        self._turns = 0
        self._none_active = asyncio.Event()
        self._none_active.set()

    async def interrupt(self) -> None:
        """Cut the active turn short, if there is one, and wait until its last message is sent."""
        self._waiting.clear()
        if self._active is not None:
            self._active.interrupt()
            await self._none_active.wait()

    def ask(self, planned: PlannedReply) -> None:
        """Begin a turn, or let it wait for the end of the active one."""
        if self._active is None:
            self._start(planned)
        else:
            self._waiting.append(planned)

    async def wait_none_active(self) -> None:
        """Wait until the model has nothing more to say."""
        await self._none_active.wait()

    def _start(self, planned: PlannedReply) -> None:
        self._turns += 1
        self._active = ModelTurn(self._shop, planned, self._turns)
        self._none_active.clear()
        self._tasks.create_task(self._run(self._active), name=f"model turn {self._turns}")

    async def _run(self, turn: ModelTurn) -> None:
        await self._generating()
        await turn.run()
        await self._rested()
        self._active = None
        if self._waiting:
            self._start(self._waiting.pop(0))
        else:
            self._none_active.set()
        await self._suffer_between_turns(turn.planned.turn)

    async def _suffer_between_turns(self, turn: int | None) -> None:
        delay_ms = self._shop.faults.delay_ms("between_turns", turn)
        if delay_ms is None:
            return
        action = self._shop.faults.due("between_turns", turn, delay_ms)
        await asyncio.sleep(delay_ms / 1000)
        if action is not None:
            await self._shop.channel.suffer(action)
