"""What provider sessions cost: a dated table of list prices, and sums over what a session used.

The table is `prices.json` beside this module; an operator's own file replaces entries of it, by provider and
model. Prices are the providers' list prices in USD; what comes out is an estimate, never a bill.

Source: each entry names its own.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from providers.errors import PriceError

_BUILT_IN = "providers/prices.json"
_MS_PER_MINUTE = 60_000
_CENTS_PER_USD = 100
_MILLION = 1_000_000
_MODALITIES = ("text", "audio", "image")

_Usd = Annotated[float, msgspec.Meta(ge=0)]
_TokenDetail = Literal[
    "input_text_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "input_cached_text_tokens",
    "input_cached_audio_tokens",
    "input_cached_image_tokens",
    "output_text_tokens",
    "output_audio_tokens",
    "output_image_tokens",
]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one model of one provider costs: an entry of the table.

    Attributes:
        provider: Its name in flows.
        model: The model's name; also stands for dated versions of it. Empty: any model of the provider.
        source: Where the figures come from, and when they were read.
        note: What the figures leave out.
        usd_per_million: By name of a token count. A cached count without a figure costs as much as an
            uncached one, another count without a figure as much as text.
        usd_per_minute: Of caller speech transcribed, of the session being open.
    """

    provider: Annotated[str, msgspec.Meta(min_length=1)]
    model: str
    source: Annotated[str, msgspec.Meta(min_length=1)]
    note: str = ""
    usd_per_million: dict[_TokenDetail, _Usd] = msgspec.field(default_factory=dict)
    usd_per_minute: dict[Literal["transcription", "session"], _Usd] = msgspec.field(default_factory=dict)

    def cents(self, details: Mapping[str, int], input_tokens: int, output_tokens: int) -> float:
        """Price what a session used; see `PriceTable.cost_cents`."""
        usd = self._tokens_usd("input", details, input_tokens)
        usd += self._tokens_usd("output", details, output_tokens)
        for name in ("transcription", "session"):
            minutes = details.get(f"{name}_ms", 0) / _MS_PER_MINUTE
            usd += minutes * self.usd_per_minute.get(name, 0.0)
        return usd * _CENTS_PER_USD

    def _tokens_usd(self, side: str, details: Mapping[str, int], total: int) -> float:
        counts = {modality: details.get(f"{side}_{modality}_tokens", 0) for modality in _MODALITIES}
        counts["text"] += max(0, total - sum(counts.values()))
        rates: dict[str, float] = dict(self.usd_per_million.items())
        text_rate = rates.get(f"{side}_text_tokens", 0.0)
        usd = 0.0
        for modality, count in counts.items():
            rate = rates.get(f"{side}_{modality}_tokens", text_rate)
            cached_rate = rates.get(f"{side}_cached_{modality}_tokens", rate)
            cached = min(count, details.get(f"{side}_cached_{modality}_tokens", 0))
            usd += ((count - cached) * rate + cached * cached_rate) / _MILLION
        return usd


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of prices."""

    as_of: date
    entries: tuple[Price, ...]


class PriceTable:
    """The prices in force.

    Args:
        as_of: Date of the figures, ISO 8601.
        prices: One per provider and model.
    """

    def __init__(self, as_of: str, prices: Iterable[Price]) -> None:
        self.as_of = as_of
        self._prices = {(price.provider, price.model): price for price in prices}

    @classmethod
    def load(cls, path: Path | None = None) -> "PriceTable":
        """Read the table; blocks on the disk.

        Args:
            path: An operator's own prices; each replaces the built-in entry of its provider and model. The
                table then carries this file's date.

        Raises:
            PriceError: The file cannot be read or is not a file of prices; one line says where.
        """
        built_in = _parse(files("providers").joinpath("prices.json").read_bytes(), _BUILT_IN)
        if path is None:
            return cls(built_in.as_of.isoformat(), built_in.entries)
        try:
            text = path.read_bytes()
        except OSError as error:
            raise PriceError(f"{path}: {error.strerror or error}") from error
        own = _parse(text, str(path))
        return cls(own.as_of.isoformat(), (*built_in.entries, *own.entries))

    def cost_cents(
        self, provider: str, model: str, *, details: Mapping[str, int], input_tokens: int, output_tokens: int
    ) -> float | None:
        """Price what a session used.

        Args:
            provider: Its name in flows.
            model: As the provider names it.
            details: Counts by name: `{input,output}_{text,audio,image}_tokens`,
                `input_cached_{text,audio,image}_tokens` (contained in the former), `transcription_ms`,
                `session_ms`. Other names are ignored.
            input_tokens: All tokens in; those in no detail are priced as text.
            output_tokens: All tokens out, likewise.

        Returns:
            US cents, not rounded; None when the model is not in the table.
        """
        price = self._find(provider, model)
        return None if price is None else price.cents(details, input_tokens, output_tokens)

    def by_time(self, provider: str, model: str) -> bool:
        """Whether being connected costs something, spoken or not (`session_ms`)."""
        price = self._find(provider, model)
        return price is not None and price.usd_per_minute.get("session", 0.0) > 0

    def _find(self, provider: str, model: str) -> Price | None:
        """The model's own entry, else that of the longest name it begins with, up to a hyphen."""
        name = model
        while name and (provider, name) not in self._prices:
            name = name.rpartition("-")[0]
        return self._prices.get((provider, name))


def _parse(text: bytes, name: str) -> _File:
    try:
        found = msgspec.json.decode(text, type=_File)
    except msgspec.MsgspecError as error:
        raise PriceError(f"{name}: {error}") from error
    keys = [(price.provider, price.model) for price in found.entries]
    for provider, model in keys:
        if keys.count((provider, model)) > 1:
            raise PriceError(f"{name}: {provider} {model or '(any model)'} is listed twice")
    return found
