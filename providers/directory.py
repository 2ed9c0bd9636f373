"""Which providers this service can speak with, and how to reach each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from providers.capabilities import CAPABILITIES
from providers.codec import Codec
from providers.elevenlabs.agents import ElevenLabsAgents
from providers.elevenlabs.codec import ElevenLabsCodec
from providers.errors import ProviderError
from providers.gemini import codec as gemini
from providers.openai import codec as openai
from providers.session import SessionConfig
from store.times import utc_now

PROVIDERS: tuple[str, ...] = tuple(CAPABILITIES)
"""The providers we know, in order of preference."""


@dataclass(frozen=True, slots=True)
class Access:
    """A provider's key (never logged) and, for simulators and proxies, its address."""

    api_key: str = field(repr=False)
    base_url: str | None = None


class ProviderDirectory:
    """Makes a codec for each new session; whoever made it closes it.

    Args:
        access: How to reach each configured provider, by name.
    """

    def __init__(self, access: dict[str, Access]) -> None:
        self._access = access
        agents = access.get("elevenlabs")
        self._agents = ElevenLabsAgents.open(agents.api_key, agents.base_url) if agents else None

    async def close(self) -> None:
        """Close the connections of what is arranged beforehand."""
        if self._agents is not None:
            await self._agents.close()

    @property
    def configured(self) -> tuple[str, ...]:
        """The providers there is a key for, in order of preference."""
        return tuple(name for name in PROVIDERS if name in self._access)

    def line_up(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The providers a call may use, first the one that speaks; never empty.

        Args:
            wanted: In the order the flow or its org asks for them; empty leaves it to us.
        """
        if usable := tuple(dict.fromkeys(name for name in wanted if name in self._access)):
            return usable
        # A provider that was asked for and has no key: the call says so rather than going elsewhere.
        return tuple(wanted[:1]) or self.configured or PROVIDERS[:1]

    async def codec(self, name: str, config: SessionConfig) -> Codec:
        """Make the codec of one session, with whatever the provider wants arranged beforehand.

        Raises:
            ProviderError: No key for this provider, it is not one of ours, or it refuses what is arranged.
        """
        access = self._access.get(name)
        if access is None or name not in PROVIDERS:
            raise ProviderError("not_configured", f"no key is configured for {name}", retryable=False)
        match name:
            case "openai":
                base_url = access.base_url or openai.DEFAULT_BASE_URL
                return openai.OpenAICodec(
                    config, api_key=access.api_key, base_url=base_url, asked_at_s=utc_now().timestamp()
                )
            case "gemini":
                base_url = access.base_url or gemini.DEFAULT_BASE_URL
                return gemini.GeminiCodec(config, api_key=access.api_key, base_url=base_url)
            case "elevenlabs" if self._agents is not None:
                return ElevenLabsCodec(config, url=await self._agents.signed_url(config))
            case _:
                raise ProviderError("not_configured", f"{name} cannot speak yet", retryable=False)
