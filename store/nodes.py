"""Nodes: the processes that carry calls, and whether they are alive."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.rows import insert_or_update
from store.schema import nodes
from store.times import utc_now


async def register(conn: AsyncConnection, node_id: str, now: datetime) -> None:
    """Note that a node has started; one that comes back under its old id is alive again."""
    values = {"id": node_id, "started_at": now, "seen_at": now, "stopped_at": None}
    await insert_or_update(conn, nodes, values, unique=["id"], update=["started_at", "seen_at", "stopped_at"])


async def beat(conn: AsyncConnection, node_id: str, now: datetime) -> None:
    """Note that a node is alive; `seen_at` never goes back."""
    await conn.execute(update(nodes).where(nodes.c.id == node_id, nodes.c.seen_at < now).values(seen_at=now))


async def stop(conn: AsyncConnection, node_id: str, now: datetime | None = None) -> None:
    """Note that a node has stopped in good order (or that its calls have been dealt with)."""
    await conn.execute(
        update(nodes)
        .where(nodes.c.id == node_id, nodes.c.stopped_at.is_(None))
        .values(stopped_at=now or utc_now())
    )


async def stop_all(conn: AsyncConnection, now: datetime | None = None) -> list[str]:
    """Note that every node has stopped: right on SQLite, where a service that starts is the only one.

    Returns:
        The nodes that had not said so themselves.
    """
    rows = await conn.execute(
        update(nodes)
        .where(nodes.c.stopped_at.is_(None))
        .values(stopped_at=now or utc_now())
        .returning(nodes.c.id)
    )
    return sorted(rows.scalars())


async def lost_nodes(conn: AsyncConnection, now: datetime, stale_s: float = 20) -> list[str]:
    """Return nodes that neither stopped nor were seen for `stale_s` seconds."""
    n = nodes.c
    rows = await conn.execute(
        select(n.id)
        .where(n.stopped_at.is_(None), n.seen_at <= now - timedelta(seconds=stale_s))
        .order_by(n.id)
    )
    return list(rows.scalars())
