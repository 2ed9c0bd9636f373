"""The calls this process carries, from first webhook to finished record."""

import asyncio

import structlog

from gateway.services import GatewayServices
from gateway.session import CallSession, SessionStart

_log = structlog.get_logger()


class LiveCalls:
    """Owns the task of every live call.

    Args:
        services: The gateway's parts.
    """

    def __init__(self, services: GatewayServices) -> None:
        self._services = services
        self._sessions: dict[str, CallSession] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Carry calls until told to stop, then until the last one is complete."""
        async with asyncio.TaskGroup() as self._tasks:
            await self._stopping.wait()

    def start(self, start: SessionStart) -> CallSession:
        """Begin to carry a call. Only while `run` runs and nobody has said stop."""
        assert self._tasks is not None
        session = CallSession(self._services, start)
        self._sessions[start.call.id] = session
        self._services.metrics.live_calls.inc()
        self._tasks.create_task(self._carry(session), name=f"call {start.call.id}")
        return session

    async def _carry(self, session: CallSession) -> None:
        call_id = session.call.id
        try:
            await session.run()
        except Exception:  # noqa: BLE001  # the root of a call's tasks
            _log.exception("call_failed", call_id=call_id)
            await self._abandon(session)
        finally:
            self._sessions.pop(call_id, None)
            self._services.metrics.live_calls.dec()
            self._changed.set()

    async def _abandon(self, session: CallSession) -> None:
        try:
            await session.abandon()
        except Exception:  # noqa: BLE001  # same root; the reconciler completes the record later
            _log.exception("call_not_finished", call_id=session.call.id)

    def get(self, call_id: str) -> CallSession | None:
        """The live call of this id, if this process carries it."""
        return self._sessions.get(call_id)

    @property
    def count(self) -> int:
        """How many calls are live."""
        return len(self._sessions)

    @property
    def ids(self) -> set[str]:
        """The ids of the live calls."""
        return set(self._sessions)

    @property
    def stopping(self) -> bool:
        """Whether new calls are refused."""
        return self._stopping.is_set()

    async def drain(self, limit_s: float) -> None:
        """Take no new calls, let the live ones end by themselves for `limit_s`, then end them."""
        self._stopping.set()
        try:
            async with asyncio.timeout(limit_s):
                while self._sessions:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            self.stop()

    def stop(self) -> None:
        """End every call now: records are completed, the carrier is told to come back for the caller."""
        self._stopping.set()
        for session in list(self._sessions.values()):
            session.stop()
