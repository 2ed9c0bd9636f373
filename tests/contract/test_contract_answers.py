"""What operations answer is what the document says they answer."""

from typing import Any

import jsonschema_rs
import pytest

from control_api.table import OPERATIONS, Operation
from store import calls
from tests.contract.reading import document, entries, resolved
from tests.contract.requests import furnish, sample
from tests.control_api.harness import Api, seed_events

SHOWN = [each for each in OPERATIONS if not each.hidden]
EVERY = pytest.mark.parametrize("operation", SHOWN, ids=lambda each: each.id)


def check(schema: Any, value: Any) -> None:
    jsonschema_rs.validator_for(resolved(schema), validate_formats=True).validate(value)


def test_the_document_is_openapi_3_1() -> None:
    assert document()["openapi"] == "3.1.0"
    assert len(document()["paths"]) > 10
    for name, (_, path, entry) in entries().items():
        assert entry["summary"], name
        assert entry["description"], name
        names = [each["name"] for each in entry["parameters"] if each["in"] == "path"]
        assert names == [part[1:-1] for part in path.split("/") if part.startswith("{")]
        for response in entry["responses"].values():
            for media in response.get("content", {}).values():
                jsonschema_rs.validator_for(resolved(media["schema"]))


@EVERY
async def test_success_is_as_declared(api: Api, operation: Operation):
    await furnish(api)
    response = await sample(operation, api.ours).send(api, "admin")
    declared = entries()[operation.id][2]["responses"][str(response.status)]
    assert response.status == operation.success
    assert response.content_type in declared["content"]
    if response.content_type == "application/json":
        check(declared["content"]["application/json"]["schema"], await response.json())


@EVERY
async def test_refusals_are_as_declared(api: Api, operation: Operation):
    """Whatever status comes, it is declared, and its body is the envelope."""
    await furnish(api)
    good = sample(operation, api.ours)
    absent = operation.path.replace("{id}", "none")
    seen = set()
    for role, path, options in (
        (None, good.path, {"json": good.body}),
        ("viewer", good.path, {"json": good.body}),
        ("admin", absent, {"json": good.body}),
        ("admin", good.path, {"data": b"{", "headers": {"Content-Type": "application/json"}}),
        ("admin", good.path, {"data": b"{}", "headers": {"Content-Type": "text/plain"}}),
        ("admin", f"{good.path}?limit=x&cursor=x", {}),
        ("admin", good.path, {"json": good.body, "headers": {"If-Match": '"v0"', "Range": "bytes=9999-"}}),
        ("admin", good.path, {"json": good.body, "headers": {"If-Match": '"v0"'}}),
        ("admin", good.path, {"json": good.body, "headers": {"If-Match": "nonsense", "Range": "rubbish"}}),
        ("admin", good.path, {"headers": {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}}),
        ("admin", good.path, {"headers": {"Range": "bytes=9999-"}}),
        ("admin", good.path, {"headers": {"Expect": "magic"}}),
        ("admin", good.path, {"json": good.body, "headers": {"Idempotency-Key": "\t"}}),
    ):
        sent = {key: value for key, value in options.items() if value is not None}
        response = await api.call(operation.method, path, role=role, **sent)
        declared = entries()[operation.id][2]["responses"]
        assert str(response.status) in declared
        if response.status >= 400 and operation.method != "HEAD":
            seen.add(response.status)
            check(
                declared[str(response.status)]["content"]["application/json"]["schema"], await response.json()
            )
    assert operation.auth == "public" or operation.method == "HEAD" or 401 in seen


async def test_a_call_with_everything_is_as_declared(api: Api):
    await seed_events(api, api.ours.call_id)
    async with api.database.write() as conn:
        await calls.update_call(
            conn,
            api.ours.org_id,
            api.ours.call_id,
            summary="Booked",
            outcome={"booked": True},
            voicemail=None,
            usage={
                "cost_cents": 1.25,
                "prices_as_of": "2026-11-24",
                "providers": {"openai": {"input_tokens": 1}},
            },
            task_context={"a": [1]},
        )
    answer = await api.json("GET", f"/api/calls/{api.ours.call_id}")
    schema = entries()["getCall"][2]["responses"]["200"]["content"]["application/json"]["schema"]
    check(schema, answer)
    assert answer["tools"]
    assert answer["transcript"]
    with pytest.raises(jsonschema_rs.ValidationError):
        check(schema, answer | {"more": 1})
    with pytest.raises(jsonschema_rs.ValidationError):
        check(schema, {key: value for key, value in answer.items() if key != "transcript"})
