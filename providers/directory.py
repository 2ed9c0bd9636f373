"""Which providers this service can speak with, and how to reach each."""

from dataclasses import dataclass, field

from providers.errors import ProviderError
from providers.openai.codec import DEFAULT_BASE_URL, OpenAICodec
from providers.session import Codec, SessionConfig

PROVIDERS = ("openai",)
"""The providers we have a codec for, in order of preference."""


@dataclass(frozen=True, slots=True)
class Access:
    """A provider's key (never logged) and, for simulators and proxies, its address."""

    api_key: str = field(repr=False)
    base_url: str | None = None


class ProviderDirectory:
    """Makes a codec for each new session.

    Args:
        access: How to reach each configured provider, by name.
    """

    def __init__(self, access: dict[str, Access]) -> None:
        self._access = access

    def choose(self, wanted: str | None) -> str:
        """The provider a flow gets: the one it names, or the first configured."""
        if wanted is not None:
            return wanted
        return next((name for name in PROVIDERS if name in self._access), PROVIDERS[0])

    def codec(self, name: str, config: SessionConfig) -> Codec:
        """Make the codec of one session.

        Raises:
            ProviderError: No key for this provider, or it is not one of ours.
        """
        access = self._access.get(name)
        if access is None or name not in PROVIDERS:
            raise ProviderError("not_configured", f"no key is configured for {name}", retryable=False)
        return OpenAICodec(config, api_key=access.api_key, base_url=access.base_url or DEFAULT_BASE_URL)
