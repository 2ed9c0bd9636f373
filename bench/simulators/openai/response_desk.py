"""One session's responses: at most one at a time, asked for by the client, by speech or by silence."""

import asyncio
from typing import Any

from bench.simulators.openai.rejection import Rejection
from bench.simulators.openai.response_run import ResponseOrder, ResponseRun, Workshop
from bench.simulators.speech.turns import PlannedReply, TurnKeeper

Json = dict[str, Any]


class ResponseDesk:
    """Starts, cancels and awaits responses.

    Args:
        shop: the session's parts.
        turns: what comes next in the scenario.
        tasks: the session's task group, in which responses run.
    """

    def __init__(self, shop: Workshop, turns: TurnKeeper, tasks: asyncio.TaskGroup) -> None:
        self._shop = shop
        self._turns = turns
        self._tasks = tasks
        self._active: ResponseRun | None = None
        self._none_active = asyncio.Event()
        self._none_active.set()
        self.audio_was_sent = False
        self.last_audio_ms: float | None = None
        """How much audio the last finished response had; None before the first and while one is active."""

    @property
    def active(self) -> bool:
        """Whether a response is being sent."""
        return self._active is not None

    async def create(self, event: Json) -> None:
        """response.create.

        Raises:
            Rejection: there is an active response.
        """
        if self._active is not None:
            raise self.busy()
        asked = event.get("response") or {}
        order = self._turns.answer()
        standing = self._shop.settings.view()
        limit = asked.get("max_output_tokens", standing["max_output_tokens"])
        self.start(
            ResponseOrder(
                reply=order.reply,
                moment=order.moment,
                turn=order.turn,
                modality=(asked.get("output_modalities") or standing["output_modalities"])[0],
                metadata=asked.get("metadata"),
                in_conversation=asked.get("conversation", "auto") == "auto",
                max_output_tokens=limit if isinstance(limit, int) else None,
            )
        )

    async def cancel(self, event: Json) -> None:
        """response.cancel.

        Raises:
            Rejection: nothing, or another response, is active.
        """
        wanted = event.get("response_id")
        if self._active is None or wanted not in (None, self._active.id):
            raise Rejection("response_cancel_not_active", "Cancellation failed: no active response found")
        await self.interrupt("client_cancelled")

    async def interrupt(self, reason: str) -> None:
        """Cut the active response short, if there is one, and wait until its last event is sent."""
        if self._active is not None:
            self._active.cancel(reason)
            await self.wait_none_active()

    def start_planned(self, planned: PlannedReply) -> None:
        """Begin a response nobody gave instructions for; none may be active."""
        self.start(ResponseOrder(planned.reply, planned.moment, planned.turn))

    def start(self, order: ResponseOrder) -> None:
        """Begin a response; none may be active."""
        self._active = ResponseRun(self._shop, order)
        self._none_active.clear()
        self.last_audio_ms = None
        self._tasks.create_task(self._run(self._active), name=f"response {self._active.id}")

    async def wait_none_active(self) -> None:
        """Wait until no response is being sent."""
        await self._none_active.wait()

    def busy(self) -> Rejection:
        """Return the refusal of a second response."""
        active = self._active.id if self._active is not None else ""
        message = (
            f"Conversation already has an active response in progress: {active}. "
            "Wait until the response is finished before creating a new one."
        )
        return Rejection("conversation_already_has_active_response", message)

    async def _run(self, run: ResponseRun) -> None:
        await run.run()
        self.audio_was_sent = self.audio_was_sent or run.audio_ms > 0
        self._active = None
        self.last_audio_ms = run.audio_ms
        self._none_active.set()
        await self._suffer_between_turns(run.order.turn)

    async def _suffer_between_turns(self, turn: int | None) -> None:
        delay_ms = self._shop.faults.delay_ms("between_turns", turn)
        if delay_ms is None:
            return
        action = self._shop.faults.due("between_turns", turn, delay_ms)
        await asyncio.sleep(delay_ms / 1000)
        if action is not None:
            await self._shop.channel.suffer(action)
