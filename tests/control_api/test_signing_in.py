"""Cookies, keys, roles taken away, and requests another site had a browser send."""

from datetime import UTC, datetime, timedelta

import pytest

from store import api_keys, memberships, web_sessions
from tests.control_api.harness import PUBLIC_URL, Api

ORIGIN = PUBLIC_URL
COOKIE = "bh_hum_session"


async def me(api: Api, **options: object):
    return await api.call("GET", "/api/me", role=None, **options)


async def test_a_key_and_a_cookie_say_who_one_is(api_on_both: Api):
    api = api_on_both
    user = await api.json("GET", "/api/me", role=None, cookies={COOKIE: api.ours.cookies["operator"]})
    assert user == {
        "id": api.ours.users["operator"],
        "kind": "user",
        "name": "Operator",
        "email": "operator@ours.example",
        "role": "operator",
        "org": {"id": api.ours.org_id, "name": "ours", "role": "operator"},
        "orgs": [{"id": api.ours.org_id, "name": "ours", "role": "operator"}],
    }
    key = await api.json("GET", "/api/me", role="viewer")
    assert (key["kind"], key["email"], key["name"], key["role"]) == ("api_key", None, "viewer key", "viewer")
    assert key["orgs"] == [key["org"]]


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer hum_live_",
        "Bearer hum_live_nonsense",
        "Bearer sk_live_x",
        "Basic aHVtOmh1bQ==",
        "hum_live_x",
        "Bearer " + "x" * 4000,
        "Bearer hum_live_\u00e9",
    ],
)
async def test_bad_keys_are_401_even_beside_a_good_cookie(api: Api, authorization: str):
    cookies = {COOKIE: api.ours.cookies["admin"]}
    response = await me(api, headers={"Authorization": authorization}, cookies=cookies)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await response.json())["code"] == "unauthorized"


@pytest.mark.parametrize("cookie", ["", "x", "x" * 3000, "\u00e9"])
async def test_bad_cookies_are_401(api: Api, cookie: str):
    response = await me(api, headers={"Cookie": f"{COOKIE}={cookie}"})
    assert response.status == 401
    assert (await me(api)).status == 401


async def test_what_is_taken_away_is_gone_with_the_next_request(api: Api):
    cookies = {COOKIE: api.ours.cookies["admin"]}
    json = {"name": "x"}
    assert (await api.call("POST", "/api/flows", role=None, cookies=cookies, json=json)).status == 201
    async with api.database.write() as conn:
        await memberships.add_member(conn, api.ours.org_id, api.ours.users["admin"], "viewer")
    assert (await api.call("POST", "/api/flows", role=None, cookies=cookies, json=json)).status == 403
    assert (await me(api, cookies=cookies)).status == 200
    async with api.database.write() as conn:
        await memberships.remove_member(conn, api.ours.org_id, api.ours.users["admin"])
    assert (await me(api, cookies=cookies)).status == 401
    key = await api.json("GET", "/api/me", role="operator")
    async with api.database.write() as conn:
        await api_keys.revoke(conn, api.ours.org_id, key["id"], datetime.now(UTC))
    assert (await api.call("GET", "/api/me", role="operator")).status == 401


async def test_an_idle_session_ends_and_a_used_one_is_noted(api: Api):
    now = datetime.now(UTC)
    async with api.database.write() as conn:
        user = api.ours.users["viewer"]
        idle = await web_sessions.create(conn, api.ours.org_id, user, now - web_sessions.IDLE_LIMIT)
        used = await web_sessions.create(conn, api.ours.org_id, user, now - timedelta(hours=11))
    assert (await me(api, cookies={COOKIE: idle})).status == 401
    assert (await me(api, cookies={COOKIE: used})).status == 200
    async with api.database.read() as conn:
        session = await web_sessions.find(conn, used, now)
    assert session is not None
    assert now - session.last_seen_at < timedelta(minutes=1)


async def test_reading_does_not_wait_for_a_writer(api: Api, monkeypatch: pytest.MonkeyPatch):
    """A session due for a touch gets its answer although the touch finds no turn to write."""
    monkeypatch.setattr("control_api.sign_in.TOUCH_LIMIT_S", 0.01)
    used = datetime.now(UTC) - timedelta(minutes=5)
    async with api.database.write() as conn:
        token = await web_sessions.create(conn, api.ours.org_id, api.ours.users["viewer"], used)
    async with api.database.write():
        assert (await me(api, cookies={COOKIE: token})).status == 200
    assert (await me(api, cookies={COOKIE: token})).status == 200


FORGERIES = [
    ({}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": ""}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, False),
    ({"Origin": ORIGIN}, True),
    ({"Origin": ORIGIN.upper()}, True),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "http://hum.example.com"}, False),
    ({"Origin": "https://hum.example.com:8443"}, False),
    ({"Origin": "https://hum.example.com.evil.example"}, False),
    ({"Origin": "null"}, False),
]


@pytest.mark.parametrize(("headers", "allowed"), FORGERIES)
async def test_a_browser_sends_changes_only_from_our_own_pages(
    api: Api, headers: dict[str, str], allowed: bool
):
    cookies = {COOKIE: api.ours.cookies["admin"]}
    options = {"role": None, "cookies": cookies, "headers": headers}
    response = await api.call("POST", "/api/flows", json={"name": "x"}, **options)
    assert response.status == (201 if allowed else 403)
    if not allowed:
        assert (await response.json())["code"] == "cross_site"
    assert (await api.call("GET", "/api/flows", **options)).status == 200


async def test_a_key_is_no_browsers_and_needs_no_origin(api: Api):
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    await api.json("POST", "/api/flows", json={"name": "x"}, headers=headers, status=201)
