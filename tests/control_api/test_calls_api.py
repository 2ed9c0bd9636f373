"""Listing and showing calls."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import calls
from tests.control_api.harness import NOW, PUBLIC_URL, Api, record, seed_events

ISO_MS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def add_calls(api: Api, count: int, **fields: object) -> list[str]:
    ids = []
    async with api.database.write() as conn:
        for number in range(count):
            values = {
                "direction": "inbound",
                "status": "completed",
                "from_number": f"+1555{number:07}",
                "to_number": "+15559999999",
                "created_at": NOW + timedelta(seconds=1 + number // 2),
            } | fields
            ids.append((await calls.create_call(conn, api.ours.org_id, calls.NewCall(**values))).id)
    return ids


async def ids_of(api: Api, path: str, **options: object) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        separator = "&" if "?" in path else "?"
        page = await api.json("GET", path + (f"{separator}cursor={cursor}" if cursor else ""), **options)
        assert set(page) == {"items", "next_cursor"}
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    return seen


@pytest.mark.parametrize("limit", [1, 2, 5, 200])
async def test_pages_hold_every_call_once_newest_first(api_on_both: Api, limit: int):
    api = api_on_both
    ids = await add_calls(api, 11)
    seen = await ids_of(api, f"/api/calls?limit={limit}")
    assert sorted(seen) == sorted([*ids, api.ours.call_id])
    assert seen[-1] == api.ours.call_id
    assert await ids_of(api, f"/api/calls?limit={limit}", tenant=api.theirs) == [api.theirs.call_id]


async def test_the_default_page_holds_fifty(api: Api):
    await add_calls(api, 60)
    page = await api.json("GET", "/api/calls")
    assert len(page["items"]) == 50
    assert page["next_cursor"]


async def test_a_call_in_the_list_is_shown_as_promised(api: Api):
    (item,) = (await api.json("GET", "/api/calls", role="viewer"))["items"]
    assert item["from_number"] == "+15551230000"
    assert item["created_at"] == "2026-11-24T09:00:00.000Z"
    assert item["ended_at"] is None
    assert item["recording_url"] is None
    assert item["read"] is False
    assert (item["flow_id"], item["number_id"]) == (api.ours.flow_id, api.ours.number_id)


async def test_filters_reach_the_store(api: Api):
    (outbound,) = await add_calls(api, 1, direction="outbound", status="failed", to_number="+4940123%")
    await add_calls(api, 2)
    assert await ids_of(api, "/api/calls?direction=outbound") == [outbound]
    assert await ids_of(api, "/api/calls?status=failed") == [outbound]
    assert await ids_of(api, "/api/calls?q=%25") == [outbound]
    assert await ids_of(api, "/api/calls?q=%2B4940") == [outbound]
    assert await ids_of(api, "/api/calls?until=2026-11-24T10:00:00%2B01:00") == []
    assert await ids_of(api, "/api/calls?until=2026-11-24T09:00:00.001Z") == [api.ours.call_id]
    assert len(await ids_of(api, "/api/calls?since=2026-11-24t09:00:01z&limit=1")) == 3
    assert len(await ids_of(api, "/api/calls?q=&unknown=1&unknown=2")) == 4


async def test_unread_is_the_askers_own(api: Api):
    async with api.database.write() as conn:
        await calls.mark_read(conn, api.ours.org_id, api.ours.call_id, api.ours.users["viewer"], NOW)
    cookie = {"bh_hum_session": api.ours.cookies["viewer"]}
    page = await api.json("GET", "/api/calls?read=unread", role=None, cookies=cookie)
    assert page["items"] == []
    (item,) = (await api.json("GET", "/api/calls", role=None, cookies=cookie))["items"]
    assert item["read"] is True
    assert await ids_of(api, "/api/calls?read=unread") == [api.ours.call_id]


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ("limit=0", "query.limit", "greater_than_equal"),
        ("limit=201", "query.limit", "less_than_equal"),
        ("limit=", "query.limit", "value_error"),
        ("limit=1.0", "query.limit", "value_error"),
        ("limit=%2B1", "query.limit", "value_error"),
        ("limit=1_0", "query.limit", "value_error"),
        ("limit=%D9%A1", "query.limit", "value_error"),
        ("limit=" + "9" * 40, "query.limit", "value_error"),
        ("limit=1&limit=1", "query.limit", "duplicate"),
        ("direction=sideways", "query.direction", "literal_error"),
        ("direction=Inbound", "query.direction", "literal_error"),
        ("read=read", "query.read", "literal_error"),
        ("since=yesterday", "query.since", "value_error"),
        ("since=2026-11-24", "query.since", "value_error"),
        ("since=2026-11-24T09:00:00", "query.since", "value_error"),
        ("since=2026-02-30T09:00:00Z", "query.since", "value_error"),
        ("since=0001-01-01T00:00:00%2B01:00", "query.since", "value_error"),
        ("until=1764000000", "query.until", "value_error"),
        ("q=%00", "query.q", "value_error"),
        ("cursor=", "query.cursor", "invalid_cursor"),
        ("cursor=x", "query.cursor", "invalid_cursor"),
        ("cursor=%FF", "query.cursor", "invalid_cursor"),
        ("cursor=" + "A" * 500, "query.cursor", "invalid_cursor"),
    ],
)
async def test_bad_queries_are_400_with_the_place(api: Api, query: str, path: str, code: str):
    error = await api.json("GET", f"/api/calls?{query}", status=400)
    assert [(detail["path"], detail["code"]) for detail in error["details"]] == [(path, code)]


async def test_a_cursor_is_good_for_its_org_and_filter_only(api: Api):
    await add_calls(api, 3)
    cursor = (await api.json("GET", "/api/calls?limit=1&status=completed"))["next_cursor"]
    assert await api.json("GET", f"/api/calls?limit=2&status=completed&cursor={cursor}")
    for query, tenant in (
        ("status=failed", api.ours),
        ("", api.ours),
        ("status=completed&q=1", api.ours),
        ("status=completed", api.theirs),
    ):
        error = await api.json("GET", f"/api/calls?{query}&cursor={cursor}", tenant=tenant, status=400)
        assert error["details"][0]["code"] == "invalid_cursor"
    middle = len(cursor) // 2
    changed = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    await api.json("GET", f"/api/calls?status=completed&cursor={changed}", status=400)


async def test_a_call_is_shown_with_its_conversation(api_on_both: Api, tmp_path: Path):
    api = api_on_both
    await seed_events(api, api.ours.call_id)
    await record(api, api.ours, tmp_path / "recordings")
    call = await api.json("GET", f"/api/calls/{api.ours.call_id}", role="viewer")
    assert [(line["party"], line["text"]) for line in call["transcript"]] == [
        ("agent", "Hello"),
        ("caller", "I want to book"),
        ("agent", "Booked for Tuesday at nine"),
    ]
    assert [(line["heard_ms"], line["interrupted"]) for line in call["transcript"]] == [
        (900, False),
        (None, False),
        (700, True),
    ]
    assert [
        (use["name"], use["status"], use["result"], use["error"], use["took_ms"]) for use in call["tools"]
    ] == [
        ("book", "done", {"ok": True}, None, 12),
        ("look_up", "failed", None, "no such thing", 3),
        ("wait", "running", None, None, None),
    ]
    assert call["tools"][0]["arguments"] == {"day": "Tuesday"}
    assert call["events"] == 11
    assert call["recording_url"] == f"{PUBLIC_URL}/api/calls/{api.ours.call_id}/recording"
    assert all(ISO_MS.fullmatch(line["at"]) for line in call["transcript"])


@pytest.mark.parametrize("call_id", ["call_none", "%2e", "%00", "x" * 300, "call_%F0%9F%98%80", "%ED%A0%80"])
async def test_calls_that_are_not_there(api: Api, call_id: str):
    response = await api.call("GET", f"/api/calls/{call_id}")
    assert response.status in (400, 404)
    assert (await response.json())["code"] in ("invalid_request", "not_found")


async def test_times_are_written_in_utc_with_milliseconds(api: Api):
    async with api.database.write() as conn:
        await calls.update_call(
            conn,
            api.ours.org_id,
            api.ours.call_id,
            scheduled_at=datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC),
        )
    call = await api.json("GET", f"/api/calls/{api.ours.call_id}")
    assert call["scheduled_at"] == "2026-01-02T03:04:05.678Z"
