"""The JSON that a flow carries inside strings: parsed, checked, each problem with its path.

The published contract types these fields as strings; what stands in them is ours to define (docs/flows in
the served OpenAPI document): tools are a list of function definitions, the transfer maps are objects from a
key to a target, `speech_json` is described in `flows.speech`, hours and holidays in `flows.hours`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flows.hours_check import check_business_hours, check_holidays
from flows.problems import Problem
from flows.speech import Speech, read_speech
from flows.speech_check import check_speech
from flows.zones import check_zone

MAX_TEXT = 262_144
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)


class FlowError(ValueError):
    """A flow that cannot be read; `problems` says why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.path}: {p.message}" for p in problems))
        self.problems = problems


def check_flow(fields: Mapping[str, object]) -> list[Problem]:
    """Check the fields that are present and have rules of their own, JSON-in-string ones above all.

    Args:
        fields: Any of the contract's FlowInput fields, by name; None counts as absent.

    Returns:
        Every problem found, in the order of the fields; empty when all is well.
    """
    problems = [
        problem
        for name, check in _CHECKS.items()
        if isinstance(text := fields.get(name), str)
        for problem in _check_text(name, text, check)
    ]
    if (timezone := fields.get("timezone")) is not None:
        problems += check_zone("timezone", timezone)
    transfers, speech = fields.get("transfer_map_json"), fields.get("speech_json")
    # What the fields say together can be judged once each is well by itself.
    if not problems and isinstance(transfers, str) and isinstance(speech, str):
        problems += check_together(parse_transfer_map(transfers), parse_speech(speech))
    return problems


def check_together(transfer_targets: Mapping[str, str], speech: Speech) -> list[Problem]:
    """Check what two fields say of each other: that the fallback's target is in the transfer map."""
    target = speech.fallback.target
    if target is None or target in transfer_targets:
        return []
    return [Problem("speech_json.fallback.target", "is no key of transfer_map_json", "unknown_target")]


def parse_transfer_map(text: str) -> dict[str, str]:
    """Read `transfer_map_json`: key → E.164 number.

    Raises:
        FlowError: Not an object of numbers.
    """
    value = parse_field("transfer_map_json", text, _check_transfer_map)
    return {key: target if isinstance(target, str) else target["number"] for key, target in value.items()}


def parse_speech(text: str | None) -> Speech:
    """Read `speech_json`; None is the default in everything.

    Raises:
        FlowError: Not what `flows.speech` describes.
    """
    return Speech() if text is None else read_speech(parse_field("speech_json", text, check_speech))


Check = Callable[[str, Any], Iterator[Problem]]
"""Takes where a value stands and the value; finds what is wrong with it."""


def parse_field(name: str, text: str, check: Check) -> Any:
    """Decode the JSON of one field.

    Args:
        name: The field's, where paths of problems begin.
        text: What stands in it.
        check: What it must pass.

    Raises:
        FlowError: It is no JSON, or the check finds problems.
    """
    if problems := list(_check_text(name, text, check)):
        raise FlowError(problems)
    return json.loads(text)


def _check_text(name: str, text: str, check: Check) -> Iterator[Problem]:
    if len(text) > MAX_TEXT:
        yield Problem(name, f"longer than {MAX_TEXT} characters", "too_long")
        return
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        # Python reads numbers past a float's range and halves of a surrogate pair; nobody could be sent them.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        yield Problem(name, f"not valid JSON: {error}", "invalid_json")
        return
    yield from check(name, value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return value


_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def _check_tools(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, "must be a list of tools", "wrong_type")
        return
    seen: set[str] = set()
    for index, tool in enumerate(value):
        yield from _check_tool(f"{path}[{index}]", tool, seen)


def _check_tool(path: str, tool: Any, seen: set[str]) -> Iterator[Problem]:
    if not isinstance(tool, dict):
        yield Problem(path, "must be an object", "wrong_type")
        return
    name = tool.get("name")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        yield Problem(f"{path}.name", "must be 1–64 letters, digits, '_' or '-'", "invalid_name")
    elif name in seen:
        yield Problem(f"{path}.name", f"{name} is defined twice", "duplicate")
    else:
        seen.add(name)
    if not isinstance(tool.get("description", ""), str):
        yield Problem(f"{path}.description", "must be text", "wrong_type")
    parameters = tool.get("parameters", _NO_PARAMETERS)
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        yield Problem(f"{path}.parameters", 'must be a JSON Schema with "type": "object"', "wrong_type")


def _check_transfer_map(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be an object from a key to a number", "wrong_type")
        return
    for key, target in value.items():
        number = target.get("number") if isinstance(target, dict) else target
        if not isinstance(number, str) or not _E164.fullmatch(number):
            yield Problem(
                f"{path}.{key}", "must be a number in E.164 form, like +15551234567", "invalid_number"
            )


def _check_object(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be an object", "wrong_type")


_CHECKS: dict[str, Check] = {
    "tools_json": _check_tools,
    "transfer_map_json": _check_transfer_map,
    "flow_transfer_map_json": _check_object,
    "outcome_schema_json": _check_object,
    "business_hours_json": check_business_hours,
    "holidays_json": check_holidays,
    "speech_json": check_speech,
}
