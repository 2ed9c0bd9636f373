"""The published contract and the document we serve, brought into one form so that they can be compared."""

import functools
import json
from pathlib import Path
from typing import Any

from control_api.application import bound_operations, openapi_document
from control_api.operation import BoundOperation

Schema = dict[str, Any]
_PROSE = frozenset({"description", "title", "summary", "example", "examples", "$comment", "deprecated"})
_NAMES = frozenset({"properties", "$defs", "patternProperties"})


@functools.cache
def contract() -> dict[str, dict[str, Any]]:
    """The contract's operations by id."""
    text = Path(__file__).with_name("contract.json").read_text(encoding="utf-8")
    operations = json.loads(text)["operations"]
    return {each["operation_id"]: each for each in operations}


@functools.cache
def served() -> dict[str, BoundOperation]:
    """The operations we serve by id."""
    return {each.operation.id: each for each in bound_operations()}


@functools.cache
def document() -> Schema:
    """The document we serve."""
    return openapi_document("9.9.9")


def entries() -> dict[str, tuple[str, str, Schema]]:
    """What the document says of each operation: id to (METHOD, path, entry)."""
    found = {}
    for path, item in document()["paths"].items():
        for method, entry in item.items():
            assert entry["operationId"] not in found, entry["operationId"]
            found[entry["operationId"]] = (method.upper(), path, entry)
    return found


def resolved(schema: Any) -> Any:
    """Replace references into the document's components by what they point at."""
    if isinstance(schema, list):
        return [resolved(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return resolved(document()["components"]["schemas"][name] | beside)
    return {key: resolved(value) for key, value in schema.items()}


def canonical(schema: Any) -> Any:
    """Return the one way to write a schema: no prose, null as a type, unordered lists in order."""
    if isinstance(schema, list):
        return [canonical(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key in _NAMES:
            out[key] = {name: canonical(each) for name, each in value.items()}
        elif key in ("default", "const", "enum"):
            out[key] = value  # data, not a schema
        elif key not in _PROSE:
            out[key] = canonical(value)
    return _one_way(out)


def _one_way(out: Schema) -> Schema:
    if out.pop("nullable", False):
        out["type"] = [out["type"], "null"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    if "const" in out:
        out["enum"] = [out.pop("const")]
    options = out.get("anyOf", [])
    if len(options) == 2 and {"type": "null"} in options:
        (other,) = [each for each in options if each != {"type": "null"}]
        if isinstance(other.get("type"), str):
            del out["anyOf"]
            out |= other | {"type": [other["type"], "null"]}
    if isinstance(out.get("type"), list):
        kinds = sorted(set(out["type"]))
        out["type"] = kinds if len(kinds) > 1 else kinds[0]
    for key in ("required", "enum"):
        if key in out:
            out[key] = sorted(set(out[key]), key=repr)
    if out.get("additionalProperties") is True:
        del out["additionalProperties"]
    if out.get("required") == []:
        del out["required"]
    return out
