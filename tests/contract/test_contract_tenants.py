"""Another org's things are not there: nothing is told of them, and nothing happens to them."""

from typing import Any

import pytest

from control_api.table import Operation
from tests.contract.requests import SESSION_OPERATIONS, WITH_ID, furnish, named, rows_of, sample
from tests.control_api.harness import Api

BY_ID = pytest.mark.parametrize("operation", WITH_ID, ids=lambda each: each.id)


def test_every_operation_with_an_id_is_in_the_matrix() -> None:
    assert {"getCall", "streamCallEvents", "updateFlow", "getCallRecording"} <= {each.id for each in WITH_ID}
    for operation in WITH_ID:
        assert operation.path.count("{") == 1, f"{operation.id}: name its other ids in the samples"
        assert named(operation)


@BY_ID
async def test_another_orgs_id_is_404_and_its_rows_stay(api: Api, operation: Operation):
    await furnish(api)
    before = await rows_of(api, api.theirs.org_id)
    assert before["calls"]
    assert before["call_events"]
    about_theirs = sample(operation, api.theirs)
    for headers in ({}, {"If-Match": '"v1"'}, {"Range": "bytes=0-1"}, {"Last-Event-ID": "1"}):
        response = await about_theirs.send(api, "admin", api.ours, headers=headers)
        assert response.status == 404
        if operation.method != "HEAD":
            error = await response.json()
            assert (error["code"], error["details"]) == ("not_found", [])
            assert api.theirs.org_id not in str(error)
        assert "ETag" not in response.headers
    assert await rows_of(api, api.theirs.org_id) == before
    assert (await about_theirs.send(api, "admin", api.theirs)).status == operation.success


@BY_ID
async def test_an_id_of_another_kind_or_of_nothing_is_404(api: Api, operation: Operation):
    await furnish(api)
    before = {tenant.org_id: await rows_of(api, tenant.org_id) for tenant in (api.ours, api.theirs)}
    good = sample(operation, api.ours)
    own = getattr(api.ours, named(operation))
    others = {api.ours.call_id, api.ours.flow_id, api.ours.number_id, api.ours.org_id, own.upper()} - {own}
    for each in others | {f"{own}0", own[:-1], "%25", "_" * len(own), "' OR 1=1 --"}:
        path = operation.path.format(id=each.replace("'", "%27").replace(" ", "%20"))
        body = {} if good.body is None else {"json": good.body}
        response = await api.call(operation.method, path, **body)
        assert response.status == 404, each
    for org_id, rows in before.items():
        after = await rows_of(api, org_id)
        assert {**after, "api_keys": []} == {**rows, "api_keys": []}  # the asker's key notes its use


IDS_IN_BODIES = [
    ("createFlow", {"caller_id_number_id": "number_id"}),
    ("updateFlow", {"caller_id_number_id": "number_id"}),
    ("createNumber", {"flow_id": "flow_id"}),
    ("updateNumber", {"flow_id": "flow_id"}),
    ("createOutboundCall", {"flow_id": "flow_id"}),
    ("createOutboundCall", {"caller_id_number_id": "number_id"}),
]


@pytest.mark.parametrize(("name", "field"), IDS_IN_BODIES)
async def test_another_orgs_id_in_a_body_is_refused(api: Api, name: str, field: dict[str, str]):
    (operation,) = [each for each in SESSION_OPERATIONS if each.id == name]
    before = {tenant.org_id: await rows_of(api, tenant.org_id) for tenant in (api.ours, api.theirs)}
    for tenant, status in ((api.theirs, 400), (api.ours, operation.success)):
        changes: dict[str, Any] = {key: getattr(tenant, value) for key, value in field.items()}
        response = await sample(operation, api.ours, **changes).send(api, "admin")
        assert response.status == status
        if status == 400:
            assert [each["path"] for each in (await response.json())["details"]] == list(field)
            for org_id, rows in before.items():
                after = await rows_of(api, org_id)
                assert {**after, "api_keys": []} == {**rows, "api_keys": []}


async def test_lists_hold_ones_own_things_only(api: Api):
    await furnish(api)
    lists = [each for each in SESSION_OPERATIONS if each.id.startswith("list")]
    assert len(lists) >= 4
    foreign = {api.theirs.call_id, api.theirs.flow_id, api.theirs.number_id, api.theirs.org_id}
    for operation in lists:
        text = await (await sample(operation, api.ours).send(api, "admin")).text()
        assert not any(each in text for each in foreign), operation.id
