"""One-time tokens that let the carrier open a call's media socket."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.rows import make_or_none
from store.schema import media_tokens
from store.times import utc_now
from store.tokens import fingerprint, new_token


@dataclass(frozen=True, slots=True)
class ClaimedToken:
    """What a claimed token was good for."""

    org_id: str
    call_id: str


async def issue(
    conn: AsyncConnection, org_id: str, call_id: str, *, ttl_s: float = 60, now: datetime | None = None
) -> str:
    """Make a token for one media stream of a call; only its hash is kept.

    Args:
        conn: a writing connection.
        org_id: the org.
        call_id: its call.
        ttl_s: how long it may be claimed, seconds.
        now: time of issue, aware.
    """
    token = new_token()
    await conn.execute(
        insert(media_tokens).values(
            token_sha256=fingerprint(token),
            org_id=org_id,
            call_id=call_id,
            expires_at=(now or utc_now()) + timedelta(seconds=ttl_s),
        )
    )
    return token


async def claim(conn: AsyncConnection, token: str, now: datetime | None = None) -> ClaimedToken | None:
    """Use a token up. Of any number of racing claims exactly one gets it; unknown and expired give None."""
    t, at = media_tokens.c, now or utc_now()
    row = await conn.execute(
        update(media_tokens)
        .where(t.token_sha256 == fingerprint(token), t.claimed_at.is_(None), t.expires_at > at)
        .values(claimed_at=at)
        .returning(t.org_id, t.call_id)
    )
    return make_or_none(ClaimedToken, row.one_or_none())


async def remove_expired(conn: AsyncConnection, now: datetime) -> int:
    """Delete tokens past their time, claimed or not; return how many."""
    return (await conn.execute(delete(media_tokens).where(media_tokens.c.expires_at <= now))).rowcount
