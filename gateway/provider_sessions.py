"""The provider sessions of one live call: each a task that opens a socket and reads it to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flows.call_plan import CallPlan
from flows.speech import EnergyTurns, MeaningTurns
from gateway.call.actions import OpenSession
from gateway.services import GatewayServices
from providers.connection import ProviderSession, connect
from providers.errors import ProviderError
from providers.session import (
    Command,
    ErrorReported,
    Event,
    SemanticVad,
    ServerVad,
    SessionConfig,
    ToolDefinition,
    TurnDetection,
)
from store.call_events import CallEvent, ProviderClosed, ProviderFailed, ProviderOpened

STALL_LIMIT_S = 10.0

NO_FAULT = frozenset({"circuit_open", "session_expired"})
"""Failures that say nothing about how a provider is doing."""

Heard = Callable[[int, Event], None]
Flush = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Line:
    """One session in this process."""

    asked: OpenSession
    task: "asyncio.Task[None]"
    open: ProviderSession | None = None


class ProviderSessions:
    """Opens, feeds and closes sessions as the core asks; decides nothing.

    Args:
        services: The gateway's parts.
        plan: What the call should do.
        heard: Takes each event with the number of its session.
        flush: Writes what the core's answer put into the call's outboxes.
    """

    def __init__(self, services: GatewayServices, plan: CallPlan, heard: Heard, flush: Flush) -> None:
        self._services = services
        self._plan = plan
        self._heard = heard
        self._flush_call = flush
        self._lines: dict[int, _Line] = {}
        self._used = 0
        self._tasks: asyncio.TaskGroup | None = None

    def run_in(self, tasks: asyncio.TaskGroup) -> None:
        """Where the sessions' tasks live: the call's own group."""
        self._tasks = tasks

    def open(self, asked: OpenSession) -> None:
        """Begin to open a session."""
        if self._tasks is not None:
            name = f"provider session {asked.number} {asked.provider}"
            self._lines[asked.number] = _Line(asked, self._tasks.create_task(self._talk(asked), name=name))

    def use(self, number: int) -> None:
        """From here on audio and commands go to this session."""
        self._used = number

    def close(self, number: int) -> None:
        """Close a session; what it says from here on is not heard."""
        if line := self._lines.pop(number, None):
            line.task.cancel()

    def put_audio(self, payload: str) -> None:
        """Queue caller audio."""
        if (line := self._lines.get(self._used)) and line.open is not None:
            line.open.put_audio(payload)

    def put(self, command: Command) -> None:
        """Queue a command."""
        if (line := self._lines.get(self._used)) and line.open is not None:
            line.open.put(command)

    async def flush(self) -> None:
        """Write what is queued for the session in use."""
        if (line := self._lines.get(self._used)) and line.open is not None:
            await line.open.flush()

    async def keep_house(self) -> None:
        """Find sessions that take nothing any more, keep quiet ones open; call it every second."""
        for number, line in list(self._lines.items()):
            if line.open is None:
                continue
            if line.open.stalled_s() > STALL_LIMIT_S:
                self._broke(number, ProviderError("stalled", "the provider does not read", retryable=True))
                continue
            line.open.keep_alive()
            await line.open.flush()

    async def _talk(self, asked: OpenSession) -> None:
        number, name = asked.number, asked.provider
        try:
            if not self._services.circuits.allow(name, last_resort=asked.last_resort):
                raise ProviderError("circuit_open", f"{name} has failed a lot lately", retryable=True)
            await self._read(asked)
        except ProviderError as error:
            self._broke(number, error)
        await self._flush_call()

    async def _read(self, asked: OpenSession) -> None:
        number, services = asked.number, self._services
        codec = await services.providers.codec(asked.provider, session_config(self._plan, asked))
        async with connect(services.connector, codec) as session:
            line = self._lines.get(number)
            if line is None:
                return
            line.open = session
            try:
                async for events in session.events():
                    for event in events:
                        self._heard(number, event)
                    await self._flush_call()
            finally:
                services.metrics.providers.count_unknown(asked.provider, session.unknown)

    def note(self, event: CallEvent) -> None:
        """Keep the providers' circuits informed: what the core says happened to its sessions."""
        match event:
            case ProviderOpened(provider=provider):
                self._services.circuits.succeeded(provider)
            case ProviderFailed(provider=provider, code=code, fatal=True):
                self._count_failure(provider, code)
            case ProviderClosed(provider=provider, code=close_code):
                self._count_failure(provider, f"closed_{close_code}")
            case _:
                pass

    def _count_failure(self, provider: str, code: str) -> None:
        self._services.metrics.providers.failures.labels(provider, code).inc()
        if code not in NO_FAULT:
            self._services.circuits.failed(provider)

    def _broke(self, number: int, error: ProviderError) -> None:
        self._heard(number, ErrorReported(error.code, error.message, error.retryable, fatal=True))


def session_config(plan: CallPlan, asked: OpenSession) -> SessionConfig:
    """What a new session is told before the first word."""
    return SessionConfig(
        instructions=plan.instructions,
        voice=plan.voice,
        greeting="" if asked.continues else plan.greeting,
        tools=tuple(ToolDefinition(t.name, t.description, t.parameters) for t in plan.tools),
        turn_detection=_turn_detection(plan),
        language=plan.language,
        model=plan.models.get(asked.provider),
        continues=asked.continues,
        resume_handle=asked.resume_handle,
        number=asked.number,
    )


def _turn_detection(plan: CallPlan) -> TurnDetection:
    match plan.turn_detection:
        case EnergyTurns() as turns:
            return ServerVad(turns.threshold, turns.prefix_padding_ms, turns.silence_duration_ms)
        case MeaningTurns(eagerness=eagerness):
            return SemanticVad(eagerness)
        case None:
            return ServerVad()
