"""API keys: `hum_live_…`, shown once; an org's own, with a role of their own."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.ids import new_id
from store.memberships import Role
from store.rows import make, make_or_none
from store.schema import api_keys
from store.tokens import fingerprint, new_token

KEY_PREFIX = "hum_live_"
TOUCH_INTERVAL = timedelta(minutes=1)
_VISIBLE_CHARACTERS = len(KEY_PREFIX) + 6


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored: enough to recognise it, not to use it."""

    id: str
    org_id: str
    role: Role
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


_COLUMNS = [column for column in api_keys.c if column.name != "key_sha256"]


async def create(
    conn: AsyncConnection, org_id: str, role: Role, name: str, now: datetime
) -> tuple[ApiKey, str]:
    """Create a key; return its row and the key itself, which nobody can read again."""
    key = KEY_PREFIX + new_token()
    row = await conn.execute(
        insert(api_keys)
        .values(
            id=new_id("key"),
            org_id=org_id,
            role=role,
            name=name,
            prefix=key[:_VISIBLE_CHARACTERS],
            key_sha256=fingerprint(key),
            created_at=now,
        )
        .returning(*_COLUMNS)
    )
    return make(ApiKey, row.one()), key


async def find(conn: AsyncConnection, key: str, now: datetime) -> ApiKey | None:
    """Return the key's row; None when it is unknown or was revoked by `now`."""
    k = api_keys.c
    row = await conn.execute(
        select(*_COLUMNS).where(
            k.key_sha256 == fingerprint(key), k.revoked_at.is_(None) | (k.revoked_at > now)
        )
    )
    return make_or_none(ApiKey, row.one_or_none())


async def revoke(conn: AsyncConnection, org_id: str, key_id: str, now: datetime) -> bool:
    """Revoke a key for good; return whether it was there and not revoked before."""
    k = api_keys.c
    result = await conn.execute(
        update(api_keys)
        .where(k.org_id == org_id, k.id == key_id, k.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(k.id)
    )
    return result.first() is not None


async def touch(conn: AsyncConnection, org_id: str, key_id: str, now: datetime) -> None:
    """Note that the key was used, at most once a minute."""
    k = api_keys.c
    await conn.execute(
        update(api_keys)
        .where(
            k.org_id == org_id,
            k.id == key_id,
            k.last_used_at.is_(None) | (k.last_used_at <= now - TOUCH_INTERVAL),
        )
        .values(last_used_at=now)
    )
