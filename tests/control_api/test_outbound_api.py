"""Placing calls: what is written together, from which number, and only once per key."""

import asyncio
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from sqlalchemy import text

from store import call_events as ce
from store import idempotency, jobs, numbers
from tests.control_api.harness import Api, Tenant

TO = "+4930987654"


async def place(api: Api, *, status: int = 200, headers: dict[str, str] | None = None, **body: object):
    sent = {"flow_id": api.ours.flow_id, "to": TO} | body
    return await api.json(
        "POST", "/api/outbound/calls", role="operator", json=sent, status=status, headers=headers
    )


async def counts(api: Api) -> tuple[int, int, int]:
    async with api.database.read() as conn:
        return tuple(
            [
                (await conn.execute(text(f"SELECT count(*) FROM {table} WHERE {where}"))).scalar_one()
                for table, where in (
                    ("calls", "direction = 'outbound'"),
                    ("call_events", "1=1"),
                    ("jobs", "1=1"),
                )
            ]
        )


async def test_a_call_its_first_event_and_the_job_are_written_together(api_on_both: Api):
    api = api_on_both
    with api.services.bus.listen("jobs") as bell:
        call = await place(api, task_context={"why": ["x", None]}, force=True)
        assert await bell.wait(0.1)
    assert (call["status"], call["direction"], call["to_number"], call["from_number"]) == (
        "queued",
        "outbound",
        TO,
        "+15550000001",
    )
    assert (call["flow_id"], call["flow_version"], call["number_id"]) == (
        api.ours.flow_id,
        1,
        api.ours.number_id,
    )
    async with api.database.write() as conn:
        job = await jobs.claim(conn, ["place_call"], datetime.now(UTC) + timedelta(seconds=1), 30)
    assert job is not None
    assert (job.org_id, job.payload) == (api.ours.org_id, {"call_id": call["id"]})
    (logged,) = await api.services.event_log.read(api.ours.org_id, call["id"])
    assert logged.event == ce.CallQueued(to_number=TO, flow_id=api.ours.flow_id)
    shown = await api.json("GET", f"/api/calls/{call['id']}")
    assert shown["task_context"] == {"why": ["x", None]}
    assert [item["id"] for item in (await api.json("GET", "/api/outbound/calls"))["items"]] == [call["id"]]
    assert (await api.json("GET", "/api/outbound/calls", tenant=api.theirs))["items"] == []


async def test_nothing_is_left_when_a_part_cannot_be_written(api_on_both: Api):
    api = api_on_both
    with mock.patch.object(jobs, "enqueue", side_effect=ZeroDivisionError):
        from structlog.testing import capture_logs

        with capture_logs():
            await place(api, status=500)
    assert await counts(api) == (0, 0, 0)


async def add_number(api: Api, tenant: Tenant, digit: int) -> str:
    async with api.database.write() as conn:
        return (await numbers.create_number(conn, tenant.org_id, f"PN9{digit}", f"+4989000{digit}")).id


async def test_the_number_to_call_from(api: Api):
    second, third = await add_number(api, api.ours, 2), await add_number(api, api.ours, 3)
    assert (await place(api))["number_id"] == api.ours.number_id, "the org's oldest"
    await api.json(
        "PATCH", f"/api/flows/{api.ours.flow_id}", json={"name": "x", "caller_id_number_id": second}
    )
    assert (await place(api))["number_id"] == second, "the flow's"
    assert (await place(api, caller_id_number_id=None))["number_id"] == second
    assert (await place(api, caller_id_number_id=third))["number_id"] == third, "the one asked for"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"flow_id": "flow_none"}, "flow_id"),
        ({"flow_id": ""}, "flow_id"),
        ({"to": "911"}, "to"),
        ({"to": "+1\u0661\u0661\u0661\u0661\u0661\u0661\u0661"}, "to"),
        ({"caller_id_number_id": "num_none"}, "caller_id_number_id"),
        ({"task_context": []}, "task_context"),
        ({"task_context": None}, "task_context"),
        ({"force": 1}, "force"),
        ({"force": None}, "force"),
    ],
)
async def test_calls_that_cannot_be_placed(api: Api, change: dict[str, object], path: str):
    error = await place(api, status=400, **change)
    assert [detail["path"] for detail in error["details"]] == [path]
    assert await counts(api) == (0, 0, 0)


async def test_another_orgs_flow_and_number_are_not_ours(api: Api):
    for change in ({"flow_id": api.theirs.flow_id}, {"caller_id_number_id": api.theirs.number_id}):
        await place(api, status=400, **change)
    assert await counts(api) == (0, 0, 0)


async def test_an_org_without_numbers_cannot_call(api: Api):
    async with api.database.write() as conn:
        await conn.execute(text("DELETE FROM numbers"))
    error = await place(api, status=400)
    assert error["details"][0]["code"] == "no_number"


async def test_without_carrier_credentials_it_is_503(sqlite_url: str, tmp_path):
    from store.database import Database
    from tests.control_api.harness import serving

    database = await Database.open(sqlite_url)
    try:
        async with serving(database, tmp_path, place_calls_configured=False) as api:
            error = await place(api, status=503)
            assert error["code"] == "carrier_not_configured"
            assert "carrier credentials" in error["message"]
            assert await counts(api) == (0, 0, 0)
            await place(api, status=400, to="x")
    finally:
        await database.close()


async def test_a_key_acts_once(api_on_both: Api):
    api = api_on_both
    key = {"Idempotency-Key": "k" * 255}
    first = await place(api, headers=key, task_context={"a": 1, "b": 2})
    assert await place(api, headers=key, task_context={"b": 2, "a": 1}) == first
    reused = await place(api, headers=key, task_context={"a": 1}, status=409)
    assert reused["code"] == "idempotency_key_reused"
    assert await counts(api) == (1, 1, 1)
    assert (await place(api, headers={"Idempotency-Key": "other"}))["id"] != first["id"]
    # The same key of another org is another key.
    body = {"flow_id": api.theirs.flow_id, "to": TO}
    theirs = await api.json("POST", "/api/outbound/calls", json=body, headers=key, tenant=api.theirs)
    assert theirs["id"] != first["id"]
    assert await counts(api) == (3, 3, 3)


async def test_a_key_is_good_again_after_a_day(api: Api):
    key = {"Idempotency-Key": "k"}
    first = await place(api, headers=key)
    with mock.patch.object(idempotency, "KEPT", timedelta(0)):
        second = await place(api, headers=key, task_context={"new": True})
    assert second["id"] != first["id"]


async def test_of_requests_at_the_same_time_with_one_key_one_acts(api_on_both: Api):
    api = api_on_both
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(place(api, headers={"Idempotency-Key": "k"})) for _ in range(8)]
    assert len({task.result()["id"] for task in tasks}) == 1
    assert await counts(api) == (1, 1, 1)


async def test_a_refused_request_does_not_use_its_key(api: Api):
    key = {"Idempotency-Key": "k"}
    await place(api, headers=key, flow_id="flow_none", status=400)
    await place(api, headers=key)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "\u00e9"])
async def test_keys_that_are_none(api: Api, key: str):
    error = await place(api, headers={"Idempotency-Key": key}, status=400)
    assert error["details"][0]["path"] == "Idempotency-Key"
