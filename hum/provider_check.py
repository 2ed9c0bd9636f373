"""Does each provider speak with us? A session is opened, a greeting asked for, its sound awaited."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

import aiohttp

from hum.settings import Settings
from providers.capabilities import CAPABILITIES
from providers.connection import ProviderSession, connect
from providers.directory import PROVIDERS, Access, ProviderDirectory
from providers.errors import ProviderError
from providers.prices import PriceTable
from providers.session import (
    AgentAudio,
    ErrorReported,
    Event,
    Respond,
    ResponseEnded,
    SessionClosed,
    SessionConfig,
    SessionOpened,
    UsageCounted,
)
from providers.socket import AiohttpConnector

AUDIO_LIMIT_S = 15.0
"""From the first step to the first sound."""

COUNT_LIMIT_S = 8.0
"""How long the provider's count of its use is awaited after that; some send it only when all is played."""

GREETING = "Hello."
_NATIVE, _LINEAR = "mu-law 8 kHz", "linear 16 bit, converted to and from mu-law 8 kHz"


@dataclass(frozen=True, slots=True)
class Works:
    """A provider that spoke.

    Attributes:
        provider: Its name in flows.
        model: As the session tells it.
        opened_ms: From the first step until the session was ready to talk.
        first_audio_ms: From the first step to the first sound.
        audio_format: What is spoken on the wire.
        cost_cents: An estimate by list prices; None when the model has no price or nothing was counted.
    """

    provider: str
    model: str
    opened_ms: int
    first_audio_ms: int
    audio_format: str
    cost_cents: float | None


@dataclass(frozen=True, slots=True)
class Fails:
    """A provider that did not; `code` is a stable word, `reason` one sentence."""

    provider: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """A provider without a key; `variable` is the one to set."""

    provider: str
    variable: str


Finding = Works | Fails | NotConfigured


async def check_providers(
    settings: Settings, wanted: Sequence[str], *, audio_limit_s: float = AUDIO_LIMIT_S
) -> list[Finding]:
    """Check providers one after the other.

    Args:
        settings: Keys and addresses.
        wanted: Which, by their names in flows.
        audio_limit_s: How long each may take to its first sound.
    """
    prices = await asyncio.to_thread(PriceTable.load, settings.prices_file)
    variables = {field.name: str(field.metadata["env"]) for field in fields(Settings)}
    directory = ProviderDirectory(_access(settings))
    findings: list[Finding] = []
    try:
        async with aiohttp.ClientSession(trust_env=False) as client:
            for name in wanted:
                if name not in directory.configured:
                    findings.append(NotConfigured(name, variables[f"{name}_api_key"]))
                    continue
                check = _Check(name, AiohttpConnector(client), directory, prices)
                findings.append(await check.run(audio_limit_s))
    finally:
        await directory.close()
    return findings


def _access(settings: Settings) -> dict[str, Access]:
    known = {name: getattr(settings, f"{name}_api_key") for name in PROVIDERS}
    return {name: Access(key, getattr(settings, f"{name}_url")) for name, key in known.items() if key}


def all_work(findings: Sequence[Finding]) -> bool:
    """Whether there is a provider that works, and none that should and does not."""
    return any(isinstance(each, Works) for each in findings) and not any(
        isinstance(each, Fails) for each in findings
    )


class _Check:
    """The check of one provider."""

    def __init__(
        self, provider: str, connector: AiohttpConnector, directory: ProviderDirectory, prices: PriceTable
    ) -> None:
        self._provider = provider
        self._connector = connector
        self._directory = directory
        self._prices = prices
        self._loop = asyncio.get_running_loop()
        self._begun_s = self._opened_s = 0.0
        self._opened_ms = self._first_audio_ms = -1
        self._model = ""
        self._answered = self._counted = False
        self._tokens = [0, 0]
        self._details: Counter[str] = Counter()

    async def run(self, audio_limit_s: float) -> Finding:
        """Open, greet, listen."""
        self._begun_s = self._loop.time()
        try:
            async with asyncio.timeout(audio_limit_s) as limit:
                config = SessionConfig("You are a voice on the phone.", voice="", greeting=GREETING)
                codec = await self._directory.codec(self._provider, config)
                async with connect(self._connector, codec) as session:
                    await self._listen(session, limit)
        except ProviderError as error:
            return Fails(self._provider, error.code, error.message)
        except TimeoutError:
            if self._first_audio_ms < 0:
                return self._too_slow(audio_limit_s)
        native = CAPABILITIES[self._provider].native_mulaw
        return Works(
            self._provider,
            self._model,
            self._opened_ms,
            self._first_audio_ms,
            _NATIVE if native else _LINEAR,
            self._cost_cents(),
        )

    def _too_slow(self, limit_s: float) -> Fails:
        what = "no sound came" if self._opened_ms >= 0 else "the session did not open"
        code = "no_audio" if self._opened_ms >= 0 else "open_timeout"
        return Fails(self._provider, code, f"{what} within {limit_s:g} s")

    async def _listen(self, session: ProviderSession, limit: asyncio.Timeout) -> None:
        async for events in session.events():
            for event in events:
                self._take(session, event)
            await session.flush()
            if self._first_audio_ms >= 0:
                if self._heard_enough:
                    return
                limit.reschedule(self._begun_s + self._first_audio_ms / 1000 + COUNT_LIMIT_S)

    @property
    def _heard_enough(self) -> bool:
        return self._prices.by_time(self._provider, self._model) or (self._answered and self._counted)

    def _take(self, session: ProviderSession, event: Event) -> None:
        match event:
            case SessionOpened(model=model):
                self._model, self._opened_ms, self._opened_s = model, self._now_ms(), self._loop.time()
                if not session.capabilities.greets:
                    session.put(Respond(f'Say only: "{GREETING}"'))
            case AgentAudio() if self._first_audio_ms < 0:
                self._first_audio_ms = self._now_ms()
            case UsageCounted(input_tokens=used, output_tokens=made, details=details):
                self._counted = True
                self._tokens = [self._tokens[0] + used, self._tokens[1] + made]
                self._details.update(details)
            case ResponseEnded(status="failed" | "incomplete", error_code=code, error_message=message):
                raise ProviderError(code or "response_failed", message or "no answer came", retryable=False)
            case ResponseEnded():
                self._answered = True
            case ErrorReported(code=code, message=message, fatal=True):
                raise ProviderError(code, message, retryable=False)
            case SessionClosed(code=closed, reason=reason) if self._first_audio_ms < 0:
                words = reason or "the provider closed the session"
                raise ProviderError(f"closed_{closed}", words, retryable=True)
            case _:
                pass

    def _now_ms(self) -> int:
        return round((self._loop.time() - self._begun_s) * 1000)

    def _cost_cents(self) -> float | None:
        by_time = self._prices.by_time(self._provider, self._model)
        if not self._counted and not by_time:
            return None
        open_ms = round((self._loop.time() - self._opened_s) * 1000)
        cents = self._prices.cost_cents(
            self._provider,
            self._model,
            details={**self._details, "session_ms": open_ms},
            input_tokens=self._tokens[0],
            output_tokens=self._tokens[1],
        )
        return None if cents is None else round(cents, 4)
