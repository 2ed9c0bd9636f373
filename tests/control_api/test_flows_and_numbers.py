"""Configuring flows and numbers."""

import asyncio
import json

import pytest

from tests.control_api.harness import Api


async def test_a_flow_is_made_shown_and_listed(api_on_both: Api):
    api = api_on_both
    sent = {
        "name": "Desk",
        "kind": "outbound",
        "greeting": "Grüß Gott \U0001f600",
        "tools_json": '[{"name": "book"}]',
        "transfer_map_json": '{"desk": "+15550001111"}',
        "caller_id_number_id": api.ours.number_id,
        "provider": "openai",
        "unknown": {"ignored": True},
        "id": "flow_mine",
        "org_id": api.theirs.org_id,
    }
    response = await api.call("POST", "/api/flows", json=sent)
    flow = await response.json()
    assert response.status == 201
    assert response.headers["Location"] == f"/api/flows/{flow['id']}"
    assert response.headers["ETag"] == '"v1"'
    assert flow["id"] != "flow_mine"
    assert {name: flow[name] for name in sent if name in flow and name != "id"} == {
        name: value for name, value in sent.items() if name not in ("unknown", "id", "org_id")
    }
    assert (flow["version"], flow["voice"], flow["voicemail_enabled"], flow["business_hours_enabled"]) == (
        1,
        "alloy",
        1,
        0,
    )
    assert await api.json("GET", f"/api/flows/{flow['id']}", role="viewer") == flow
    listed = await api.json("GET", "/api/flows", role="viewer")
    assert listed["next_cursor"] is None
    assert [item["id"] for item in listed["items"]] == [api.ours.flow_id, flow["id"]]


NAME = {"name": "ours flow"}
"""The contract asks for the name in every change."""


async def test_a_patch_changes_what_it_names_and_null_is_not_absent(api: Api):
    path = f"/api/flows/{api.ours.flow_id}"
    first = await api.json(
        "PATCH", path, json=NAME | {"greeting": "Hi", "provider": "openai", "timezone": "UTC"}
    )
    assert (first["version"], first["greeting"], first["name"]) == (2, "Hi", "ours flow")
    second = await api.json("PATCH", path, json=NAME | {"provider": None})
    assert (second["version"], second["provider"], second["timezone"], second["greeting"]) == (
        3,
        None,
        "UTC",
        "Hi",
    )
    for body, mistaken in (
        (NAME | {"greeting": None}, "greeting"),
        ({}, "name"),
        ({"nothing": "known"}, "name"),
    ):
        error = await api.json("PATCH", path, json=body, status=400)
        assert [detail["path"] for detail in error["details"]] == [mistaken]
    assert await api.json("GET", path) == second


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"v1"', 200),
        ("*", 200),
        ('"v7", "v1"', 200),
        ('"v2"', 412),
        ('W/"v1"', 412),
        ("v1", 412),
        ('"V1"', 412),
        ("", 412),
        ('"v1', 412),
    ],
)
async def test_if_match_guards_a_version(api: Api, if_match: str, status: int):
    path = f"/api/flows/{api.ours.flow_id}"
    response = await api.call("PATCH", path, json={"name": "new"}, headers={"If-Match": if_match})
    assert response.status == status
    if status == 412:
        assert (await response.json())["code"] == "precondition_failed"
    else:
        assert response.headers["ETag"] == '"v2"'
    after = await api.call("GET", path)
    assert after.headers["ETag"] == ('"v2"' if status == 200 else '"v1"')


async def test_of_two_who_edit_the_same_version_one_wins(api_on_both: Api):
    api = api_on_both
    path = f"/api/flows/{api.ours.flow_id}"

    async def edit(name: str) -> int:
        return (await api.call("PATCH", path, json={"name": name}, headers={"If-Match": '"v1"'})).status

    async with asyncio.TaskGroup() as group:
        edits = [group.create_task(edit(f"n{number}")) for number in range(6)]
    assert sorted(task.result() for task in edits) == [200, 412, 412, 412, 412, 412]


@pytest.mark.parametrize(
    ("field", "text", "path"),
    [
        ("tools_json", "[", "tools_json"),
        ("tools_json", "", "tools_json"),
        ("tools_json", '[{"name": "a b"}]', "tools_json[0].name"),
        ("tools_json", "{}", "tools_json"),
        ("tools_json", "[" * 100_000, "tools_json"),
        ("transfer_map_json", '{"desk": "5"}', "transfer_map_json.desk"),
        ("outcome_schema_json", "[]", "outcome_schema_json"),
        ("speech_json", '{"language": "de", "x": 1}', "speech_json.x"),
        (
            "speech_json",
            '{"fallback": {"do": "transfer", "target": "desk"}}',
            "speech_json.fallback.target",
        ),
        ("caller_id_number_id", "num_none", "caller_id_number_id"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_what_is_inside_the_strings_is_checked(api: Api, method: str, field: str, text: str, path: str):
    where = "/api/flows" if method == "POST" else f"/api/flows/{api.ours.flow_id}"
    error = await api.json(method, where, json={"name": "x", field: text}, status=400)
    assert error["details"][0]["path"] == path
    (flow,) = (await api.json("GET", "/api/flows"))["items"]
    assert flow["version"] == 1


async def test_what_a_flow_says_about_speech_agrees_with_its_transfer_map_at_all_times(api: Api):
    speech = '{"providers": ["gemini"], "fallback": {"do": "transfer", "target": "desk"}}'
    both = NAME | {"speech_json": speech, "transfer_map_json": '{"desk": "+15550001111"}'}
    made = await api.json("POST", "/api/flows", json=both, status=201)
    assert made["speech_json"] == speech
    path = f"/api/flows/{made['id']}"
    assert await api.json("GET", path) == made
    error = await api.json("PATCH", path, json=NAME | {"transfer_map_json": "{}"}, status=400)
    assert error["details"] == [
        {
            "path": "speech_json.fallback.target",
            "message": "is no key of transfer_map_json",
            "code": "unknown_target",
        }
    ]
    assert await api.json("GET", path) == made
    kept = await api.json("PATCH", path, json=NAME | {"greeting": "Hi"})
    assert kept["speech_json"] == speech
    gone = await api.json("PATCH", path, json=NAME | {"transfer_map_json": "{}", "speech_json": None})
    assert (gone["speech_json"], gone["transfer_map_json"]) == (None, "{}")


async def test_another_orgs_number_is_no_caller_id(api: Api):
    body = {"name": "x", "caller_id_number_id": api.theirs.number_id}
    error = await api.json("POST", "/api/flows", json=body, status=400)
    assert error["details"] == [
        {"path": "caller_id_number_id", "message": "the org has no such number", "code": "unknown_number"}
    ]


async def test_a_number_is_registered_and_given_a_flow(api_on_both: Api):
    api = api_on_both
    sent = {"sid": "PN" + "aB" * 16, "e164": "+4930123456", "flow_id": api.ours.flow_id}
    number = await api.json("POST", "/api/numbers", json=sent, status=201)
    assert {name: number[name] for name in sent} == sent
    assert number["friendly_name"] == "+4930123456"
    again = await api.json("POST", "/api/numbers", json=sent, tenant=api.theirs, status=400)
    assert again["details"][0]["path"] == "flow_id"
    del sent["flow_id"]
    taken = await api.json("POST", "/api/numbers", json=sent, tenant=api.theirs, status=409)
    assert taken["code"] == "number_registered"
    path = f"/api/numbers/{number['id']}"
    changed = await api.json("PATCH", path, json={"flow_id": None, "friendly_name": "Front desk"})
    assert (changed["flow_id"], changed["friendly_name"]) == (None, "Front desk")
    assert await api.json("PATCH", path, json={}) == changed
    listed = (await api.json("GET", "/api/numbers", role="viewer"))["items"]
    assert [item["id"] for item in listed] == [api.ours.number_id, number["id"]]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"sid": "PN" + "0" * 31}, "sid"),
        ({"sid": "PN" + "0" * 32 + "\n"}, "sid"),
        ({"sid": "PN" + "\u0661" * 32}, "sid"),
        ({"e164": "15550001111"}, "e164"),
        ({"e164": "+0555000111"}, "e164"),
        ({"e164": "+1555000"}, "e164"),
        ({"e164": "+1555000111122223"}, "e164"),
        ({"e164": "+15550001111\n"}, "e164"),
        ({"e164": "+1555\u0660\u0660\u0660\u0661111"}, "e164"),
        ({"e164": 15550001111}, "e164"),
        ({"friendly_name": "x" * 121}, "friendly_name"),
        ({"friendly_name": None}, "friendly_name"),
        ({"flow_id": 7}, "flow_id"),
        ({"flow_id": "flow_none"}, "flow_id"),
    ],
)
async def test_numbers_that_are_none(api: Api, change: dict[str, object], path: str):
    body = {"sid": "PN" + "c" * 32, "e164": "+4930123456"} | change
    error = await api.json("POST", "/api/numbers", data=json.dumps(body), status=400, headers=JSON)
    assert [detail["path"] for detail in error["details"]] == [path]


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("body", [{"friendly_name": None}, {"flow_id": "flow_none"}, {"flow_id": ["x"]}])
async def test_bad_changes_to_a_number(api: Api, body: dict[str, object]):
    await api.json("PATCH", f"/api/numbers/{api.ours.number_id}", json=body, status=400)
    (number,) = (await api.json("GET", "/api/numbers"))["items"]
    assert (number["friendly_name"], number["flow_id"]) == ("Desk", api.ours.flow_id)


async def test_every_mistake_is_named_at_once(api: Api):
    error = await api.json("POST", "/api/numbers", json={"friendly_name": 1}, status=400)
    assert [detail["path"] for detail in error["details"]] == ["sid", "e164", "friendly_name"]
