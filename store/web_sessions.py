"""Browser sessions: an opaque token in a cookie, its hash here, the role read live from the membership."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.memberships import Role
from store.rows import make_or_none
from store.schema import memberships, users, web_sessions
from store.tokens import fingerprint, new_token

IDLE_LIMIT = timedelta(hours=12)
ABSOLUTE_LIMIT = timedelta(days=7)
TOUCH_INTERVAL = timedelta(minutes=1)
"""`last_seen_at` moves at most this often, so that reading the API does not mean writing all the time."""


@dataclass(frozen=True, slots=True)
class WebSession:
    """A session that is good right now, with the person behind it."""

    org_id: str
    user_id: str
    email: str
    name: str
    role: Role
    created_at: datetime
    last_seen_at: datetime


async def create(conn: AsyncConnection, org_id: str, user_id: str, now: datetime) -> str:
    """Open a session for a member and return its token, which is not stored.

    Raises:
        Conflict: (from the transaction) the user is no member of the org.
    """
    token = new_token()
    await conn.execute(
        insert(web_sessions).values(
            token_sha256=fingerprint(token), org_id=org_id, user_id=user_id, created_at=now, last_seen_at=now
        )
    )
    return token


async def find(conn: AsyncConnection, token: str, now: datetime) -> WebSession | None:
    """Return the session behind a token; None when unknown, idle too long, too old or its member is gone."""
    s, m, u = web_sessions.c, memberships.c, users.c
    row = await conn.execute(
        select(s.org_id, s.user_id, u.email, u.name, m.role, s.created_at, s.last_seen_at)
        .join_from(web_sessions, memberships, (m.org_id == s.org_id) & (m.user_id == s.user_id))
        .join(users, u.id == s.user_id)
        .where(
            s.token_sha256 == fingerprint(token),
            s.last_seen_at > now - IDLE_LIMIT,
            s.created_at > now - ABSOLUTE_LIMIT,
        )
    )
    return make_or_none(WebSession, row.one_or_none())


async def touch(conn: AsyncConnection, token: str, now: datetime) -> None:
    """Note that the session was used; `last_seen_at` never goes back."""
    s = web_sessions.c
    await conn.execute(
        update(web_sessions)
        .where(s.token_sha256 == fingerprint(token), s.last_seen_at <= now - TOUCH_INTERVAL)
        .values(last_seen_at=now)
    )


async def revoke(conn: AsyncConnection, token: str) -> None:
    """End one session; harmless when it is gone."""
    await conn.execute(delete(web_sessions).where(web_sessions.c.token_sha256 == fingerprint(token)))


async def revoke_all(conn: AsyncConnection, org_id: str, user_id: str) -> None:
    """End every session of a user in an org."""
    s = web_sessions.c
    await conn.execute(delete(web_sessions).where(s.org_id == org_id, s.user_id == user_id))


async def remove_expired(conn: AsyncConnection, now: datetime) -> int:
    """Delete sessions that can never be used again; return how many."""
    s = web_sessions.c
    ended = (s.last_seen_at <= now - IDLE_LIMIT) | (s.created_at <= now - ABSOLUTE_LIMIT)
    return (await conn.execute(delete(web_sessions).where(ended))).rowcount
