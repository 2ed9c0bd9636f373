"""Checks a decoded `speech_json`: every problem with its path, unknown keys among them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from flows.problems import Problem
from flows.speech import PROVIDERS, Eagerness, FallbackKind

_LANGUAGE = re.compile(r"[a-z]{2}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}", re.ASCII)

_Check = Callable[[str, Any], Iterator[Problem]]


def check_speech(path: str, value: Any) -> Iterator[Problem]:
    """Find what is wrong.

    Args:
        path: Where the value stands, e.g. `speech_json`.
        value: The decoded JSON.
    """
    yield from _check_keys(path, value, _SPEECH)


def _check_keys(path: str, value: Any, checks: Mapping[str, _Check]) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be an object", "wrong_type")
        return
    for key, each in value.items():
        if key in checks:
            yield from checks[key](f"{path}.{key}", each)
        else:
            yield Problem(f"{path}.{key}", f"is not known here; known are {', '.join(checks)}", "unknown_key")


def _number(least: float, most: float, *, whole: bool = False) -> _Check:
    def check(path: str, value: Any) -> Iterator[Problem]:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or (whole and value != int(value)):
            yield Problem(path, "must be a whole number" if whole else "must be a number", "wrong_type")
        elif not least <= value <= most:
            yield Problem(path, f"must be {least} to {most}", "out_of_range")

    return check


def _one_of(names: tuple[str, ...]) -> _Check:
    def check(path: str, value: Any) -> Iterator[Problem]:
        if value not in names:
            yield Problem(path, f"must be one of {', '.join(names)}", "unknown_value")

    return check


def _matching(pattern: re.Pattern[str], what: str) -> _Check:
    def check(path: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield Problem(path, f"must be {what}", "invalid_value")

    return check


def _check_flag(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem(path, "must be true or false", "wrong_type")


def _check_providers(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, list) or not value:
        yield Problem(path, "must be a list of at least one provider", "wrong_type")
        return
    for index, name in enumerate(value):
        place = f"{path}[{index}]"
        if name not in PROVIDERS:
            yield Problem(place, f"must be one of {', '.join(PROVIDERS)}", "unknown_provider")
        elif name in value[:index]:
            yield Problem(place, f"{name} is named twice", "duplicate")


def _check_fallback(path: str, value: Any) -> Iterator[Problem]:
    yield from _check_keys(path, value, _FALLBACK)
    if not isinstance(value, dict):
        return
    if "do" not in value:
        yield Problem(f"{path}.do", f"must be one of {', '.join(get_args(FallbackKind))}", "missing")
    elif value["do"] == "transfer" and "target" not in value:
        yield Problem(f"{path}.target", "must name a key of transfer_map_json", "missing")
    elif value["do"] != "transfer" and "target" in value:
        yield Problem(f"{path}.target", "has a meaning with transfer only", "out_of_place")


def _check_target(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem(path, "must be text", "wrong_type")


def _check_turns(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be an object", "wrong_type")
        return
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _TURNS:
        yield Problem(f"{path}.type", f"must be one of {', '.join(_TURNS)}", "unknown_value")
        return
    yield from _check_keys(path, {key: each for key, each in value.items() if key != "type"}, _TURNS[kind])


def _check_models(path: str, value: Any) -> Iterator[Problem]:
    name = _matching(_MODEL, "the name of a model")
    yield from _check_keys(path, value, dict.fromkeys(PROVIDERS, name))


_SPEECH: Mapping[str, _Check] = {
    "providers": _check_providers,
    "fallback": _check_fallback,
    "interruption": lambda path, value: _check_keys(path, value, _INTERRUPTION),
    "greeting_interruptible": _check_flag,
    "language": _matching(_LANGUAGE, "an ISO 639-1 code of two small letters, like en"),
    "turn_detection": _check_turns,
    "model": _check_models,
}
_FALLBACK: Mapping[str, _Check] = {"do": _one_of(get_args(FallbackKind)), "target": _check_target}
_INTERRUPTION: Mapping[str, _Check] = {
    "threshold_dbfs": _number(-60, -10),
    "min_speech_ms": _number(20, 1000, whole=True),
}
_TURNS: Mapping[str, Mapping[str, _Check]] = {
    "server_vad": {
        "threshold": _number(0, 1),
        "prefix_padding_ms": _number(0, 5000, whole=True),
        "silence_duration_ms": _number(50, 10_000, whole=True),
    },
    "semantic_vad": {"eagerness": _one_of(get_args(Eagerness))},
}
