"""What a flow says about speech: who speaks, how turns are told apart, what happens when nobody can speak.

It stands as JSON in the field `speech_json`; every key may be left out:

    {"providers": ["openai", "gemini"],
     "fallback": {"do": "transfer", "target": "front_desk"},
     "interruption": {"threshold_dbfs": -38, "min_speech_ms": 40},
     "greeting_interruptible": true,
     "language": "en",
     "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
     "model": {"openai": "gpt-realtime-2.1-mini"}}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

Provider = Literal["openai", "gemini", "elevenlabs"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
"""The names of the providers a flow may ask for."""

FallbackKind = Literal["apologise", "voicemail", "transfer"]
Eagerness = Literal["low", "medium", "high", "auto"]


@dataclass(frozen=True, slots=True)
class Interruption:
    """What counts as the caller cutting in while the agent speaks.

    Attributes:
        threshold_dbfs: Level the caller's audio must reach, −60 to −10.
        min_speech_ms: How long it must last, 20 to 1000.
    """

    threshold_dbfs: float = -38.0
    min_speech_ms: int = 40


@dataclass(frozen=True, slots=True)
class Fallback:
    """What happens to the caller when no provider can speak, or go on speaking.

    Attributes:
        do: Say sorry and hang up, take a message, or pass the caller to a person.
        target: Key of the transfer map, with `transfer` only.
        number_e164: The target's number, known once the call is planned.
    """

    do: FallbackKind = "apologise"
    target: str | None = None
    number_e164: str | None = None


@dataclass(frozen=True, slots=True)
class EnergyTurns:
    """The caller's turn ends with a silence.

    Attributes:
        threshold: How sure the detector must be of speech, 0 to 1.
        prefix_padding_ms: Audio kept from before the speech began, 0 to 5000.
        silence_duration_ms: Silence that ends the turn, 50 to 10 000.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


@dataclass(frozen=True, slots=True)
class MeaningTurns:
    """The caller's turn ends when it sounds finished; `eagerness` says how soon the agent believes that."""

    eagerness: Eagerness = "auto"


TurnDetection = EnergyTurns | MeaningTurns


@dataclass(frozen=True, slots=True)
class Speech:
    """All a flow says about speech.

    Attributes:
        providers: In the order they are tried; empty when the flow leaves it to others.
        fallback: What happens when none of them can speak.
        interruption: What counts as cutting in.
        greeting_interruptible: Whether the caller can cut the greeting.
        language: ISO 639-1 code of what the caller speaks, or None to detect.
        turn_detection: None for the default.
        models: By provider; where there is none, the provider's default.
    """

    providers: tuple[str, ...] = ()
    fallback: Fallback = Fallback()
    interruption: Interruption = Interruption()
    greeting_interruptible: bool = True
    language: str | None = None
    turn_detection: TurnDetection | None = None
    models: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def read_speech(value: Mapping[str, Any]) -> Speech:
    """Read a decoded `speech_json` in which `flows.speech_check` finds no problem."""
    return Speech(
        providers=tuple(value.get("providers", ())),
        fallback=Fallback(**value.get("fallback", {})),
        interruption=Interruption(**_numbers(value.get("interruption", {}))),
        greeting_interruptible=value.get("greeting_interruptible", True),
        language=value.get("language"),
        turn_detection=_turn_detection(value.get("turn_detection")),
        models=MappingProxyType(dict(value.get("model", {}))),
    )


def _turn_detection(value: Mapping[str, Any] | None) -> TurnDetection | None:
    if value is None:
        return None
    given = {key: each for key, each in value.items() if key != "type"}
    return MeaningTurns(**given) if value["type"] == "semantic_vad" else EnergyTurns(**_numbers(given))


def _numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has one type of numbers: 40.0 ms are 40."""
    return {name: float(n) if name.startswith("threshold") else int(n) for name, n in given.items()}
