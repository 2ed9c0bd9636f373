"""Orgs, users, memberships, sessions and API keys."""

from datetime import UTC, datetime, timedelta

import pytest

from store import api_keys, memberships, orgs, users, web_sessions
from store.database import Database
from store.errors import Conflict

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


async def test_a_user_is_found_again_by_address_whatever_its_case(database: Database):
    async with database.write() as conn:
        first = await users.ensure_user(conn, " Ann@Example.com ", "Ann")
        again = await users.ensure_user(conn, "ann@example.COM", "Somebody else")
    assert first == again
    assert first.email == "ann@example.com"
    assert first.name == "Ann"


async def test_roles_belong_to_one_org(database: Database):
    async with database.write() as conn:
        here, there = await orgs.create_org(conn, "Here"), await orgs.create_org(conn, "There")
        user = await users.ensure_user(conn, "a@b.c", "A")
        await memberships.add_member(conn, here.id, user.id, "viewer")
        await memberships.add_member(conn, here.id, user.id, "admin")
    async with database.read() as conn:
        assert await memberships.role_of(conn, here.id, user.id) == "admin"
        assert await memberships.role_of(conn, there.id, user.id) is None
        assert await memberships.memberships_of(conn, user.id) == [
            memberships.Membership(here.id, "Here", "admin")
        ]


async def _session(database: Database, role: memberships.Role = "operator") -> tuple[str, str, str]:
    async with database.write() as conn:
        org = await orgs.create_org(conn, "Org")
        user = await users.ensure_user(conn, "a@b.c", "A")
        await memberships.add_member(conn, org.id, user.id, role)
        return org.id, user.id, await web_sessions.create(conn, org.id, user.id, NOW)


async def test_a_session_follows_the_role_of_its_member(database: Database):
    org_id, user_id, token = await _session(database)
    async with database.write() as conn:
        found = await web_sessions.find(conn, token, NOW)
        assert found is not None
        assert (found.org_id, found.user_id, found.role, found.email) == (
            org_id,
            user_id,
            "operator",
            "a@b.c",
        )
        await memberships.add_member(conn, org_id, user_id, "viewer")
        assert (await web_sessions.find(conn, token, NOW)).role == "viewer"
        assert await memberships.remove_member(conn, org_id, user_id)
        assert await web_sessions.find(conn, token, NOW) is None
        assert not await memberships.remove_member(conn, org_id, user_id)


async def test_a_session_ends_when_idle_and_at_its_absolute_limit(database: Database):
    _, _, token = await _session(database)
    almost = NOW + web_sessions.IDLE_LIMIT - timedelta(microseconds=1)
    async with database.write() as conn:
        assert await web_sessions.find(conn, token, almost) is not None
        assert await web_sessions.find(conn, token, NOW + web_sessions.IDLE_LIMIT) is None
        at = NOW
        while at < NOW + web_sessions.ABSOLUTE_LIMIT - timedelta(hours=11):
            at += timedelta(hours=11)
            assert await web_sessions.find(conn, token, at) is not None
            await web_sessions.touch(conn, token, at)
        assert await web_sessions.find(conn, token, NOW + web_sessions.ABSOLUTE_LIMIT) is None
        assert await web_sessions.remove_expired(conn, at) == 0
        assert await web_sessions.remove_expired(conn, NOW + web_sessions.ABSOLUTE_LIMIT) == 1


async def test_touching_a_session_never_takes_it_back(database: Database):
    _, _, token = await _session(database)
    later = NOW + timedelta(hours=1)
    async with database.write() as conn:
        await web_sessions.touch(conn, token, later)
        await web_sessions.touch(conn, token, NOW + timedelta(minutes=5))
        assert (await web_sessions.find(conn, token, later)).last_seen_at == later


async def test_a_revoked_session_is_gone(database: Database):
    org_id, user_id, token = await _session(database)
    async with database.write() as conn:
        other = await web_sessions.create(conn, org_id, user_id, NOW)
        await web_sessions.revoke(conn, token)
        await web_sessions.revoke(conn, token)
        assert await web_sessions.find(conn, token, NOW) is None
        assert await web_sessions.find(conn, other, NOW) is not None
        await web_sessions.revoke_all(conn, org_id, user_id)
        assert await web_sessions.find(conn, other, NOW) is None


async def test_no_session_without_a_membership(database: Database):
    org_id, _, _ = await _session(database)
    async with database.write() as conn:
        stranger = await users.ensure_user(conn, "x@y.z", "X")
    with pytest.raises(Conflict):
        async with database.write() as conn:
            await web_sessions.create(conn, org_id, stranger.id, NOW)


@pytest.mark.parametrize("rubbish", ["", "x" * 5000, "\x00", "\ud800", "’; DROP TABLE users"])
async def test_rubbish_tokens_find_nothing(database: Database, rubbish: str):
    await _session(database)
    async with database.read() as conn:
        assert await web_sessions.find(conn, rubbish, NOW) is None
        assert await api_keys.find(conn, rubbish, NOW) is None


async def test_an_api_key_is_shown_once_and_stored_as_a_hash(database: Database):
    async with database.write() as conn:
        org = await orgs.create_org(conn, "Org")
        row, key = await api_keys.create(conn, org.id, "operator", "ci", NOW)
    assert key.startswith("hum_live_")
    assert len(key) == len("hum_live_") + 43
    assert key.startswith(row.prefix)
    async with database.read() as conn:
        assert await api_keys.find(conn, key, NOW) == row
        assert await api_keys.find(conn, key[:-1], NOW) is None
        stored = (await conn.exec_driver_sql("SELECT * FROM api_keys")).one()
    assert key not in [str(value) for value in stored]


async def test_a_revoked_key_stays_revoked_and_only_its_org_revokes_it(database: Database):
    async with database.write() as conn:
        org, other = await orgs.create_org(conn, "Org"), await orgs.create_org(conn, "Other")
        row, key = await api_keys.create(conn, org.id, "admin", "k", NOW)
        assert not await api_keys.revoke(conn, other.id, row.id, NOW)
        assert await api_keys.find(conn, key, NOW) is not None
        assert await api_keys.revoke(conn, org.id, row.id, NOW)
        assert not await api_keys.revoke(conn, org.id, row.id, NOW + timedelta(days=1))
        assert await api_keys.find(conn, key, NOW) is None


async def test_use_of_a_key_is_noted_at_most_once_a_minute(database: Database):
    async with database.write() as conn:
        org = await orgs.create_org(conn, "Org")
        row, key = await api_keys.create(conn, org.id, "admin", "k", NOW)
        seen = []
        for seconds in (0, 59, 60, 61):
            await api_keys.touch(conn, org.id, row.id, NOW + timedelta(seconds=seconds))
            seen.append((await api_keys.find(conn, key, NOW)).last_used_at - NOW)
    assert [at.total_seconds() for at in seen] == [0, 0, 60, 60]
