"""Each served operation is the contract's own: where it is, who may ask, what it takes, what it answers."""

from collections import Counter
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from control_api.operation import BoundOperation
from control_api.table import CONTRACT_OPERATIONS, OPERATIONS
from tests.contract.pending import PENDING
from tests.contract.reading import canonical, contract, entries, resolved, served

OF_CONTRACT = sorted(contract().keys() & served().keys())
WITH_BODY = [name for name in OF_CONTRACT if "body" in contract()[name]]
ADDED_PARAMETERS = {
    "streamCallEvents": {("header", "Last-Event-ID"), ("query", "last_event_id")},
    "updateFlow": {("header", "If-Match")},
    "createOutboundCall": {("header", "Idempotency-Key")},
}
"""What our document takes beyond the contract; all of it may be left out."""
ADDED_FIELDS = {"createFlow": {"speech_json"}, "updateFlow": {"speech_json"}}
"""What our bodies take beyond the contract's; all of it may be left out."""


def test_the_contract_is_whole() -> None:
    assert len(contract()) == 118
    assert len({(each["method"], each["path"]) for each in contract().values()}) == 118


def test_every_operation_of_the_contract_is_served_or_pending_and_not_both() -> None:
    here = {each.id for each in CONTRACT_OPERATIONS}
    assert here & PENDING == set(), "served: take it off the list"
    assert here | PENDING == contract().keys()


def test_every_operation_is_bound_once() -> None:
    assert max(Counter(each.id for each in OPERATIONS).values()) == 1
    assert max(Counter((each.method, each.path) for each in OPERATIONS).values()) == 1
    assert served().keys() == {each.id for each in OPERATIONS}
    assert entries().keys() == {each.id for each in OPERATIONS if not each.hidden}
    handlers = Counter(each.handler for each in served().values())
    assert max(handlers.values()) == 1


def test_what_is_ours_takes_no_place_of_the_contract() -> None:
    places = {(each["method"], each["path"]) for each in contract().values()}
    for name in served().keys() - contract().keys():
        row = served()[name].operation
        assert (row.method, row.path) not in places, name


@pytest.mark.parametrize("name", OF_CONTRACT)
def test_place_sign_in_and_success_are_the_contracts(name: str) -> None:
    ours, theirs = served()[name].operation, contract()[name]
    method, path, entry = entries()[name]
    assert (ours.method, ours.path, ours.auth, ours.tag) == tuple(
        theirs[key] for key in ("method", "path", "auth", "tag")
    )
    assert (method, path, entry["tags"]) == (ours.method, ours.path, [ours.tag])
    assert (entry["security"] == []) == (theirs["auth"] == "public")
    assert (served()[name].role == "public") == (theirs["auth"] == "public")
    (status,) = [status for status in theirs["responses"] if status[0] in "23"]
    assert ours.success == int(status)
    assert [status for status in entry["responses"] if status[0] in "23"] == [status]
    assert set(entry["responses"][status]["content"]) == set(theirs["responses"][status])


def parameters(listed: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[bool, Any]]:
    return {
        (each["in"], each["name"]): (each.get("required", False), canonical(resolved(each["schema"])))
        for each in listed
    }


@pytest.mark.parametrize("name", OF_CONTRACT)
def test_parameters_are_the_contracts(name: str) -> None:
    ours = parameters(entries()[name][2]["parameters"])
    added = {key: ours.pop(key) for key in ADDED_PARAMETERS.get(name, set())}
    assert not any(required for required, _ in added.values())
    assert ours == parameters(contract()[name]["parameters"])


@pytest.mark.parametrize("name", OF_CONTRACT)
def test_bodies_are_the_contracts(name: str) -> None:
    entry, theirs = entries()[name][2], contract()[name].get("body")
    assert ("requestBody" in entry) == (theirs is not None)
    assert (served()[name].body is None) == (theirs is None)
    if theirs is not None:
        ours = entry["requestBody"]
        assert ours["required"] == theirs["required"]
        schemas = {kind: canonical(resolved(each["schema"])) for kind, each in ours["content"].items()}
        for schema in schemas.values():
            for field in ADDED_FIELDS.get(name, set()):
                assert field not in schema.get("required", [])
                del schema["properties"][field]
        assert schemas == {kind: canonical(schema) for kind, schema in theirs["content"].items()}


# ---- not only written alike: the models take what the contract's schemas take

AWKWARD: list[Any] = [
    None, True, False, 0, 1, 2, -1, 0.0, 1.0, 0.5, 10**30, "", " ", "0", "1", "true", "x", "X",
    "x" * 120, "x" * 121, "\U0001f600" * 120, "\U0001f600" * 121, "+15551234567", "+15551234567\n",
    " +15551234567", "+0155512345", "+1555123", "+15551234", "+155512345678901", "+1555123456789012",
    "15551234567", "+1555123456\u0661", "+\uff11\uff15551234567", "PN" + "0" * 32, "PN" + "aF" * 16,
    "PN" + "0" * 31, "PN" + "g" * 32, "pn" + "0" * 32, "PN" + "0" * 32 + "\n", "PN" + "\u0660" * 32,
    "inbound", "Inbound", "outbound", "openai", "gemini", "elevenlabs", "[]", "{}", [], [1], ["x"], {},
    {"a": {"b": [None]}}, {"": 1},
]  # fmt: skip


def takes(operation: BoundOperation, body: Any) -> bool:
    assert operation.body is not None
    try:
        operation.body.model_validate(body)
    except ValidationError:
        return False
    return True


def least(schema: dict[str, Any]) -> dict[str, Any]:
    """A body of the required fields only."""
    samples = [value for value in AWKWARD if isinstance(value, str)]
    body = {}
    for field in schema.get("required", []):
        check = jsonschema_rs.validator_for(schema["properties"][field]).is_valid
        body[field] = next(value for value in samples if value and check(value))
    return body


@pytest.mark.parametrize("name", WITH_BODY)
def test_bodies_are_taken_and_refused_as_by_the_contracts_schema(name: str) -> None:
    schema = contract()[name]["body"]["content"]["application/json"]
    valid = jsonschema_rs.validator_for(schema, validate_formats=True).is_valid
    good = least(schema)
    tried: list[Any] = [good, *AWKWARD, *({k: v for k, v in good.items() if k != left} for left in good)]
    tried += [good | {field: value} for field in schema["properties"] for value in AWKWARD]
    tried += [good | {"unknown field": value} for value in AWKWARD]
    verdicts = [(valid(body), takes(served()[name], body), body) for body in tried]
    assert [body for theirs, ours, body in verdicts if theirs != ours] == []
    assert {theirs for theirs, _, _ in verdicts} == {True, False}


@pytest.mark.parametrize("name", WITH_BODY)
def test_what_was_not_sent_is_not_taken_for_sent(name: str) -> None:
    model = served()[name].body
    assert model is not None
    good = least(contract()[name]["body"]["content"]["application/json"])
    assert model.model_validate(good | {"unknown field": 1}).given() == good


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": ["null", "string"]}, {"anyOf": [{"type": "string", "title": "T"}, {"type": "null"}]}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"const": 1}, {"enum": [1]}),
        ({"type": "object", "additionalProperties": True, "required": []}, {"type": "object"}),
    ],
)
def test_writing_a_schema_another_way_changes_nothing(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"type": "integer", "default": 1}, {"type": "integer"}),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}),
        ({"enum": ["a", None]}, {"enum": ["a"]}),
        ({"type": "string", "pattern": "^a$"}, {"type": "string", "pattern": "^a"}),
        ({"properties": {"description": {"type": "string"}}}, {"properties": {}}),
        ({"type": "object", "additionalProperties": False}, {"type": "object"}),
        ({"required": ["a"]}, {"required": ["a", "b"]}),
    ],
)
def test_what_differs_stays_different(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)
