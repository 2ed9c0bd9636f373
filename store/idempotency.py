"""Replies kept for a day, so that a request sent twice under one Idempotency-Key acts once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.rows import insert_unless_present, make_or_none
from store.schema import idempotency_keys

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeptReply:
    """What was answered. `reply` is the body as sent, `request_sha256` tells one request from another."""

    request_sha256: str
    status: int
    reply: str


async def find(
    conn: AsyncConnection, org_id: str, operation: str, key: str, now: datetime
) -> KeptReply | None:
    """Return the reply kept under a key, None when there is none younger than a day."""
    k = idempotency_keys.c
    row = await conn.execute(
        select(k.request_sha256, k.status, k.reply).where(
            k.org_id == org_id, k.operation == operation, k.key == key, k.created_at > now - KEPT
        )
    )
    return make_or_none(KeptReply, row.one_or_none())


async def keep(
    conn: AsyncConnection, org_id: str, operation: str, key: str, reply: KeptReply, now: datetime
) -> bool:
    """Keep a reply in the transaction it reports on; False when the key was used meanwhile (undo then)."""
    k = idempotency_keys.c
    await conn.execute(delete(idempotency_keys).where(k.org_id == org_id, k.created_at <= now - KEPT))
    values = {
        "org_id": org_id,
        "operation": operation,
        "key": key,
        "request_sha256": reply.request_sha256,
        "status": reply.status,
        "reply": reply.reply,
        "created_at": now,
    }
    return await insert_unless_present(conn, idempotency_keys, values, ["org_id", "operation", "key"])
