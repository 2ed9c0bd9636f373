"""The OpenAPI 3.1 document, generated from the bound operations."""

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from pydantic.json_schema import models_json_schema

from control_api.fields import Input, Output
from control_api.operation import BoundOperation
from control_api.sign_in import COOKIE
from control_api.table import JSON

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
_REF = "#/components/schemas/"
_ERROR_REF = {"$ref": f"{_REF}ErrorResponse"}
_ERROR_SCHEMA: Schema = {
    "type": "object",
    "description": "Every error. `error` and `code` are the same stable word; `details` name places to mend.",
    "properties": {
        "error": {"type": "string"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("path", "message", "code")},
                "required": ["path", "message", "code"],
            },
        },
        "request_id": {"type": "string"},
    },
    "required": ["error", "code", "message", "details", "request_id"],
}
_ERRORS = {
    400: "The request is not valid",
    401: "Not signed in",
    403: "Signed in, but the role does not allow it, or the request comes from another site",
    404: "Not there, or another org's",
    405: "The path has no such method",
    409: "At odds with what is stored",
    412: "If-Match names another version",
    413: "The body is too large",
    415: "The body is not application/json",
    416: "The range lies outside the file",
    500: "Something went wrong on our side",
    503: "Not possible at present",
}
_EXTRA_ERRORS = {
    "createNumber": (409,),
    "createOutboundCall": (409,),
    "updateFlow": (412,),
    "getCallRecording": (412, 416),
    "headCallRecording": (412,),
}
_HEADER_PARAMETERS: dict[str, dict[str, str]] = {
    "streamCallEvents": {"Last-Event-ID": "Number of the last event seen; the stream goes on after it"},
    "updateFlow": {"If-Match": "Change only if the flow still has this ETag"},
    "createOutboundCall": {"Idempotency-Key": "Send again with the same key: acts once within 24 h"},
    "getCallRecording": {"Range": "Part of the file, e.g. bytes=0-65535"},
}


def build_document(bound: Iterable[BoundOperation], version: str, public_url: str | None = None) -> Schema:
    """Return the document.

    Args:
        bound: the operations served.
        version: of the software.
        public_url: where it is served; left out when None.
    """
    shown = [each for each in bound if not each.operation.hidden]
    references, definitions = _schemas(shown)
    paths: dict[str, dict[str, Any]] = {}
    for each in shown:
        entry = paths.setdefault(each.operation.path, {})
        entry[each.operation.method.lower()] = _operation(each, references, definitions)
    document: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "HUM API",
            "version": version,
            "summary": "Configure, watch, search and act on phone calls with realtime speech models.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {"ErrorResponse": _ERROR_SCHEMA, **definitions},
            "securitySchemes": {
                "sessionCookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key, `hum_live_…`"},
            },
        },
    }
    if public_url is not None:
        document["servers"] = [{"url": public_url}]
    return document


def encode_document(document: Schema) -> bytes:
    """Return the document as served."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _schemas(shown: Iterable[BoundOperation]) -> tuple[dict[tuple[type, Mode], Schema], dict[str, Schema]]:
    wanted: dict[tuple[type[Input] | type[Output], Mode], None] = {}
    for each in shown:
        for model in (each.body, each.query, each.path):
            if model is not None:
                wanted[model, "validation"] = None
        if each.result is not None:
            wanted[each.result, "serialization"] = None
    references, top = models_json_schema(list(wanted), ref_template=_REF + "{model}")
    return dict(references), {name: tidy(schema) for name, schema in top.get("$defs", {}).items()}


def tidy(schema: Any) -> Any:
    """Rewrite pydantic's schemas into the plain style of the contract.

    Titles that only repeat names go, `anyOf` with null becomes a list of types, and a null default goes: it
    says "absent", which is not the same as null.
    """
    if isinstance(schema, list):
        return [tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {
        key: tidy(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))
    }
    if out.get("default", ...) is None:
        del out["default"]
    if "const" in out:
        out["enum"] = [out.pop("const")]
    options = out.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options and len(options) == 2:
        (other,) = (option for option in options if option != {"type": "null"})
        if isinstance(other.get("type"), str):
            del out["anyOf"]
            out |= other | {"type": [other["type"], "null"]}
            if "enum" in out:
                out["enum"] = [*out["enum"], None]
    return out


def _operation(
    each: BoundOperation, references: dict[tuple[type, Mode], Schema], definitions: dict[str, Schema]
) -> Schema:
    row = each.operation
    entry: Schema = {
        "operationId": row.id,
        "tags": [row.tag],
        "summary": row.summary,
        "description": each.doc,
        "x-hum-role": each.role,
        "security": [] if row.auth == "public" else [{"sessionCookie": []}, {"apiKey": []}],
        "parameters": _parameters(each, definitions),
        "responses": _responses(each, references),
    }
    if each.body is not None:
        content = {JSON: {"schema": references[each.body, "validation"]}}
        entry["requestBody"] = {"required": True, "content": content}
    return entry


def _parameters(each: BoundOperation, definitions: dict[str, Schema]) -> list[Schema]:
    found: list[Schema] = []
    for place, model in (("path", each.path), ("query", each.query)):
        if model is None:
            continue
        schema = definitions[model.__name__]
        for name, field in schema["properties"].items():
            required = place == "path" or name in schema.get("required", ())
            parameter = {"name": name, "in": place, "required": required}
            if "description" in field:
                parameter["description"] = field["description"]
            found.append({**parameter, "schema": _without_null(field)})
    for name, text in _HEADER_PARAMETERS.get(each.operation.id, {}).items():
        found.append(
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": text,
                "schema": {"type": "string"},
            }
        )
    return found


def _without_null(field: Schema) -> Schema:
    """A parameter is there or not; it is never null."""
    shape = {key: value for key, value in field.items() if key != "description"}
    if isinstance(shape.get("type"), list):
        (shape["type"],) = (kind for kind in shape["type"] if kind != "null")
    if "enum" in shape:
        shape["enum"] = [each for each in shape["enum"] if each is not None]
    options = [option for option in shape.pop("anyOf", []) if option != {"type": "null"}]
    return shape | (options[0] if options else {})


def _responses(each: BoundOperation, references: dict[tuple[type, Mode], Schema]) -> Schema:
    row = each.operation
    schema = {"type": "string"} if each.result is None else references[each.result, "serialization"]
    if row.id == "getOpenApi":
        schema = {"type": "object"}
    success: Schema = {"description": "Success", "content": {row.produces: {"schema": schema}}}
    responses: Schema = {str(row.success): success}
    if row.id == "getCallRecording":
        responses["206"] = {"description": "Part of the file", "content": {row.produces: {"schema": schema}}}
    if row.produces == "audio/wav" or row.id in ("getOpenApi", "getDocs"):
        responses["304"] = {"description": "Not changed"}
    statuses = [400, 404, 405, 500, 503, *_EXTRA_ERRORS.get(row.id, ())]
    statuses += [401, 403] if row.auth == "session" else []
    statuses += [413, 415] if each.body is not None else []
    for status in sorted(statuses):
        responses[str(status)] = {"description": _ERRORS[status], "content": {JSON: {"schema": _ERROR_REF}}}
    return responses


def names_in(path: str) -> list[str]:
    """Return the names in braces of a path."""
    return re.findall(r"\{(\w+)\}", path)
