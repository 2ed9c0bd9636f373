"""Every error in one shape, whatever went wrong and wherever."""

import asyncio
import dataclasses
import gzip
import io
import json
from pathlib import Path
from unittest import mock

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from control_api.application import add_control_api
from control_api.request_body import LIMIT_BYTES
from control_api.services import Readiness
from store import calls, orgs
from store.database import Database
from store.errors import DatabaseFull, DatabaseLocked, StoreError
from tests.control_api.harness import Api, serving

KEYS = {"error", "code", "message", "details", "request_id"}


async def expect(response, status: int, code: str) -> dict:
    body = await response.json()
    assert response.status == status, body
    assert set(body) == KEYS
    assert body["error"] == body["code"] == code
    assert response.headers["X-Request-Id"] == body["request_id"]
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert all(set(detail) == {"path", "message", "code"} for detail in body["details"])
    return body


async def test_every_answer_has_its_own_request_id(api: Api):
    ids = set()
    for path in ("/api/health", "/api/calls", "/nowhere", "/openapi.json", "/metrics"):
        ids.add((await api.call("GET", path)).headers["X-Request-Id"])
    assert len(ids) == 5
    assert all(each.startswith("req_") for each in ids)


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/api", "/api/", "/api/calls/", "/api/none", "/docs/../secret"]
)
async def test_unknown_paths(api: Api, path: str):
    await expect(await api.call("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/api/calls", {"GET"}),
        ("HEAD", "/api/calls", {"GET"}),
        ("PUT", "/api/flows", {"GET", "POST"}),
        ("OPTIONS", "/api/flows/x", {"GET", "PATCH"}),
        ("TRACE", "/api/health", {"GET"}),
        ("POST", "/api/calls/x/recording", {"GET", "HEAD"}),
    ],
)
async def test_other_methods_are_refused_with_those_allowed(
    api: Api, method: str, path: str, allow: set[str]
):
    response = await api.call(method, path)
    assert response.status == 405
    assert set(response.headers["Allow"].split(",")) == allow
    if method != "HEAD":
        await expect(response, 405, "method_not_allowed")


BODIES = [
    (b"", "invalid_request", "body"),
    (b"{", "invalid_request", "body"),
    (b'{"name":"x"} {}', "invalid_request", "body"),
    (b"[]", "invalid_request", "body"),
    (b'"x"', "invalid_request", "body"),
    (b"null", "invalid_request", "body"),
    (b'{"name":NaN}', "invalid_request", "body"),
    (b'{"name":Infinity}', "invalid_request", "body"),
    (b'{"x":1e999}', "invalid_request", "body"),
    (b'{"name":"\\ud800"}', "invalid_request", "body"),
    (b'{"name":"\xff"}', "invalid_request", "body"),
    (b'{"name":"a\\u0000b"}', "invalid_request", "body"),
    (b'{"name":"x","unknown":{"deep":["\\u0000"]}}', "invalid_request", "body"),
    (b'{"name":"x","unknown":{"\\u0000":1}}', "invalid_request", "body"),
    (b'\xef\xbb\xbf{"name":"x"}', "invalid_request", "body"),
    (b'{"name":"x","a":' + b"[" * 64 + b"]" * 64 + b"}", "invalid_request", "body"),
    (b"[" * 500_000, "invalid_request", "body"),
    (b'{"a":' * 100_000, "invalid_request", "body"),
    (b"{}", "invalid_request", "name"),
    (b'{"name":""}', "invalid_request", "name"),
    (b'{"name":null}', "invalid_request", "name"),
    (b'{"name":1}', "invalid_request", "name"),
    (b'{"name":"x","kind":null}', "invalid_request", "kind"),
    (b'{"name":"x","voicemail_enabled":true}', "invalid_request", "voicemail_enabled"),
    (b'{"name":"x","voicemail_enabled":"1"}', "invalid_request", "voicemail_enabled"),
    (b'{"name":"x","voicemail_enabled":2}', "invalid_request", "voicemail_enabled"),
    (b'{"name":"x","voicemail_enabled":0.5}', "invalid_request", "voicemail_enabled"),
    (b'{"name":"x","voicemail_enabled":null}', "invalid_request", "voicemail_enabled"),
    (b'{"name":"x","business_hours_enabled":null}', "invalid_request", "business_hours_enabled"),
    (b'{"name":"x","provider":"other"}', "invalid_request", "provider"),
]


@pytest.mark.parametrize(("body", "code", "path"), BODIES, ids=[repr(body[:30]) for body, _, _ in BODIES])
async def test_bad_bodies_are_400_with_the_place(api: Api, body: bytes, code: str, path: str):
    response = await api.call("POST", "/api/flows", data=body, headers={"Content-Type": "application/json"})
    error = await expect(response, 400, code)
    assert [detail["path"] for detail in error["details"] or [{"path": "body"}]] == [path]
    assert len((await api.json("GET", "/api/flows"))["items"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        b' {"name":"x","a":' + b"[" * 63 + b"]" * 63 + b"} ",
        b'{"name":"x","voicemail_enabled":1.0,"unknown":12345678901234567890123}',
        '{"name":"\U0001f600 é \\ud83d\\ude00"}'.encode(),
    ],
)
async def test_bodies_at_the_edge_are_taken(api: Api, body: bytes):
    response = await api.call(
        "POST", "/api/flows", data=body, headers={"Content-Type": "application/json; charset=UTF-8"}
    )
    assert response.status == 201, await response.text()


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "x"],
)
async def test_other_content_types_are_415(api: Api, content_type: str):
    response = await api.call(
        "POST", "/api/flows", data=b'{"name":"x"}', headers={"Content-Type": content_type}
    )
    await expect(response, 415, "unsupported_media_type")


async def test_a_body_without_content_type_is_415(api: Api):
    response = await api.call("POST", "/api/flows", data=b'{"name":"x"}', skip_auto_headers=["Content-Type"])
    await expect(response, 415, "unsupported_media_type")


async def test_large_bodies_are_413_whether_declared_or_not(api: Api):
    body = json.dumps({"name": "x" * LIMIT_BYTES}).encode()
    headers = {"Content-Type": "application/json"}
    await expect(
        await api.call("POST", "/api/flows", data=io.BytesIO(body), headers=headers), 413, "too_large"
    )

    async def pieces():
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    response = await api.call("POST", "/api/flows", data=pieces(), headers=headers)
    await expect(response, 413, "too_large")


async def test_a_small_body_that_unpacks_to_a_large_one_is_413(api: Api):
    packed = gzip.compress(json.dumps({"name": "x" * 50_000_000}).encode())
    assert len(packed) < 100_000
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    await expect(await api.call("POST", "/api/flows", data=packed, headers=headers), 413, "too_large")


@pytest.mark.blocking_loop("aiohttp logs such a body by itself, to standard error here")
async def test_a_body_that_does_not_unpack_is_400(api: Api):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = await api.call("POST", "/api/flows", data=b"not gzip at all", headers=headers)
    assert response.status == 400


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DatabaseLocked("locked"), 503, "database_unavailable"),
        (DatabaseFull("full"), 503, "database_unavailable"),
        (StoreError("secret detail"), 500, "internal"),
        (ZeroDivisionError("secret detail"), 500, "internal"),
        (KeyError("secret detail"), 500, "internal"),
        (TimeoutError("secret detail"), 500, "internal"),
    ],
)
async def test_what_goes_wrong_inside_is_told_without_telling_it(
    api: Api, error: Exception, status: int, code: str
):
    with capture_logs() as logs, mock.patch.object(calls, "list_calls", side_effect=error):
        body = await expect(await api.call("GET", "/api/calls"), status, code)
    assert "secret" not in json.dumps(body)
    assert [entry["id"] for entry in logs if entry["log_level"] == "error"] == [body["request_id"]]
    await api.json("GET", "/api/calls")


async def test_a_full_database_refuses_writes_and_still_reads(api: Api):
    async with api.database.write() as conn:
        pages = (await conn.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        await orgs.create_org(conn, "fits in the last page")
    body = {"name": "x", "system_prompt": "y" * 500_000}
    await expect(await api.call("POST", "/api/flows", json=body), 503, "database_unavailable")
    assert len((await api.json("GET", "/api/flows"))["items"]) == 1


async def test_requests_are_counted_by_operation_and_status(api: Api):
    await api.json("GET", "/api/calls")
    await api.json("GET", "/api/calls?limit=x", status=400)
    await api.call("GET", "/nowhere")
    text = await (await api.call("GET", "/metrics", role=None)).text()
    assert 'hum_api_requests_total{operation="listCalls",status="200"} 1.0' in text
    assert 'hum_api_requests_total{operation="listCalls",status="400"} 1.0' in text
    assert 'hum_api_requests_total{operation="none",status="404"} 1.0' in text
    assert "hum_event_log_waiting 0.0" in text


async def test_other_routes_of_the_application_are_left_alone(sqlite_url: str, tmp_path: Path):
    async def carrier(_request: web.Request) -> web.Response:
        raise web.HTTPForbidden(text="plain")

    database = await Database.open(sqlite_url)
    try:
        async with serving(database, tmp_path) as api:
            app = web.Application()
            app.router.add_post("/twilio/voice/{id}", carrier)
            add_control_api(app, dataclasses.replace(api.services, registry=CollectorRegistry()))
            async with TestClient(TestServer(app)) as client:
                response = await client.post("/twilio/voice/1")
                assert (response.status, await response.text()) == (403, "plain")
                assert "X-Request-Id" not in response.headers
                await expect(await client.get("/twilio/none"), 404, "not_found")
    finally:
        await database.close()


async def test_readiness_says_what_stands_in_the_way(api: Api):
    answer = await api.json("GET", "/api/ready", role=None)
    assert answer == {"ready": True, "live_calls": 3, "details": {"providers": {}}}
    api.ready = Readiness(False, {"drain": "stopping"})
    error = await expect(await api.call("GET", "/api/ready", role=None), 503, "not_ready")
    assert error["details"] == [{"path": "drain", "message": "stopping", "code": "not_ready"}]
    assert await api.json("GET", "/api/health", role=None) == {"status": "ok", "version": "9.9.9"}


async def test_providers_in_trouble_are_told_and_stand_in_nobodys_way(api: Api):
    api.ready = Readiness(True, providers={"openai": "open", "gemini": "half_open"})
    answer = await api.json("GET", "/api/ready", role=None)
    assert answer["ready"] is True
    assert answer["details"] == {"providers": {"openai": "open", "gemini": "half_open"}}
    api.ready = Readiness(False, {"drain": "stopping"}, {"openai": "open"})
    error = await expect(await api.call("GET", "/api/ready", role=None), 503, "not_ready")
    assert [each["path"] for each in error["details"]] == ["drain"]


async def test_a_client_that_goes_away_in_its_body_harms_nothing(api: Api):
    reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
    key = api.ours.keys["admin"]
    head = f"POST /api/flows HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 500\r\n"
    writer.write(head.encode() + b'Content-Type: application/json\r\n\r\n{"name":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert reader is not None
    assert len((await api.json("GET", "/api/flows"))["items"]) == 1
