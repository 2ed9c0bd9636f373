"""Who may do what: every operation, asked by everybody."""

import pytest

from control_api.table import OPERATIONS, Operation
from tests.contract.reading import entries, served
from tests.contract.requests import furnish, rows_of, sample
from tests.control_api.harness import ROLES, Api

LEAST_ROLE = {
    "getHealth": "public",
    "getReadiness": "public",
    "getMetrics": "public",
    "getOpenApi": "public",
    "getDocs": "public",
    "getDocsFile": "public",
    "getCurrentUser": "viewer",
    "listCalls": "viewer",
    "getCall": "viewer",
    "streamCallEvents": "viewer",
    "getCallRecording": "viewer",
    "headCallRecording": "viewer",
    "listFlows": "viewer",
    "createFlow": "admin",
    "getFlow": "viewer",
    "updateFlow": "admin",
    "listNumbers": "viewer",
    "createNumber": "admin",
    "updateNumber": "admin",
    "listOutboundCalls": "viewer",
    "createOutboundCall": "operator",
}
EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)


def test_the_role_table_names_every_operation() -> None:
    assert {name: each.role for name, each in served().items()} == LEAST_ROLE
    assert {name: entry["x-hum-role"] for name, (_, _, entry) in entries().items()} == {
        name: role for name, role in LEAST_ROLE.items() if not served()[name].operation.hidden
    }


def expected(operation: Operation, asker: str | None) -> int:
    least = LEAST_ROLE[operation.id]
    if least == "public":
        return operation.success
    if asker not in ROLES:
        return 401
    return operation.success if ROLES.index(asker) >= ROLES.index(least) else 403


@EVERY
async def test_everybody_gets_what_their_role_allows(api: Api, operation: Operation):
    await furnish(api)
    before = await rows_of(api, api.ours.org_id)
    for asker in (None, "revoked", *ROLES):
        wanted = expected(operation, asker)
        response = await sample(operation, api.ours).send(api, asker)
        assert response.status == wanted, asker
        if wanted in (401, 403) and operation.method != "HEAD":
            assert (await response.json())["code"] == {401: "unauthorized", 403: "forbidden"}[wanted]
        if wanted in (401, 403):
            after = await rows_of(api, api.ours.org_id)
            assert {**after, "api_keys": []} == {**before, "api_keys": []}, asker
            assert ("WWW-Authenticate" in response.headers) == (wanted == 401)


@EVERY
async def test_a_browser_session_is_worth_its_role_as_well(api: Api, operation: Operation):
    await furnish(api)
    for role in ROLES:
        cookies = {"bh_hum_session": api.ours.cookies[role]}
        response = await sample(operation, api.ours).send(api, None, cookies=cookies)
        assert response.status == expected(operation, role), role


@EVERY
async def test_sign_in_comes_before_what_is_asked(api: Api, operation: Operation):
    """Whoever is not signed in learns nothing: not what exists, not what is valid."""
    if operation.auth == "public":
        return
    path = operation.path.replace("{id}", "none")
    response = await api.call(operation.method, f"{path}?limit=x", role=None, data=b"{")
    assert response.status == 401
