"""Sends one call's callbacks in the background, in order, or muddled when the configuration says so."""

import asyncio
from dataclasses import dataclass

from bench.simulators.errors import SimulatorBusyError
from bench.simulators.twilio.config import Disorder
from bench.simulators.twilio.webhooks import Failure, Params, WebhookClient

_MAX_WAITING = 256


@dataclass(frozen=True, slots=True)
class _Letter:
    url: str
    params: Params
    method: str
    is_status: bool


class Poster:
    """Queues and sends callbacks; answers are ignored, failures noted.

    The queue is bounded; a call that fills it is a mistake in the simulator, reported as such.

    Args:
        client: sends them.
        disorder: how status callbacks are muddled.
    """

    def __init__(self, client: WebhookClient, disorder: Disorder) -> None:
        self._client = client
        self._disorder = disorder
        self._queue: asyncio.Queue[_Letter | None] = asyncio.Queue(_MAX_WAITING)
        self._held: _Letter | None = None
        self.failures: list[str] = []

    def post(self, url: str, params: Params, method: str = "POST") -> None:
        """Queue a callback."""
        self._put(_Letter(url, params, method, is_status=False))

    def post_status(self, url: str, params: Params, method: str = "POST") -> None:
        """Queue a status callback, which may be muddled."""
        self._put(_Letter(url, params, method, is_status=True))

    def close(self) -> None:
        """Say that nothing more will be queued; `run` returns when all is sent."""
        self._put(None)

    async def run(self) -> None:
        """Send what is queued until closed."""
        while (letter := await self._queue.get()) is not None:
            for each in self._muddled(letter):
                await self._send(each)
        if self._held is not None:
            await self._send(self._held)

    def _muddled(self, letter: _Letter) -> list[_Letter]:
        if not letter.is_status:
            return [letter]
        batch = [letter]
        if self._disorder.reorder:
            if self._held is None:
                self._held = letter
                return []
            batch = [letter, self._held]
            self._held = None
        return [each for each in batch for _ in range(2 if self._disorder.duplicate else 1)]

    async def _send(self, letter: _Letter) -> None:
        result = await self._client.request(letter.url, letter.params, letter.method)
        match result:
            case Failure(code=code, reason=reason):
                self.failures.append(f"{code}: {letter.url}: {reason}")
            case answer if answer.status >= 400:
                self.failures.append(f"15003: {letter.url}: status {answer.status}")
            case _:
                pass

    def _put(self, letter: _Letter | None) -> None:
        try:
            self._queue.put_nowait(letter)
        except asyncio.QueueFull as error:
            raise SimulatorBusyError(f"more than {_MAX_WAITING} callbacks waiting") from error
